"""VLESS, Trojan and VMess, with and without TLS, as they are and in WebSocket, HTTPUpgrade or gRPC."""
from parts import DIRECT, expect, free_port
from traffic import everything

ID = "66ad4540-b58c-4ad2-9926-ea63445a9b57"


def vless(port):
    server = {"clients": [{"id": ID, "email": "alice"}], "decryption": "none"}
    client = {"vnext": [{"address": "127.0.0.1", "port": port, "users": [{"id": ID, "encryption": "none"}]}]}
    return server, client


def trojan(port):
    server = {"clients": [{"password": "secret", "email": "alice"}]}
    client = {"servers": [{"address": "127.0.0.1", "port": port, "password": "secret"}]}
    return server, client


CARRIERS = {"ws": {"network": "ws", "wsSettings": {"path": "/chat"}},
            "ws_early": {"network": "ws", "wsSettings": {"path": "/chat?ed=2048"}},
            "httpupgrade": {"network": "httpupgrade", "httpupgradeSettings": {"path": "/chat"}},
            "grpc": {"network": "grpc", "grpcSettings": {"serviceName": "some service"}},
            "grpc_multi": {"network": "grpc", "grpcSettings": {"serviceName": "some service", "multiMode": True}}}
NEWER = ("ws_early", "httpupgrade", "grpc", "grpc_multi")  # than V2Ray 4


def vmess(security):
    def settings(port):
        user = {"id": ID, "alterId": 0, "security": security}
        return ({"clients": [{"id": ID, "alterId": 0, "email": "alice"}]},
                {"vnext": [{"address": "127.0.0.1", "port": port, "users": [user]}]})

    settings.security = security
    return settings


def chain(scene, peer, role, protocol, settings, tls, carrier=None, mux=False):
    """A SOCKS listener, whose connections go by way of the protocol's server. `role`: what the peer is."""
    port, proxy = free_port(), free_port()
    server, client = settings(port)
    inbound = {"tag": "in", "protocol": protocol, "listen": "127.0.0.1", "port": port, "settings": server}
    outbound = {"tag": "out", "protocol": protocol, "settings": client}
    if mux:
        outbound["mux"] = {"enabled": True, "concurrency": 8}
    if tls:
        scene.certificate("server", "127.0.0.1")
        file, key = scene.path("server.pem"), scene.path("server.key")
        inbound["streamSettings"] = {**CARRIERS.get(carrier, {}), "security": "tls", "tlsSettings": {"certificates": [
            {"certificateFile": file, "keyFile": key}]}}
        outbound["streamSettings"] = {**CARRIERS.get(carrier, {}), "security": "tls", "tlsSettings": {"serverName": "127.0.0.1", "certificates": [
            {"certificateFile": file, "usage": "verify"}]}}
    elif carrier:
        inbound["streamSettings"] = outbound["streamSettings"] = CARRIERS[carrier]
    local = {"tag": "local", "protocol": "socks", "listen": "127.0.0.1", "port": proxy, "settings": {"udp": True}}
    if role == "server":
        peer.start(scene, inbound, {"protocol": "freedom"})
        scene.start("run", "-c", scene.config(local, outbounds=(outbound,)))
    else:
        direct = {**DIRECT, "settings": {"allowPrivate": True}}
        scene.start("run", "-c", scene.config(inbound, outbounds=(direct,)))
        peer.start(scene, {**local, "settings": {"udp": True, "ip": "127.0.0.1"}}, outbound)
    return proxy


def case(protocol, settings, tls, carrier=None, mux=False):
    def run(scene, peer, role):
        proxy = chain(scene, peer, role, protocol, settings, tls, carrier, mux)
        # V2Ray 4 sends datagrams of VMess without their bounds if the security is zero.
        udp = (getattr(settings, "security", ""), peer.name, role) != ("zero", "v2ray", "client")
        # V2Ray and Xray send the head of Trojan with the client's first bytes, and not without them. Xray's client of
        # VMess ends its side where it has none. With a multiplexer and with Trojan clients end a half-closed connection
        # at once, and its answer is lost. All that is so between two ends of theirs, too.
        greets = mux or (protocol, role) != ("trojan", "client") and (protocol, peer.name, role) != ("vmess", "xray", "client")
        half_closes = role == "server" or not mux and (protocol, peer.name) != ("trojan", "xray")
        everything(proxy, greets, udp, half_closes)
        log = scene.text("err")
        expect("authentication failed" not in log, "a login has failed")

    over = f"{f' in {carrier}' if carrier else ''}{' over TLS' if tls else ''}{' with Mux.Cool' if mux else ''}"
    run.__doc__ = f"{protocol}{over}: files, 100 at a time, half-closed requests, datagrams"
    run.leaves_out = ("v2ray",) if carrier in NEWER else ()
    return run


PROTOCOLS = (("vless", vless), ("trojan", trojan), ("vmess", vmess("auto")))
CASES = {f"{name}{f'_{carrier}' if carrier else ''}{'_tls' if tls else ''}": case(name, settings, tls, carrier)
         for name, settings in PROTOCOLS for tls in (False, True)
         for carrier in (None, *CARRIERS) if carrier not in NEWER or name == "vless"}
CASES.update({f"{name}{'_tls' if tls else ''}_mux": case(name, settings, tls, mux=True)
              for name, settings in PROTOCOLS for tls in (False, True)})
SECURITIES = {"aes": "aes-128-gcm", "chacha": "chacha20-poly1305", "none": "none", "zero": "zero"}
CASES.update({f"vmess_{name}": case("vmess", vmess(security), False) for name, security in SECURITIES.items()})
for name in ("vmess_none", "vmess_zero"):
    CASES[name].leaves_out = ("xray",)  # whose current versions have neither
