"""Configurations as people have them: what muxpro takes, what it says of the rest, and the commands around them."""
import base64
import json
import os
import re
import subprocess
import time
import urllib.request

from documents import geoip, geosite
from parts import PATIENCE, connect, eventually, expect, free_port

DIRECT = {"tag": "direct", "protocol": "freedom"}
BLOCK = {"tag": "block", "protocol": "blackhole"}
LOCAL = {"tag": "in", "protocol": "socks", "listen": "127.0.0.1", "port": 1080, "settings": {"udp": True}}
UUID = "0b2e4c6a-1c3d-4e5f-8a9b-0c1d2e3f4a5b"


def whole(*inbounds, outbounds=(DIRECT,), **more):
    return {"log": {"loglevel": "warning"}, "inbounds": inbounds or [LOCAL], "outbounds": outbounds, **more}


def with_rules(*rules, **more):
    return whole(outbounds=[DIRECT, BLOCK], routing={"rules": rules, **more})


def server(protocol, **settings):
    return {"tag": "far", "protocol": protocol, "settings": settings}


# What is accepted, and how many notes it has.
ACCEPTED = {
    "listen left out": (whole({"port": 1080, "protocol": "socks", "settings": {"auth": "noauth"}},
                              {"port": 8118, "protocol": "http"}), 2),
    "a client with a flat server": (whole(outbounds=[server("socks", address="a.example", port=1080, user="u", **{"pass": "p"}),
                                                     BLOCK]), 0),
    "the names of today": (whole({"tag": "t", "listen": "127.0.0.1", "port": 5353, "protocol": "tunnel", "settings":
                                  {"rewriteAddress": "192.0.2.1", "rewritePort": 53, "allowedNetwork": "tcp, udp"}},
                                 outbounds=[{"protocol": "direct", "settings": {"targetStrategy": "ForceIPv6v4"}},
                                            {"protocol": "block", "settings": {"response": {"type": "http"}}}]), 0),
    "a gateway": (whole({"port": 12345, "protocol": "dokodemo-door", "settings": {"network": "tcp,udp", "followRedirect": True},
                         "streamSettings": {"sockopt": {"tproxy": "tproxy"}},
                         "sniffing": {"enabled": True, "destOverride": ["http", "tls", "quic"]}},
                        outbounds=[DIRECT, {"tag": "dns-out", "protocol": "dns"}]), 0),
    "names, lists and servers": (with_rules({"domain": ["geosite:cn@ads", "geosite:cn"], "outboundTag": "direct"},
                                            {"ip": ["geoip:private", "!geoip:cn"], "outboundTag": "block"},
                                            domainStrategy="IPIfNonMatch") | {"dns": {
                                                "hosts": {"domain:lan.example": "192.0.2.7", "a.example": "b.example"},
                                                "queryStrategy": "UseIPv4", "servers": [
                                                    "https://192.0.2.53/dns-query", "localhost", {
                                                        "address": "192.0.2.54", "port": 53, "domains": ["geosite:cn"],
                                                        "expectIPs": ["geoip:cn"], "skipFallback": True}]}}, 0),
    "FakeDNS as Xray has it": (whole({**LOCAL, "sniffing": {"enabled": True, "destOverride": ["fakedns"]}},
                                     outbounds=[DIRECT, {"tag": "dns-out", "protocol": "dns"}],
                                     fakedns=[{"ipPool": "198.18.0.0/15", "poolSize": 65535}],
                                     dns={"servers": ["fakedns", "localhost"]}), 0),
    "keys without effect": (whole(remarks="home", _comment="mine", version={"min": "25.1.1"}, outbounds=[
        {**server("socks", servers=[{"address": "a.example", "port": 1, "ota": False, "level": 1}]),
         "mux": {"enabled": False, "concurrency": -1, "xudpConcurrency": 16}}, DIRECT]), 7),
    "rules of today": (with_rules({"localPort": "1080", "localIP": ["127.0.0.1"], "process": ["curl"], "outboundTag": "direct"},
                                  {"vlessRoute": "1-5", "outboundTag": "block"},
                                  {"source": ["geoip:private"], "outboundTag": "block"}), 0),
    "an API and a page": (whole(LOCAL, {"tag": "api-in", "listen": "127.0.0.1", "port": 10085, "protocol": "dokodemo-door",
                                        "settings": {"address": "127.0.0.1"}},
                                api={"tag": "api", "services": ["StatsService"]}, stats={},
                                metrics={"tag": "m", "listen": "127.0.0.1:11111"},
                                policy={"levels": {"0": {"statsUserUplink": True, "uplinkOnly": 0, "bufferSize": 0}},
                                        "system": {"statsInboundUplink": True}},
                                routing={"rules": [{"inboundTag": ["api-in"], "outboundTag": "api"}]}), 0),
    "balancers": (whole(outbounds=[{**server("http", servers=[{"address": "a.example", "port": 3128}]), "tag": "p-a"},
                                   {**server("socks", servers=[{"address": "b.example", "port": 1080}]), "tag": "p-b"}],
                        observatory={"subjectSelector": ["p-"], "probeUrl": "http://probe.example/204", "probeInterval": "1m"},
                        routing={"balancers": [{"tag": "fast", "selector": ["p-"], "strategy": {"type": "leastPing"}}],
                                 "rules": [{"network": "tcp,udp", "balancerTag": "fast"}]}), 0),
    "a server of TLS": (whole({"listen": "127.0.0.1", "port": 8443, "protocol": "vless", "settings": {
        "clients": [{"id": UUID, "email": "ann"}], "decryption": "none"}, "streamSettings": {
            "network": "tcp", "security": "tls", "tlsSettings": {
                "minVersion": "1.2", "rejectUnknownSni": True, "cipherSuites": "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
                "certificates": [{"certificateFile": "a.pem", "keyFile": "a.key", "ocspStapling": 3600},
                                 {"certificateFile": "b.pem", "keyFile": "b.key", "oneTimeLoading": True}]}}}), 1),
    "freedom with all": (whole(outbounds=[{"protocol": "freedom", "settings": {
        "domainStrategy": "ForceIPv4", "userLevel": 0, "redirect": "127.0.0.1:8080", "proxyProtocol": 1,
        "fragment": {"packets": "tlshello", "length": "80-160", "interval": "5-10"},
        "finalRules": [{"action": "block", "ip": ["geoip:private"]}]}}]), 0),
    "a measured balancer": (whole(burstObservatory={"subjectSelector": ["d"], "pingConfig": {
        "destination": "http://probe.example/204", "interval": "1m", "sampling": 3, "timeout": "5s", "httpMethod": "HEAD"}},
        routing={"balancers": [{"tag": "b", "selector": ["d"], "strategy": {"type": "leastLoad", "settings": {
            "expected": 2, "maxRTT": "1s", "tolerance": 0.01, "baselines": ["400ms", "1s"],
            "costs": [{"regexp": True, "match": "^d", "value": 0.5}]}}}],
                 "rules": [{"network": "tcp", "balancerTag": "b"}]}), 0),
    "a panel's empty inbound, and parts that ask for nothing": (whole(
        {"tag": "s", "port": 1080, "protocol": "shadowsocks", "settings": {"clients": [], "network": "tcp,udp"}},
        outbounds=[{"protocol": "freedom", "Tag": "direct", "settings": {"noises": []}}], reverse={}, transport={}), 1),
    "null and letters": ({"log": {"loglevel": "Warning", "maskAddress": "half"}, "dns": None, "fakeDns": None,
                          "inbounds": [{**LOCAL, "protocol": "Socks", "settings": None, "sniffing": None}],
                          "outbounds": [{"protocol": "freedom", "settings": {"domainStrategy": "useIp"}, "mux": None}],
                          "routing": {"domainStrategy": "ipIfNonMatch"}}, 0),
}

