"""The API, driven by `xray api`: counters, users of each protocol, inbounds, outbounds, rules, balancers, logs."""
import base64
import contextlib
import json
import os
import subprocess

from parts import DIRECT, PATIENCE, connect, eventually, expect, free_port
from peers import PEERS
from traffic import GREETING, receive, target

XRAY = PEERS["xray"]
ID = "66ad4540-b58c-4ad2-9926-ea63445a9b57"
ALL = ["HandlerService", "StatsService", "RoutingService", "LoggerService", "ReflectionService"]
NEAR = {**DIRECT, "settings": {"allowPrivate": True}}


def key(first):
    return base64.b64encode(bytes(range(first, first + 16))).decode()


# The settings of an inbound without the user, a user, and the settings of the user's client at a port.
PROTOCOLS = {
    "vless": ({"clients": [], "decryption": "none"}, {"id": ID},
              lambda port: {"vnext": [{"address": "127.0.0.1", "port": port, "users": [{"id": ID, "encryption": "none"}]}]}),
    "vmess": ({"clients": []}, {"id": ID},
              lambda port: {"vnext": [{"address": "127.0.0.1", "port": port, "users": [{"id": ID, "security": "auto"}]}]}),
    "trojan": ({"clients": []}, {"password": "secret"},
               lambda port: {"servers": [{"address": "127.0.0.1", "port": port, "password": "secret"}]}),
    "shadowsocks": ({"clients": [{"password": "other", "method": "aes-128-gcm", "email": "zoe"}]},
                    {"password": "secret", "method": "aes-128-gcm"},
                    lambda port: {"servers": [{"address": "127.0.0.1", "port": port, "method": "aes-128-gcm", "password": "secret"}]}),
    "shadowsocks-2022": ({"method": "2022-blake3-aes-128-gcm", "password": key(0), "clients": [{"password": key(9), "email": "zoe"}]},
                         {"password": key(50)},
                         lambda port: {"servers": [{"address": "127.0.0.1", "port": port, "method": "2022-blake3-aes-128-gcm",
                                                    "password": f"{key(0)}:{key(50)}"}]}),
}


class Api:
    """A proxy with an API; the words of `xray api` for it."""

    def __init__(self, scene, *inbounds, behind_rule=False, outbounds=(NEAR, {"tag": "block", "protocol": "blackhole"}), rules=(), **more):
        self.scene, self.port = scene, free_port()
        routing = {**more.pop("routing", {}), "rules": list(rules)}
        api = {"tag": "api", "services": ALL}
        if behind_rule:
            inbounds = (*inbounds, {"tag": "api-in", "listen": "127.0.0.1", "port": self.port, "protocol": "dokodemo-door",
                                    "settings": {"address": "127.0.0.1"}})
            routing["rules"].insert(0, {"type": "field", "inboundTag": ["api-in"], "outboundTag": "api"})
        else:
            api["listen"] = f"127.0.0.1:{self.port}"
        lines = len(inbounds) + (not behind_rule)
        self.process = scene.start("run", "-c", scene.config(*inbounds, outbounds=outbounds, api=api, routing=routing, stats={}, **more),
                                   lines=lines)

    def call(self, command, *words):
        """Its status, and all that it prints."""
        done = subprocess.run([XRAY.path(), "api", command, f"--server=127.0.0.1:{self.port}", *words], capture_output=True,
                              text=True, timeout=PATIENCE, check=False)
        return done.returncode, done.stdout + done.stderr

    def ask(self, command, *words):
        status, told = self.call(command, *words)
        expect(status == 0, f"xray api {command} {words}: {told}")
        return told

    def json(self, command, *words):
        return json.loads(self.ask(command, *words) or "{}")

    def file(self, name, content):
        path = self.scene.path(name)
        with open(path, "w", encoding="utf-8") as out:
            json.dump(content, out)
        return path

    def counters(self, *words):
        return {one["name"]: int(one.get("value", 0)) for one in self.json("statsquery", *words).get("stat", [])}


