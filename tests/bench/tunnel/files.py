"""What the target serves, and the configurations of the others."""
import json
import os
import subprocess

from places import OF_SING_BOX, PROTOCOLS, RUN, USER
import sing_box

SIZES = (1024, 64 * 2**20, 2**30, 2 * 2**30)
# Private and public.
REALITY_KEYS = ("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", "j0DFrbaPJWJK5bIU6nZ6bslNgp09e14a0bpvPiE4KF8")

NGINX = """
worker_processes 1;
daemon off;
pid {run}/nginx.pid;
error_log stderr crit;
events {{ worker_connections 8192; }}
http {{
  access_log off; sendfile on; tcp_nopush on; tcp_nodelay on; keepalive_timeout 0;
  client_body_temp_path {run}/t1; proxy_temp_path {run}/t2; fastcgi_temp_path {run}/t3; uwsgi_temp_path {run}/t4;
  scgi_temp_path {run}/t5;
  server {{ listen 127.0.0.1:{target} backlog=4096; root {run}/files; }}
  server {{
    listen 127.0.0.1:{cover} ssl http2; server_name localhost; root {run}/files;
    ssl_certificate {run}/server.pem; ssl_certificate_key {run}/server.key; ssl_protocols TLSv1.3;
  }}
}}
"""

SSHD = """
Port {server}
ListenAddress 127.0.0.1
HostKey {run}/host_key
AuthorizedKeysFile {run}/user_key.pub
StrictModes no
UsePAM no
PidFile none
LogLevel ERROR
MaxSessions 1000
MaxStartups 1000
"""


def write(name, text):
    with open(os.path.join(RUN, name), "w", encoding="utf-8") as file:
        file.write(text)


def certificate():
    where = os.path.join(RUN, "server")
    if not os.path.exists(f"{where}.pem"):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                        "3650", "-keyout", f"{where}.key", "-out", f"{where}.pem", "-subj", "/CN=localhost", "-addext",
                        "subjectAltName=IP:127.0.0.1"], check=False, capture_output=True)


def sniffing_client(ports):
    client = {"listen": "127.0.0.1", "port": ports["client"], "protocol": "socks",
              "sniffing": {"enabled": True, "destOverride": ["http", "tls"], "routeOnly": True}}
    server = {"protocol": "mux.pro", "settings": {"address": "127.0.0.1", "port": ports["server"]}}
    write("sniffing.json", json.dumps({"log": {"loglevel": "warning", "access": "none"}, "inbounds": [client], "outbounds": [server]}))


def v2ray(ports):
    log = {"loglevel": "error", "access": "none"}
    user = {"id": USER}
    server = {"listen": "127.0.0.1", "port": ports["server"], "protocol": "vless",
              "settings": {"clients": [user], "decryption": "none"}}
    pair = {"certificateFile": os.path.join(RUN, "server.pem"), "keyFile": os.path.join(RUN, "server.key")}
    tls = {"security": "tls", "tlsSettings": {"certificates": [pair]}}
    for name, stream in (("", {}), ("-tls", tls)):
        write(f"v2ray-server{name}.json",
              json.dumps({"log": log, "inbounds": [{**server, "streamSettings": stream}],
                          "outbounds": [{"protocol": "freedom", "settings": {}}]}))
    client = {"listen": "127.0.0.1", "port": ports["client"], "protocol": "socks", "settings": {"auth": "noauth"}}
    way = {"address": "127.0.0.1", "port": ports["server"], "users": [{**user, "encryption": "none"}]}
    for concurrency in (0, 8):
        out = {"protocol": "vless", "settings": {"vnext": [way]}}
        if concurrency:
            out["mux"] = {"enabled": True, "concurrency": concurrency}
        write(f"v2ray-{concurrency}.json", json.dumps({"log": log, "inbounds": [client], "outbounds": [out]}))
        out["streamSettings"] = {"security": "tls", "tlsSettings": {"allowInsecure": True}}
        write(f"v2ray-{concurrency}-tls.json", json.dumps({"log": log, "inbounds": [client], "outbounds": [out]}))


