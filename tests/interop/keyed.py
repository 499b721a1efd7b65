"""VLESS and Trojan, with and without TLS."""
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


def chain(scene, peer, role, protocol, settings, tls):
    """A SOCKS listener, whose connections go by way of the protocol's server. `role`: what the peer is."""
    port, proxy = free_port(), free_port()
    server, client = settings(port)
    inbound = {"tag": "in", "protocol": protocol, "listen": "127.0.0.1", "port": port, "settings": server}
    outbound = {"tag": "out", "protocol": protocol, "settings": client}
    if tls:
        scene.certificate("server", "127.0.0.1")
        file, key = scene.path("server.pem"), scene.path("server.key")
        inbound["streamSettings"] = {"security": "tls", "tlsSettings": {"certificates": [
            {"certificateFile": file, "keyFile": key}]}}
        outbound["streamSettings"] = {"security": "tls", "tlsSettings": {"serverName": "127.0.0.1", "certificates": [
            {"certificateFile": file, "usage": "verify"}]}}
    local = {"tag": "local", "protocol": "socks", "listen": "127.0.0.1", "port": proxy, "settings": {"udp": True}}
    if role == "server":
        peer.start(scene, inbound, {"protocol": "freedom"})
        scene.start("run", "-c", scene.config(local, outbounds=(outbound,)))
    else:
        direct = {**DIRECT, "settings": {"allowPrivate": True}}
        scene.start("run", "-c", scene.config(inbound, outbounds=(direct,)))
        peer.start(scene, {**local, "settings": {"udp": True, "ip": "127.0.0.1"}}, outbound)
    return proxy


def case(protocol, settings, tls):
    def run(scene, peer, role):
        proxy = chain(scene, peer, role, protocol, settings, tls)
        # V2Ray and Xray send the head of Trojan with the client's first bytes, and not without them.
        everything(proxy, greets=(protocol, role) != ("trojan", "client"))
        log = scene.text("err")
        expect("authentication failed" not in log, "a login has failed")

    run.__doc__ = f"{protocol}{' over TLS' if tls else ''}: files, 100 at a time, half-closed requests, datagrams"
    return run


CASES = {f"{name}{'_tls' if tls else ''}": case(name, settings, tls)
         for name, settings in (("vless", vless), ("trojan", trojan)) for tls in (False, True)}