def by_password(port, to, user="ann", secret="a", source="127.0.0.1"):
    """A connection of a user to a port of this machine; None: it is refused."""
    client = connect(port, source)
    name, word = user.encode(), secret.encode()
    client.sendall(b"\x05\x01\x02\x01" + bytes([len(name)]) + name + bytes([len(word)]) + word)
    if receive(client, 4)[3] != 0:
        client.close()
        return None
    client.sendall(b"\x05\x01\x00\x01\x7f\x00\x00\x01" + to.to_bytes(2, "big"))
    expect(receive(client, 10)[1] == 0, "the target is refused")
    return client


def echo(client):
    with client:
        while data := client.recv(65536):
            client.sendall(data)


def says_hello(proxy, to):
    """Whether an echo answers by way of an open SOCKS listener."""
    with contextlib.suppress(Exception), connect(proxy) as client:
        client.settimeout(5)
        client.sendall(GREETING)
        receive(client, 2)
        client.sendall(b"\x05\x01\x00\x01\x7f\x00\x00\x01" + to.to_bytes(2, "big"))
        if receive(client, 10)[1] != 0:
            return False
        client.sendall(b"hello")
        return receive(client, 5) == b"hello"
    return False


def accounts(port):
    return {"tag": "in", "protocol": "socks", "listen": "127.0.0.1", "port": port,
            "settings": {"auth": "password", "accounts": [{"user": "ann", "pass": "a"}]}}


def statistics(behind_rule):
    def run(scene, *_):
        port = free_port()
        api = Api(scene, accounts(port), behind_rule=behind_rule)
        with target(echo) as to:
            client = by_password(port, to, source="127.0.0.2")
            client.sendall(b"hello")
            receive(client, 5)
            counters = api.counters()
            expect(counters["user>>>ann>>>traffic>>>uplink"] == 5, f"it has counted {counters}")
            expect(counters["outbound>>>direct>>>traffic>>>downlink"] == 5, f"it has counted {counters}")
            expect(set(api.counters("-pattern", "user>>>ann")) == {"user>>>ann>>>traffic>>>uplink", "user>>>ann>>>traffic>>>downlink"},
                   "the pattern is not that")
            api.counters("-reset")
            expect(api.counters("-pattern", "user>>>")["user>>>ann>>>traffic>>>uplink"] == 0, "it is not reset")
            one = api.json("stats", "-name", "inbound>>>in>>>traffic>>>uplink")
            expect(one["stat"]["name"] == "inbound>>>in>>>traffic>>>uplink", f"it has {one}")
            expect(api.call("stats", "-name", "no>>>such")[0] != 0, "a counter that is not there")
            expect(int(api.json("statssys").get("Alloc", 0)) > 0, "no memory")
            expect(int(api.json("statsonline", "-email", "ann")["stat"]["value"]) == 1, "ann is not on-line")
            found = api.json("statsonlineiplist", "-email", "ann")
            expect(list(found["ips"]) == ["127.0.0.2"], f"ann is at {found}")
            users = api.json("statsgetallonlineusers")
            expect(users["users"] == ["user>>>ann>>>online"], f"on-line are {users}")
            client.close()
            eventually(lambda: not api.json("statsgetallonlineusers").get("users"), "ann stays on-line")
        scene.ends_in_order(api.process)

    run.__doc__ = f"xray api: counters, reset, who is on-line, {'behind a rule' if behind_rule else 'at api.listen'}"
    return run