def accounts(protocol, at, words):
    """What the two ends' settings are, the server's first."""
    if protocol == "mux.pro":
        return {}, at
    flow = {"flow": "xtls-rprx-vision"} if "vision" in words else {}
    if protocol == "vless":
        return {"clients": [{"id": USER, **flow}], "decryption": "none"}, {
            "vnext": [{**at, "users": [{"id": USER, "encryption": "none", **flow}]}]}
    if protocol == "vmess":
        return {"clients": [{"id": USER}]}, {"vnext": [{**at, "users": [{"id": USER, "security": "aes-128-gcm"}]}]}
    if protocol == "trojan":
        return {"clients": [{"password": USER}]}, {"servers": [{**at, "password": USER}]}
    key = {"method": "2022-blake3-aes-128-gcm", "password": "AAECAwQFBgcICQoLDA0ODw=="}
    return {**key, "network": "tcp"}, {"servers": [{**at, **key}]}


def security(words, ports):
    """What the streams' settings are, the server's first."""
    here, pem = "127.0.0.1", os.path.join(RUN, "server.pem")
    if "TLS" in words:
        pair = {"certificateFile": pem, "keyFile": os.path.join(RUN, "server.key")}
        return {"security": "tls", "tlsSettings": {"certificates": [pair]}}, {
            "security": "tls", "tlsSettings": {"serverName": here, "certificates": [
                {"certificateFile": pem, "usage": "verify"}]}}
    if "reality" in words:
        common = {"shortIds": [""], "serverNames": ["localhost"], "privateKey": REALITY_KEYS[0]}
        return {"security": "reality", "realitySettings": {**common, "target": f"127.0.0.1:{ports['cover']}"}}, {
            "security": "reality", "realitySettings": {"serverName": "localhost", "publicKey": REALITY_KEYS[1],
                                                       "shortId": "", "fingerprint": "chrome"}}
    return {}, {}


CARRIERS = {"ws": {"network": "ws", "wsSettings": {"path": "/bench"}},
            "grpc": {"network": "grpc", "grpcSettings": {"serviceName": "bench"}}}


def by_protocol(ports):
    here, at = "127.0.0.1", {"address": "127.0.0.1", "port": ports["server"]}
    local = {"listen": here, "port": ports["client"], "protocol": "socks", "settings": {"auth": "noauth"}}
    for protocol in PROTOCOLS:
        name, *words = protocol.split(" ")
        server, client = accounts(name, at, words)
        of_server, of_client = security(words, ports)
        carrier = next((CARRIERS[word] for word in words if word in CARRIERS), {})
        inbound = {"listen": here, "port": ports["server"], "protocol": name, "settings": server,
                   "streamSettings": {**carrier, **of_server}}
        outbound = {"protocol": name, "settings": client, "streamSettings": {**carrier, **of_client}}
        if "mux" in words:
            outbound["mux"] = {"enabled": True, "concurrency": 8}
        for program in ("muxpro", "xray", "v2ray"):
            # Targets of 127.0.0.1 are refused unless the operator allows them.
            direct = {"protocol": "freedom", "settings": {"allowPrivate": True} if program == "muxpro" else {}}
            end = f"{program}-{protocol.replace(' ', '-')}"
            log = {"loglevel": "warning", "access": "none"}
            write(f"{end}-server.json", json.dumps({"log": log, "inbounds": [inbound], "outbounds": [direct]}))
            write(f"{end}-client.json", json.dumps({"log": log, "inbounds": [local], "outbounds": [outbound]}))
        if protocol in OF_SING_BOX:
            end = f"sing-box-{protocol.replace(' ', '-')}"
            write(f"{end}-server.json", json.dumps(sing_box.configuration(inbound, {"protocol": "freedom"})))
            write(f"{end}-client.json", json.dumps(sing_box.configuration(local, outbound)))


def keep_in_memory(size):
    """So that nginx waits for no disk: kernels may let go of pages that nobody has touched for a while."""
    with open(os.path.join(RUN, "files", str(size)), "rb", buffering=0) as file:
        while file.read(2**20):
            pass


def make(ports):
    files = os.path.join(RUN, "files")
    os.makedirs(files, exist_ok=True)
    block = os.urandom(2**20)
    for size in SIZES:
        path = os.path.join(files, str(size))
        if os.path.exists(path) and os.path.getsize(path) == size:
            continue
        with open(path, "wb") as file:
            for start in range(0, size, len(block)):
                file.write(block[:min(len(block), size - start)])
    write("nginx.conf", NGINX.format(run=RUN, **ports))
    write("sshd_config", SSHD.format(run=RUN, **ports))
    certificate()
    sniffing_client(ports)
    v2ray(ports)
    by_protocol(ports)
    for key in ("host_key", "user_key"):
        if not os.path.exists(os.path.join(RUN, key)):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", os.path.join(RUN, key)],
                           check=False, capture_output=True)