# What is refused: each sentence once, at its place.
REFUSED = {
    "WireGuard and TUN": (whole({"protocol": "tun", "settings": {"name": "tun7"}},
                                outbounds=[server("wireguard", secretKey="x")]),
                          {"inbounds[0].protocol": "muxpro has no TUN", "outbounds[0].protocol": "muxpro has no WireGuard"}),
    "mKCP": (whole(outbounds=[{**server("socks", address="192.168.0.1", port=1),
                               "streamSettings": {"network": "kcp", "kcpSettings": {"seed": "s"}}}]),
             {"outbounds[0].streamSettings.network": "muxpro has no mKCP"}),
    "HTTP/3": (whole(outbounds=[{**server("vless", address="192.168.0.1", port=1, id=UUID, encryption="none"),
                                 "streamSettings": {"network": "splithttp", "security": "tls", "tlsSettings": {
                                     "serverName": "a.example", "alpn": ["h3"]}}}]),
               {"outbounds[0].streamSettings.network": "muxpro has no HTTP/3"}),
    "reverse": (whole(reverse={"bridges": [{"tag": "b", "domain": "b.example"}]}), {"reverse": "muxpro has no reverse proxy"}),
    "noises and a webhook": (whole(outbounds=[{"tag": "direct", "protocol": "freedom", "settings": {"noises": [{}]}}],
                                   routing={"rules": [{"port": 1, "webhook": "x", "outboundTag": "direct"}]}),
                             {"outbounds[0].settings.noises": "muxpro has no noises",
                              "routing.rules[0].webhook": "muxpro has no webhook"}),
}