def users(scene, *_):
    """xray api adu, rmu, inbounduser, inboundusercount: users of each protocol come and go"""
    ports = {name: free_port() for name in PROTOCOLS}
    inbounds = [{"tag": name, "protocol": name.removesuffix("-2022"), "listen": "127.0.0.1", "port": ports[name], "settings": settings}
                for name, (settings, _, _) in PROTOCOLS.items()]
    api = Api(scene, *inbounds)
    local = {name: free_port() for name in PROTOCOLS}
    outbounds = [{"tag": f"{name}-out", "protocol": name.removesuffix("-2022"), "settings": client(ports[name])}
                 for name, (_, _, client) in PROTOCOLS.items()]
    file = api.file("client.json", {
        "inbounds": [{"tag": name, "protocol": "socks", "listen": "127.0.0.1", "port": port} for name, port in local.items()],
        "outbounds": outbounds, "routing": {"rules": [{"inboundTag": [name], "outboundTag": f"{name}-out"} for name in PROTOCOLS]}})
    XRAY.run(scene, "client", [XRAY.path(), "run", "-c", file], list(local.values())[-1])
    with target(echo) as to:
        for name, (settings, user, _) in PROTOCOLS.items():
            expect(not says_hello(local[name], to), f"{name} lets a client in that has no account")
            more = {**settings, "clients": [{**user, "email": "ann"}]}
            added = api.file("user.json", {"inbounds": [{"tag": name, "protocol": name.removesuffix("-2022"), "port": 1,
                                                         "settings": more}]})
            told = api.ask("adu", added)
            expect("Added 1 user(s)" in told, f"{name}: {told}")
            expect(says_hello(local[name], to), f"{name}: the new user is refused: {scene.text('client.log')[-500:]}")
            expect("User ann already exists." in api.ask("adu", added), f"{name} takes a user twice")
            others = len(settings["clients"])
            count = int(api.json("inboundusercount", f"-tag={name}").get("count", 0))
            expect(count == others + 1, f"{name} has {count} users")
            listed = api.json("inbounduser", f"-tag={name}", "-email=ann")["users"]
            expect([one["email"] for one in listed] == ["ann"] and "account" in listed[0], f"{name} lists {listed}")
            told = api.ask("rmu", f"-tag={name}", "ann")
            expect("Removed 1 user(s)" in told, f"{name}: {told}")
            expect("User ann not found." in api.ask("rmu", f"-tag={name}", "ann"), f"{name} has a user who was removed")
            expect(not says_hello(local[name], to), f"{name} lets a client in whose account was removed")
    scene.ends_in_order(api.process)


def inbound(tag, protocol, port, settings, **stream):
    return {"tag": tag, "protocol": protocol, "listen": "127.0.0.1", "port": port, "settings": settings,
            **({"streamSettings": stream} if stream else {})}


def handlers(scene, *_):
    """xray api adi, lsi, rmi, ado, lso, rmo: inbounds and outbounds of each protocol and transport come and go"""
    scene.certificate("server", "127.0.0.1")
    tls = {"security": "tls", "tlsSettings": {"certificates": [
        {"certificateFile": scene.path("server.pem"), "keyFile": scene.path("server.key")}]}}
    pin = {"security": "tls", "tlsSettings": {"serverName": "127.0.0.1", "certificates": [
        {"certificateFile": scene.path("server.pem"), "usage": "verify"}]}}
    entry, far, plain = free_port(), free_port(), free_port()
    api = Api(scene, {"tag": "entry", "protocol": "socks", "listen": "127.0.0.1", "port": entry},
              outbounds=({"tag": "block", "protocol": "blackhole"}, NEAR), rules=[{"inboundTag": ["far", "plain"], "outboundTag": "direct"}])
    ways = {"raw": {}, "ws": {"network": "ws", "wsSettings": {"path": "/chat?ed=2048"}},
            "httpupgrade": {"network": "httpupgrade", "httpupgradeSettings": {"path": "/chat"}},
            "grpc": {"network": "grpc", "grpcSettings": {"serviceName": "a service", "multiMode": True}}}
    with target(echo) as to:
        told = api.ask("adi", api.file("plain.json", {"inbounds": [inbound("plain", "socks", plain, {"auth": "noauth"})]}))
        expect("error" not in told.lower() and says_hello(plain, to), f"the new inbound does not serve: {told}")
        expect({"entry", "plain"} <= {one["tag"] for one in api.json("lsi")["inbounds"]}, "it is not listed")
        for way, stream in ways.items():
            server = inbound("far", "vless", far, {"clients": [{"id": ID, "email": "ann"}], "decryption": "none"}, **stream, **tls)
            client = {"tag": "block", "protocol": "vless", "streamSettings": {**stream, **pin}, "settings": PROTOCOLS["vless"][2](far)}
            told = api.ask("adi", api.file("far.json", {"inbounds": [server]}))
            told += api.ask("rmo", "block")
            told += api.ask("ado", api.file("out.json", {"outbounds": [client]}))
            eventually(lambda: says_hello(entry, to), f"vless in {way} does not work: {told} {scene.text('client.log')[-800:]}")
            api.ask("rmi", "far")
            eventually(lambda: not says_hello(plain, far), f"{way} still listens")
        for name, settings in (("freedom", {"domainStrategy": "UseIPv4"}), ("blackhole", {"response": {"type": "http"}}),
                               ("socks", {"servers": [{"address": "127.0.0.1", "port": plain}]}),
                               ("http", {"servers": [{"address": "127.0.0.1", "port": plain, "users": [{"user": "a", "pass": "b"}]}]}),
                               *((name.removesuffix("-2022"), client(far)) for name, (_, _, client) in PROTOCOLS.items())):
            told = api.ask("ado", api.file("more.json", {"outbounds": [{"tag": "more", "protocol": name, "settings": settings}]}))
            expect("more" in {one["tag"] for one in api.json("lso")["outbounds"]}, f"{name} is not there: {told}")
            api.ask("rmo", "more")
        for name, settings in (("http", {"accounts": [{"user": "a", "pass": "b"}]}), ("dokodemo-door", {"address": "127.0.0.1", "port": to}),
                               *((name.removesuffix("-2022"), {**own, "clients": [{**user, "email": "ann"}]})
                                 for name, (own, user, _) in PROTOCOLS.items())):
            told = api.ask("adi", api.file("more.json", {"inbounds": [inbound("more", name, far, settings)]}))
            expect("more" in {one["tag"] for one in api.json("lsi")["inbounds"]}, f"{name} is not there: {told}")
            api.ask("rmi", "more")
        refused = api.call("ado", api.file("more.json", {"outbounds": [{"tag": "w", "protocol": "loopback", "settings": {"inboundTag": "in"}}]}))
        expect("muxpro does not support" in refused[1], f"loopback: {refused}")
    scene.ends_in_order(api.process)


