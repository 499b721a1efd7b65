"""Outbounds as Xray has them, run: http, dns, freedom's redirect, fragment, proxyProtocol and finalRules, a rule by program."""
import os
import socket
import ssl
import struct
import sys
import threading

from parts import PATIENCE, connect, eventually, expect, free_port, socks

DIRECT = {"tag": "direct", "protocol": "freedom"}


class Target:
    """Takes connections, one at a time, and keeps what each has sent until `enough(bytes)`; then answers."""

    def __init__(self, enough=lambda heard: len(heard) > 0, answer=b"hello"):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.heard, self.reads = [], []
        threading.Thread(target=self.serve, args=(enough, answer), daemon=True).start()

    def serve(self, enough, answer):
        while True:
            client, _ = self.listener.accept()
            with client:
                client.settimeout(PATIENCE)
                heard, reads = b"", 0
                while not enough(heard) and (data := client.recv(65536)):
                    heard += data
                    reads += 1
                self.heard.append(heard)
                self.reads.append(reads)
                client.sendall(answer)


def ask(proxy, port, data=b"ping", host="127.0.0.1"):
    """Through SOCKS; what comes back."""
    with connect(proxy) as client:
        name = host.encode()
        client.sendall(b"\x05\x01\x00")
        expect(client.recv(2) == b"\x05\x00", "the proxy wants a password")
        client.sendall(b"\x05\x01\x00\x03" + bytes([len(name)]) + name + struct.pack(">H", port))
        reply = client.recv(10)
        if reply[1:2] != b"\x00":
            return None
        client.sendall(data)
        heard = b""
        while more := client.recv(65536):
            heard += more
        return heard


def by_freedom(scene, settings, target, data=b"ping", port=None, host="127.0.0.1"):
    path = scene.config(socks(), outbounds=[{"protocol": "freedom", "settings": {"allowPrivate": True, **settings}}])
    process = scene.start("run", "-c", path)
    try:
        return ask(scene.port(), port or target.port, data, host)
    finally:
        scene.ends_in_order(process)


def redirected(scene):
    """freedom: redirect leads elsewhere, proxyProtocol sends a header first, finalRules have the last word"""
    target = Target()
    expect(by_freedom(scene, {"redirect": f"127.0.0.1:{target.port}"}, target, port=9) == b"hello", "no redirection")
    target = Target(lambda heard: heard.endswith(b"ping"))
    expect(by_freedom(scene, {"proxyProtocol": 1}, target) == b"hello", "no answer")
    expect(target.heard[0].startswith(b"PROXY TCP4 127.0.0.1 127.0.0.1 "), f"{target.heard}")
    block = {"finalRules": [{"action": "block", "ip": ["127.0.0.0/8"]}]}
    expect(by_freedom(scene, block, Target()) is None, "a blocked address was dialled")
    allow = {"allowPrivate": False, "finalRules": [{"action": "allow", "ip": ["geoip:private"]}]}
    expect(by_freedom(scene, allow, Target()) == b"hello", "an allowed address was not dialled")
    expect(by_freedom(scene, {"allowPrivate": False}, Target()) is None, "a private address was dialled")
    expect('"allowPrivate": true' in scene.text("err"), "nothing says how to allow it")


def client_hello():
    """Of Python's TLS, as one record."""
    out = ssl.MemoryBIO()
    tls = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), out, server_hostname="a.example")
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()


def records(data):
    out = []
    while data:
        size = int.from_bytes(data[3:5], "big")
        out.append((data[:3], data[5:5 + size]))
        data = data[5 + size:]
    return out


def fragmented(scene):
    """freedom: fragment cuts a ClientHello into records whose content is the same, and leaves other bytes alone"""
    hello = client_hello()
    whole = hello[5:]

    def complete(heard):
        return sum(len(content) for _, content in records(heard)) >= len(whole) if len(heard) > 5 else False

    target = Target(complete)
    fragment = {"fragment": {"packets": "tlshello", "length": "40-60", "interval": "1-2"}}
    expect(by_freedom(scene, fragment, target, hello) == b"hello", "no answer")
    pieces = records(target.heard[0])
    expect(b"".join(content for _, content in pieces) == whole, "the ClientHello has changed")
    expect(all(40 <= len(content) <= 60 for _, content in pieces[:-1]) and len(pieces) > 3, f"{len(pieces)} pieces")
    target = Target(lambda heard: heard == b"ping")
    expect(by_freedom(scene, fragment, target) == b"hello", "other bytes do not arrive")


def http_outbound(scene):
    """An outbound http with a user, by way of an inbound http: both success and refusal come back"""
    inner, target = free_port(), Target()
    scene.start("run", "-c", scene.config({"protocol": "http", "listen": "127.0.0.1", "port": inner, "settings":
                                           {"accounts": [{"user": "ann", "pass": "x"}]}},
                                          outbounds=[{"protocol": "freedom", "settings": {"allowPrivate": True}}]))

    def through(secret, port):
        path = scene.config(socks(), outbounds=[{"protocol": "http", "settings": {"servers": [
            {"address": "127.0.0.1", "port": inner, "users": [{"user": "ann", "pass": secret}]}]}}])
        process = scene.start("run", "-c", path)
        heard = ask(scene.port(), port)
        scene.ends_in_order(process)
        return heard

    expect(through("x", target.port) == b"hello", "no answer")
    expect(through("y", target.port) is None, "a wrong password is accepted")
    expect(through("x", free_port()) is None, "a port without a listener is reached")