def write(scene, name, configuration):
    with open(scene.path(name), "w", encoding="utf-8") as file:
        file.write(configuration if isinstance(configuration, str) else json.dumps(configuration))


def muxpro(scene, *words, given=None, env=None):
    return subprocess.run([scene.program, *words], cwd=scene.directory, input=given, capture_output=True, text=True,
                          timeout=PATIENCE, env={**os.environ, **(env or {})}, check=False)


def accepted_kinds(scene):
    """Configurations of many kinds pass muxpro check, with as many notes as they deserve"""
    for name in ("a", "b"):
        scene.certificate(name)
    for kind, content in (("geosite", geosite), ("geoip", geoip)):
        with open(scene.path(f"{kind}.dat"), "wb") as file:
            file.write(content(["cn"]))
    for kind, (configuration, notes) in ACCEPTED.items():
        write(scene, "config.json", configuration)
        done = muxpro(scene, "check", "config.json")
        found = [line for line in done.stdout.splitlines() if line.startswith("note: ")]
        expect(done.returncode == 0, f"{kind}: {done.stderr}")
        expect(len(found) == notes, f"{kind}: {found}")


def refused_kinds(scene):
    """An unsupported part is reported once, at its place, with a line and a column"""
    for kind, (configuration, mistakes) in REFUSED.items():
        write(scene, "config.json", configuration)
        done = muxpro(scene, "check", "config.json")
        lines = done.stderr.splitlines()
        expect(done.returncode == 1 and len(lines) == len(mistakes), f"{kind}: {lines}")
        for place, sentence in mistakes.items():
            at = re.compile(re.escape(place) + r'( "\w+")?, line 1, column \d+: .*' + re.escape(sentence))
            expect(any(at.match(line) for line in lines), f"{kind}: {lines}")
    write(scene, "config.json", whole(outbounds=[{"protocol": "freedom", "nonsense": 1}]))
    expect(muxpro(scene, "check", "config.json").returncode == 1, "an unknown key is accepted")
    done = muxpro(scene, "check", "--ignore-unknown", "config.json")
    expect(done.returncode == 0 and "note: outbounds[0].nonsense" in done.stdout, done.stdout + done.stderr)


def several_files(scene):
    """Files, directories and standard input become one configuration by Xray's rules; run -test and -dump"""
    os.mkdir(scene.path("all"))
    write(scene, "all/00_log.json", {"log": {"loglevel": "warning"}})
    write(scene, "all/10_in.json", {"inbounds": [LOCAL]})
    write(scene, "all/20_out.json", {"outbounds": [DIRECT]})
    write(scene, "all/30_tail.json", {"outbounds": [BLOCK]})
    done = muxpro(scene, "run", "-confdir", "all", "-dump")
    expect([o["tag"] for o in json.loads(done.stdout)["outbounds"]] == ["direct", "block"], done.stdout + done.stderr)
    done = muxpro(scene, "run", "-test", "-confdir=all")
    expect(done.returncode == 0 and "Configuration OK." in done.stdout, done.stdout + done.stderr)
    write(scene, "more.json", {"outbounds": [{**BLOCK, "tag": "first"}], "inbounds": [{**LOCAL, "port": 1081}]})
    done = muxpro(scene, "run", "-c", "all/10_in.json", "-config", "all/20_out.json", "-c", "more.json", "--dump")
    merged = json.loads(done.stdout)
    expect([o["tag"] for o in merged["outbounds"]] == ["first", "direct"], done.stdout)
    expect([i["port"] for i in merged["inbounds"]] == [1081], done.stdout)
    for name in ("stdin:", "-"):
        done = muxpro(scene, "run", "-test", "-c", name, given=json.dumps(whole()))
        expect(done.returncode == 0, done.stderr)
    write(scene, "config.json", "{")
    done = muxpro(scene, "run", "-test")
    expect(done.returncode == 23 and "config.json" in done.stderr, f"{done.returncode} {done.stderr}")
    expect(muxpro(scene, "run", "-c", "config.json").returncode == 23, "a bad file does not end with 23")
    expect(muxpro(scene, "check", "nothing.json").returncode != 0, "a file that is not there is good")
    os.remove(scene.path("config.json"))
    done = muxpro(scene, "run")
    expect(done.returncode == 2 and "config.json" in done.stderr, f"{done.returncode} {done.stderr}")