def rules(scene, *_):
    """xray api adrules, lsrules, rmrules, sib, bi, bo, restartlogger: rules, balancers and the log"""
    entry = free_port()
    api = Api(scene, {"tag": "entry", "protocol": "socks", "listen": "127.0.0.1", "port": entry},
              rules=[{"ruleTag": "first", "network": "tcp", "balancerTag": "both"}],
              routing={"balancers": [{"tag": "both", "selector": ["direct", "block"], "fallbackTag": "block"}]},
              log={"loglevel": "info", "error": scene.path("log")})
    with target(echo) as to:
        api.ask("bo", "-b", "both", "block")
        expect(not says_hello(entry, to), "the override has no effect")
        expect("block" in api.ask("bi", "both"), "the override is not shown")
        api.ask("bo", "-b", "both", "direct")
        eventually(lambda: says_hello(entry, to), "the override has no effect")
        added = api.file("rules.json", {"routing": {"rules": [
            {"ruleTag": "mine", "port": to, "ip": ["127.0.0.0/8"], "domain": [], "network": "tcp", "outboundTag": "block"}]}})
        api.ask("adrules", added)
        eventually(lambda: not says_hello(entry, to), "the new rule has no effect")
        expect([one["ruleTag"] for one in api.json("lsrules")["rules"]] == ["mine"], f"the rules are {api.json('lsrules')}")
        api.ask("rmrules", "mine")
        eventually(lambda: says_hello(entry, to), "the removed rule has an effect")
        api.ask("sib", "-outbound=block", "-inbound=entry", "127.0.0.1")
        eventually(lambda: not says_hello(entry, to), "the source is not blocked")
    os.rename(scene.path("log"), scene.path("log.1"))
    api.ask("restartlogger")
    eventually(lambda: os.path.exists(scene.path("log")), "the log is not opened again")
    scene.ends_in_order(api.process)


CASES = {"api_statistics": statistics(False), "api_statistics_by_rule": statistics(True), "api_users": users,
         "api_handlers": handlers, "api_rules": rules}
for case in CASES.values():
    case.needs = ("xray",)
