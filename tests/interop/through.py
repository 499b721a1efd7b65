"""muxpro's outbounds one through another, where the first hop is another proxy and the second one muxpro."""
from types import SimpleNamespace

import trials
from keyed import trojan, vless, vmess
from parts import DIRECT, free_port
from traffic import files


def shadowsocks(port):
    who = {"method": "aes-128-gcm", "password": "secret"}
    return {**who, "network": "tcp,udp"}, {"servers": [{"address": "127.0.0.1", "port": port, **who}]}


def tls_of(scene):
    """streamSettings of a server and of its client."""
    scene.certificate("server", "127.0.0.1")
    file, key = scene.path("server.pem"), scene.path("server.key")
    return ({"security": "tls", "tlsSettings": {"certificates": [{"certificateFile": file, "keyFile": key}]}},
            {"security": "tls", "tlsSettings": {"serverName": "127.0.0.1", "certificates": [
                {"certificateFile": file, "usage": "verify"}]}})


def through(peer, first, second, tls=False, more=None):
    """`first` and `second`: protocols and what makes their settings. `second` is the peer's."""
    def run(scene, programs):
        far, between, proxy = free_port(), free_port(), free_port()
        far_server, far_client = first[1](far)
        near_server, near_client = second[1](between)
        of_server, of_client = tls_of(scene) if tls else ({}, {})
        programs[peer].start(scene, peer, {"tag": "in", "protocol": second[0], "listen": "127.0.0.1", "port": between,
                                           "settings": near_server}, {"protocol": "freedom"}, timers=False)
        direct = {**DIRECT, "settings": {"allowPrivate": True}}
        inbound = {"tag": "in", "protocol": first[0], "listen": "127.0.0.1", "port": far, "settings": far_server,
                   "streamSettings": of_server}
        scene.start("run", "-c", scene.config(inbound, outbounds=(direct,)))
        local = {"tag": "local", "protocol": "socks", "listen": "127.0.0.1", "port": proxy, "settings": {"udp": True}}
        a = {"tag": "a", "protocol": first[0], "settings": far_client,
             "streamSettings": {**of_client, "sockopt": {"dialerProxy": "b"}}, **(more or {})}
        b = {"tag": "b", "protocol": second[0], "settings": near_client}
        scene.start("run", "-c", scene.config(local, outbounds=(a, b)))
        files(proxy)
        chain = SimpleNamespace(proxy=proxy)
        for kind in (trials.half_closed, trials.datagrams):
            kind(chain)

    run.__doc__ = (f"{first[0]}{' over TLS' if tls else ''}{' with a multiplexer' if more else ''} through {peer}'s {second[0]}: "
                   "files, half-closed requests, datagrams")
    run.needs = (peer,)
    return run


VLESS, TROJAN, VMESS = ("vless", vless), ("trojan", trojan), ("vmess", lambda port: vmess(port, "auto"))
WAYS = {"vless_vmess": (VLESS, VMESS), "trojan_vless": (TROJAN, VLESS, True), "shadowsocks_vmess": (("shadowsocks", shadowsocks), VMESS),
        "mux_vless": (VLESS, VLESS, False, {"mux": {"enabled": True, "protocol": "mux.pro"}})}
CASES = {f"through_{name}_{peer}": through(peer, *way) for name, way in WAYS.items() for peer in ("v2ray", "xray")}