def commands(scene):
    """version, uuid, x25519, tls cert and hash, import and export, and a command that there is not"""
    for word in ("version", "-version", "--version"):
        done = muxpro(scene, word)
        expect(done.returncode == 0 and "muxpro" in done.stdout, f"{word}: {done}")
        expect(re.match(r"Xray \d+\.\d+\.\d+ ", done.stdout), f"{word}: panels cannot read the version")
    expect("BEGIN CERTIFICATE" in muxpro(scene, "tls", "cert", "-domain=a.example", "-expire=240h").stdout, "no certificate for 240h")
    expect(muxpro(scene, "tls", "cert", "-expire=soon").returncode == 2, "a certificate until soon")
    expect(re.fullmatch(r"[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}\n", muxpro(scene, "uuid").stdout), "there is no UUID")
    expect(muxpro(scene, "uuid", "-i", "example").stdout == "feb54431-301b-52bb-a6dd-e1e93e81bb9e\n", "another UUID")
    keys = dict(line.split(": ") for line in muxpro(scene, "x25519").stdout.splitlines())
    again = muxpro(scene, "x25519", "-i", keys["PrivateKey"]).stdout
    expect(keys["Password (PublicKey)"] in again, "the public key is another one")
    expect(len(base64.urlsafe_b64decode(keys["PrivateKey"] + "=")) == 32, "the key has another length")
    done = muxpro(scene, "tls", "cert", "-domain", "a.example", "--domain", "127.0.0.1", "--file", "new")
    expect(done.returncode == 0 and os.stat(scene.path("new.key")).st_mode & 0o77 == 0, done.stderr)
    text = subprocess.run(["openssl", "x509", "-in", scene.path("new.crt"), "-noout", "-ext", "subjectAltName",
                           "-fingerprint", "-sha256"], capture_output=True, text=True, check=True).stdout
    expect("DNS:a.example" in text and "IP Address:127.0.0.1" in text, text)
    pin = muxpro(scene, "tls", "hash", "new.crt").stdout.strip()
    expect(pin in text.replace(":", "").lower(), f"{pin} is not in {text}")
    done = muxpro(scene, "chek")
    expect(done.returncode == 2 and "did you mean 'check'?" in done.stderr, done.stderr)
    link = "socks://" + base64.urlsafe_b64encode(b"ann:x").decode().rstrip("=") + "@far.example:1080#far"
    done = muxpro(scene, "import", link, "nonsense://x")
    expect(done.returncode == 1 and "link 2" in done.stderr, done.stderr)
    write(scene, "made.json", done.stdout)
    expect(muxpro(scene, "check", "made.json").returncode == 0, "what import makes is not good")
    expect(muxpro(scene, "export", "made.json").stdout.splitlines()[0] == link, "export gives another link")


def lines_as_xray(scene):
    """Access lines in Xray's form when an outbound is chosen; loglevel none writes nothing; maskAddress"""
    def lines_of(log):
        port, target = free_port(), free_port()
        path = scene.config({**LOCAL, "port": port}, outbounds=[BLOCK], log={**log, "access": scene.path("access")})
        process = scene.start("run", "-c", path)
        with connect(port) as client:
            client.sendall(b"\x05\x01\x00\x05\x01\x00\x01\x7f\x00\x00\x01" + target.to_bytes(2, "big"))
            while client.recv(100):
                pass
        time.sleep(0.2)
        scene.ends_in_order(process)
        return scene.text("access"), target

    text, target = lines_of({"loglevel": "error"})
    line = rf"\d{{4}}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{{6}} from 127\.0\.0\.1:\d+ accepted tcp:127\.0\.0\.1:{target} \[in -> block\]\n"
    expect(re.fullmatch(line, text), text)
    os.remove(scene.path("access"))
    text, target = lines_of({"loglevel": "warning", "maskAddress": "half"})
    expect(f"from 127.0.*.*:" in text and f"accepted tcp:127.0.*.*:{target} [in -> block]" in text, text)
    os.remove(scene.path("access"))
    text, _ = lines_of({"loglevel": "none"})
    expect(text == "" and scene.text("err") == "", f"{text} {scene.text('err')}")