def query(name, kind, number=7):
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    return struct.pack(">HHHHHH", number, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", kind, 1)


def dns_outbound(scene):
    """An outbound dns answers by the hosts of the configuration: addresses, aliases, names that there are not"""
    port = free_port()
    path = scene.config({"protocol": "dokodemo-door", "listen": "127.0.0.1", "port": port, "settings":
                         {"address": "192.0.2.53", "port": 53, "network": "tcp,udp"}}, outbounds=[{"protocol": "dns"}],
                        dns={"hosts": {"domain:lan.example": ["192.0.2.7", "2001:db8::7"], "alias.example": "x.lan.example",
                                       "gone.example": "#3"}})
    process = scene.start("run", "-c", path)

    def answer(name, kind):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(PATIENCE)
            client.sendto(query(name, kind), ("127.0.0.1", port))
            return client.recv(512)

    for name in ("lan.example", "a.lan.example", "alias.example"):
        expect(answer(name, 1).endswith(bytes([0, 4, 192, 0, 2, 7])), f"{name}: {answer(name, 1)}")
        expect(answer(name, 28).endswith(socket.inet_pton(socket.AF_INET6, "2001:db8::7")), f"{name} has another IPv6 address")
    expect(answer("gone.example", 1)[3] & 15 == 3, f"{answer('gone.example', 1)}")
    expect(answer("lan.example", 16)[6:8] == b"\0\0", "a TXT record comes from nowhere")
    with connect(port) as client:
        message = query("lan.example", 1)
        client.sendall(struct.pack(">H", len(message)) + message)
        expect(client.recv(600).endswith(bytes([0, 4, 192, 0, 2, 7])), "there is no answer by TCP")
    scene.ends_in_order(process)


def rule_by_program(scene):
    """A rule by the client's program: this Python's connections go another way"""
    target = Target()
    name = os.path.basename(os.path.realpath(sys.executable))
    for program, way in ((name, b"hello"), ("no-such-program", None)):
        path = scene.config(socks(), outbounds=[{"tag": "no", "protocol": "blackhole"},
                                                {"tag": "yes", "protocol": "freedom", "settings": {"allowPrivate": True}}],
                            routing={"rules": [{"process": [program], "localPort": "1-65535", "outboundTag": "yes"}]})
        process = scene.start("run", "-c", path)
        expect(ask(scene.port(), target.port) == way, f"{program} goes the other way")
        scene.ends_in_order(process)


def door_to_its_own_port(scene):
    """A door with an address alone leads to the port that the client has connected to"""
    target, port = Target(), free_port()
    path = scene.config({"protocol": "dokodemo-door", "listen": "127.0.0.1", "port": port, "settings": {"address": "127.0.0.1"}},
                        outbounds=[{"protocol": "freedom", "settings": {"redirect": f":{target.port}", "allowPrivate": True}}])
    process = scene.start("run", "-c", path)
    with connect(port) as client:
        client.sendall(b"ping")
        expect(client.recv(100) == b"hello", "no answer")
    eventually(lambda: f"-> tcp:127.0.0.1:{port} via" in scene.text("err"), "the target is another one")
    scene.ends_in_order(process)


def fastest(scene):
    """observatory with leastPing: connections go by the outbound that has answered"""
    page, target = Target(lambda heard: heard.endswith(b"\r\n\r\n"), b"HTTP/1.1 204 No Content\r\n\r\n"), Target()
    dead = {"tag": "p-dead", "protocol": "freedom", "settings": {"allowPrivate": True, "redirect": f"127.0.0.1:{free_port()}"}}
    path = scene.config(socks(), outbounds=[dead, {"tag": "p-good", "protocol": "freedom", "settings": {"allowPrivate": True}}],
                        observatory={"subjectSelector": ["p-"], "probeUrl": f"http://127.0.0.1:{page.port}/204", "probeInterval": "1s"},
                        routing={"balancers": [{"tag": "b", "selector": ["p-"], "strategy": {"type": "leastPing"}}],
                                 "rules": [{"inboundTag": ["in"], "network": "tcp", "balancerTag": "b"}]})
    process = scene.start("run", "-c", path)
    eventually(lambda: page.heard, "the page is not asked for")
    expect(page.heard[0].startswith(b"GET /204 HTTP/1.1\r\nHost: 127.0.0.1\r\n"), f"{page.heard}")
    eventually(lambda: all(ask(scene.port(), target.port) == b"hello" for _ in range(4)), "some connections go the dead way")
    scene.ends_in_order(process)
