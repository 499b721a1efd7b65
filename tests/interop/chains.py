"""A client and a server of a cell, as processes."""
import contextlib
import socket
import ssl
import threading

import keyed
from parts import connect, free_port

PRIVATE, PUBLIC = "4FdL92jqJ1dAqcp6ibln7RL5DCVYqXWkSUNii9LC9ns", "cGnBKdjyvke-DWuhcS9YcGPVNuGa28eh5e5RTk3sj2E"


def serve_site(scene):
    """The port of a site with TLS 1.3 on this machine, which REALITY shows to strangers."""
    scene.certificate("site", "site.test")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(scene.path("site.pem"), scene.path("site.key"))
    context.set_alpn_protocols(["http/1.1"])

    def answer(client):
        with contextlib.suppress(OSError), context.wrap_socket(client, server_side=True) as tls_client:
            tls_client.recv(1000)
            tls_client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nsite")

    def serve():
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()

    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    threading.Thread(target=serve, daemon=True).start()
    return listener.getsockname()[1]


def tls(scene):
    scene.certificate("server", "127.0.0.1")
    file, key = scene.path("server.pem"), scene.path("server.key")
    return ({"security": "tls", "tlsSettings": {"certificates": [{"certificateFile": file, "keyFile": key}]}},
            {"security": "tls", "tlsSettings": {"serverName": "127.0.0.1", "certificates": [
                {"certificateFile": file, "usage": "verify"}]}})


def reality(scene):
    return ({"security": "reality", "realitySettings": {
                "target": f"127.0.0.1:{serve_site(scene)}", "serverNames": ["site.test"], "privateKey": PRIVATE,
                "shortIds": ["0a1b"], "maxTimeDiff": 60000}},
            {"security": "reality", "realitySettings": {
                "serverName": "site.test", "fingerprint": "chrome", "publicKey": PUBLIC, "shortId": "0a1b", "spiderX": "/"}})


SECURITIES = {"none": lambda scene: ({}, {}), "tls": tls, "reality": reality}


class Recorder:
    """A listener whose connections go on to a port, and which keeps what both sides send while it `records`."""

    def __init__(self, port, records=True):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port, self.target, self.sent, self.answers = self.listener.getsockname()[1], port, [], []
        self.records = records
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                try:
                    far = connect(self.target)
                except OSError:
                    client.close()
                    continue
                far.settimeout(None)
                self.sent.append([])
                self.answers.append([])
                threading.Thread(target=self.pump, args=(client, far, self.sent[-1]), daemon=True).start()
                threading.Thread(target=self.pump, args=(far, client, self.answers[-1]), daemon=True).start()

    def pump(self, source, sink, kept):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if self.records:
                    kept.append(data)
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


class Chain:
    """A SOCKS listener of the client, whose connections go by way of the server."""

    def __init__(self, scene, cell, programs, mux=None):
        self.scene, self.cell, self.programs = scene, cell, programs
        self.proxy, port = free_port(), free_port()
        self.between = Recorder(port, records=False) if cell.family == "vless+vision" else None
        of_server, of_client = ({**keyed.CARRIERS[cell.carrier], **side} for side in SECURITIES[cell.security](scene))
        server, _ = keyed.settings(cell.protocol, port)
        _, client = keyed.settings(cell.protocol, self.between.port if self.between else port)
        protocol = cell.family.split("+")[0]
        self.inbound = {"tag": "in", "protocol": protocol, "listen": "127.0.0.1", "port": port, "settings": server}
        self.outbound = {"tag": "out", "protocol": protocol, "settings": client, "mux": mux or keyed.MUXES[cell.mux]}
        if of_server:
            self.inbound["streamSettings"], self.outbound["streamSettings"] = of_server, of_client
        self.local = {"tag": "local", "protocol": "socks", "listen": "127.0.0.1", "port": self.proxy,
                      "settings": {"udp": True, "ip": "127.0.0.1"}}
        # With full cone Xray wraps datagrams of VLESS and VMess for a multiplexer.
        self.env = {} if cell.keeps_sources() else {"XRAY_CONE_DISABLED": "true"}
        self.server = self.client = None
        self.start_server()
        self.start_client()

    def start_server(self):
        timers = self.cell.server != "muxpro" or self.cell.client == "muxpro"
        self.server = self.started(self.cell.server, "server", self.inbound, {"protocol": "freedom"}, timers)

    def start_client(self):
        timers = self.cell.client != "muxpro"
        self.client = self.started(self.cell.client, "client", self.local, self.outbound, timers)

    def started(self, name, *how):
        return self.programs[name].start(self.scene, *how, self.env)