def page_behind_a_rule(scene):
    """A rule to the tag of metrics serves /debug/vars with Xray's counters, as clients of Xray ask for it"""
    port, page = free_port(), free_port()
    path = scene.config({**LOCAL, "port": port},
                        {"tag": "page", "listen": "127.0.0.1", "port": page, "protocol": "dokodemo-door",
                         "settings": {"address": "127.0.0.1"}}, outbounds=[BLOCK], metrics={"tag": "m"},
                        routing={"rules": [{"inboundTag": ["page"], "outboundTag": "m"}]})
    process = scene.start("run", "-c", path, lines=2)

    def counters():
        with urllib.request.urlopen(f"http://127.0.0.1:{page}/debug/vars", timeout=PATIENCE) as answer:
            return json.load(answer)["stats"]

    expect(set(counters()) == {"inbound", "outbound", "user"}, f"{counters()}")
    eventually(lambda: counters()["inbound"].get("page", {}).get("downlink", 0) > 0, "nothing is counted")
    scene.ends_in_order(process)


def answers_of_a_blackhole(scene):
    """A blackhole with an HTTP answer: the client gets 403 and the end"""
    path = scene.config({**LOCAL, "port": 0}, outbounds=[{"protocol": "blackhole", "settings": {"response": {"type": "http"}}}])
    process = scene.start("run", "-c", path)
    with connect(scene.port()) as client:
        client.sendall(b"\x05\x01\x00\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x50" + b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        heard = b""
        while data := client.recv(1000):
            heard += data
    expect(b"HTTP/1.1 403 " in heard, f"it hears {heard}")
    scene.ends_in_order(process)


def unusable_files(scene):
    """muxpro check names the files, places and users that muxpro run could not use, each at its key"""
    scene.certificate("good")
    write(scene, "empty.pem", "")
    os.mkdir(scene.path("folder"))
    tls = {"security": "tls", "tlsSettings": {"certificates": [{"certificateFile": "good.pem", "keyFile": "good.key"}]}}

    def of(certificate=None, key=None, log=None, rules=(), **inbound):
        used = json.loads(json.dumps(tls))
        if certificate:
            used["tlsSettings"]["certificates"][0]["certificateFile"] = certificate
        if key:
            used["tlsSettings"]["certificates"][0]["keyFile"] = key
        return {**whole({"listen": "127.0.0.1", "port": 8443, "protocol": "vless", "settings": {
            "clients": [{"id": UUID, "email": "ann"}], "decryption": "none"}, "streamSettings": used, **inbound}),
                "log": log or {}, "routing": {"rules": list(rules)}}

    far = {"listen": "203.0.113.9"}
    twice = {"protocol": "http", "settings": {"accounts": [{"user": "ann", "pass": "a"}, {"user": "ann", "pass": "b"}]}}
    cases = {
        "inbounds[0].streamSettings": (of(certificate="none.pem"), of(certificate="empty.pem"), of(key="none.key")),
        "log.error": (of(log={"error": "empty.pem/error.log"}), of(log={"error": "folder"})),
        "log.access": (of(log={"access": "empty.pem/access.log"}),),
        "routing.rules[0].domain": (of(rules=[{"domain": ["ext:none.dat:cn"], "outboundTag": "direct"}]),),
        "inbounds[0].settings.accounts[1].user": (of(**twice),)}
    for place, configurations in cases.items():
        for configuration in configurations:
            write(scene, "config.json", configuration)
            done = muxpro(scene, "check", "config.json")
            expect(done.returncode == 1 and done.stderr.startswith(place) and done.stderr.count("\n") == 1,
                   f"{place}: {done.stderr}")
    write(scene, "config.json", of(**far))
    done = muxpro(scene, "check", "config.json")
    expect("is 203.0.113.9, which is not an address of this machine" in done.stdout, f"far: {done.stdout}")
