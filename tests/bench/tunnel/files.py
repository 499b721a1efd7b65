"""What the target serves, and the configurations of the others."""
import json
import os
import subprocess

from places import PROTOCOLS, RUN, USER

SIZES = (1024, 64 * 2**20, 2 * 2**30)

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


def accounts(protocol, at):
    """What the two ends' settings are, the server's first."""
    if protocol == "vless":
        return {"clients": [{"id": USER}], "decryption": "none"}, {
            "vnext": [{**at, "users": [{"id": USER, "encryption": "none"}]}]}
    if protocol == "vmess":
        return {"clients": [{"id": USER}]}, {"vnext": [{**at, "users": [{"id": USER, "security": "aes-128-gcm"}]}]}
    if protocol == "trojan":
        return {"clients": [{"password": USER}]}, {"servers": [{**at, "password": USER}]}
    key = {"method": "2022-blake3-aes-128-gcm", "password": "AAECAwQFBgcICQoLDA0ODw=="}
    return {**key, "network": "tcp"}, {"servers": [{**at, **key}]}


def by_protocol(ports):
    here, at = "127.0.0.1", {"address": "127.0.0.1", "port": ports["server"]}
    pem, key = os.path.join(RUN, "server.pem"), os.path.join(RUN, "server.key")
    local = {"listen": here, "port": ports["client"], "protocol": "socks", "settings": {"auth": "noauth"}}
    for protocol in PROTOCOLS:
        name, _, tls = protocol.partition(" ")
        server, client = accounts(name, at)
        inbound = {"listen": here, "port": ports["server"], "protocol": name, "settings": server}
        outbound = {"protocol": name, "settings": client}
        if tls:
            inbound["streamSettings"] = {"security": "tls", "tlsSettings": {"certificates": [
                {"certificateFile": pem, "keyFile": key}]}}
            outbound["streamSettings"] = {"security": "tls", "tlsSettings": {"serverName": here, "certificates": [
                {"certificateFile": pem, "usage": "verify"}]}}
        for program in ("muxpro", "xray"):
            # Targets of 127.0.0.1 are refused unless the operator allows them.
            direct = {"protocol": "freedom", "settings": {"allowPrivate": True} if program == "muxpro" else {}}
            end = f"{program}-{protocol.replace(' ', '-')}"
            log = {"loglevel": "warning", "access": "none"}
            write(f"{end}-server.json", json.dumps({"log": log, "inbounds": [inbound], "outbounds": [direct]}))
            write(f"{end}-client.json", json.dumps({"log": log, "inbounds": [local], "outbounds": [outbound]}))


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
