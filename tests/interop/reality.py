"""VLESS over REALITY, with and without the flow xtls-rprx-vision, and that flow over TLS."""
import contextlib
import json
import socket
import ssl
import subprocess
import threading
import time

from keyed import ID
from parts import DIRECT, Failed, connect, eventually, expect, free_port
from traffic import by_socks, everything, https, receive, target

PRIVATE, PUBLIC = "4FdL92jqJ1dAqcp6ibln7RL5DCVYqXWkSUNii9LC9ns", "cGnBKdjyvke-DWuhcS9YcGPVNuGa28eh5e5RTk3sj2E"
FLOW = "xtls-rprx-vision"


def serve_site(scene):
    """The port of a site with TLS 1.3 on this machine, which REALITY shows to strangers."""
    scene.certificate("site", "site.test")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(scene.path("site.pem"), scene.path("site.key"))
    context.set_alpn_protocols(["http/1.1"])

    def answer(client):
        with contextlib.suppress(OSError), context.wrap_socket(client, server_side=True) as tls:
            tls.recv(1000)
            tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nsite")

    def serve():
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()

    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
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


class Recorder:
    """A listener whose connections go on to a port, and which keeps what both sides send."""

    def __init__(self, port):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port, self.target, self.sent, self.answers = self.listener.getsockname()[1], port, [], []
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                far = connect(self.target)
                far.settimeout(None)
                self.sent.append([])
                self.answers.append([])
                threading.Thread(target=self.pump, args=(client, far, self.sent[-1]), daemon=True).start()
                threading.Thread(target=self.pump, args=(far, client, self.answers[-1]), daemon=True).start()

    @staticmethod
    def pump(source, sink, kept):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                kept.append(data)
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)


def chain(scene, peer, role, security, flow):
    """A SOCKS listener, whose connections go by way of the server, and what is between. `role`: what the peer is."""
    port, proxy = free_port(), free_port()
    between = Recorder(port)
    of_server, of_client = security(scene)
    inbound = {"tag": "in", "protocol": "vless", "listen": "127.0.0.1", "port": port, "streamSettings": of_server,
               "settings": {"clients": [{"id": ID, "email": "alice", "flow": flow}], "decryption": "none"}}
    outbound = {"tag": "out", "protocol": "vless", "streamSettings": of_client, "settings": {"vnext": [
        {"address": "127.0.0.1", "port": between.port, "users": [{"id": ID, "encryption": "none", "flow": flow}]}]}}
    local = {"tag": "local", "protocol": "socks", "listen": "127.0.0.1", "port": proxy, "settings": {"udp": True}}
    if role == "server":
        peer.start(scene, inbound, {"protocol": "freedom"})
        scene.start("run", "-c", scene.config(local, outbounds=(outbound,)))
    else:
        direct = {**DIRECT, "settings": {"allowPrivate": True}}
        scene.start("run", "-c", scene.config(inbound, outbounds=(direct,)))
        peer.start(scene, {**local, "settings": {"udp": True, "ip": "127.0.0.1"}}, outbound)
    return proxy, between


def goes_raw(scene, proxy, between, direction):
    """Whether the records of TLS inside come on the wire as they are, in the direction that muxpro sends. Xray does that
    only if a read happens to end with a record."""
    inside = []

    def recorded(port):
        inside.append(Recorder(port))
        return inside[0].port

    https(scene, proxy, 1 << 20, 1, through=recorded)
    sent = inside[0].answers[0] if direction == "download" else inside[0].sent[-1]
    wire = between.answers if direction == "download" else between.sent
    middle = b"".join(sent)[500_000:501_000]
    expect(any(middle in b"".join(pieces) for pieces in wire), f"the {direction} does not leave the TLS of the connection")


def case(security, flow):
    def run(scene, peer, role):
        proxy, between = chain(scene, peer, role, security, flow)
        # With the flow, datagrams of Xray come as those of a multiplexer, and those of sing-box always do.
        everything(proxy, greets=True, udp=peer.name == "xray" and (not flow or role == "server"),
                   half_closes=peer.name == "xray")
        https(scene, proxy, 4 << 20, 20)
        if flow:
            goes_raw(scene, proxy, between, "upload" if role == "server" else "download")
        log = scene.text("err")
        expect("authentication failed" not in log and "was closed" not in log, f"a client was refused: {log[-500:]}")

    run.__doc__ = f"VLESS{' by ' + flow if flow else ''} over {security.__name__}"
    return run


def reality_and_grpc(scene):
    carrier = {"network": "grpc", "grpcSettings": {"serviceName": "some service"}}
    return tuple({**of_side, **carrier} for of_side in reality(scene))


CASES = {"vless_vision": case(tls, FLOW), "vless_reality": case(reality, ""),
         "vless_reality_grpc": case(reality_and_grpc, ""), "vless_reality_vision": case(reality, FLOW)}


def start_nginx(scene):
    """The port of nginx with TLS 1.3 and a page."""
    scene.certificate("site", "site.test")
    port = free_port()
    with open(scene.path("page"), "w", encoding="utf-8") as page:
        page.write("the page of nginx")
    with open(scene.path("nginx.conf"), "w", encoding="utf-8") as file:
        file.write(f"""user root; daemon off; worker_processes 1; pid {scene.path("nginx.pid")}; error_log {scene.path("nginx.log")};
events {{ worker_connections 64; }}
http {{ access_log off; client_body_temp_path {scene.path("body")}; proxy_temp_path {scene.path("proxy")};
  fastcgi_temp_path {scene.path("fastcgi")}; uwsgi_temp_path {scene.path("uwsgi")}; scgi_temp_path {scene.path("scgi")};
  server {{ listen 127.0.0.1:{port} ssl http2; ssl_certificate {scene.path("site.pem")};
    ssl_certificate_key {scene.path("site.key")}; ssl_protocols TLSv1.2 TLSv1.3; root {scene.directory}; }} }}
""")
    scene.processes.append(subprocess.Popen(["nginx", "-c", scene.path("nginx.conf")]))

    def listens():
        with contextlib.suppress(OSError):
            connect(port).close()
            return True

    eventually(listens, f"nginx does not listen: {scene.text('nginx.log')}")
    return port


def reality_in_front_of(scene, site):
    """The ports of a server of VLESS over REALITY, of a recorder in front of it, and of a SOCKS listener that goes by it."""
    port, proxy = free_port(), free_port()
    recorder = Recorder(port)
    reality_of_server = {"target": f"127.0.0.1:{site}", "serverNames": ["site.test"], "privateKey": PRIVATE, "shortIds": ["0a1b"]}
    inbound = {"tag": "in", "protocol": "vless", "listen": "127.0.0.1", "port": port,
               "settings": {"clients": [{"id": ID, "email": "alice", "flow": FLOW}], "decryption": "none"},
               "streamSettings": {"security": "reality", "realitySettings": reality_of_server}}
    scene.start("run", "-c", scene.config(inbound, outbounds=({**DIRECT, "settings": {"allowPrivate": True}},)))

    def client(short_id, at):
        outbound = {"tag": "out", "protocol": "vless", "settings": {
            "address": "127.0.0.1", "port": recorder.port, "id": ID, "encryption": "none", "flow": FLOW},
            "streamSettings": {"security": "reality", "realitySettings": {
                "serverName": "site.test", "publicKey": PUBLIC, "shortId": short_id}}}
        local = {"tag": "local", "protocol": "socks", "listen": "127.0.0.1", "port": at}
        with open(scene.path(f"{short_id}.json"), "w", encoding="utf-8") as file:
            json.dump({"inbounds": [local], "outbounds": [outbound]}, file)
        scene.processes.append(subprocess.Popen([scene.program, "run", "-c", scene.path(f"{short_id}.json")],
                                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

        def listens():
            with contextlib.suppress(OSError):
                connect(at).close()
                return True

        eventually(listens, "the client does not listen")

    return port, recorder, proxy, client


def fetch(*words):
    done = subprocess.run(["curl", "-sS", "--max-time", "20", *words], capture_output=True, check=False)
    return done.stdout.decode() or done.stderr.decode()


def records(data):
    """Type and length of each TLS record that is whole, without what is random in a ServerHello."""
    found = []
    while len(data) >= 5 and len(data) >= 5 + int.from_bytes(data[3:5], "big"):
        end = 5 + int.from_bytes(data[3:5], "big")
        found.append((data[0], end))
        data = data[end:]
    return found


def first_records(client, count):
    data = b""
    while len(records(data)) < count:
        piece = client.recv(65536)
        expect(piece, f"it ends after {records(data)}")
        data += piece
    return records(data)[:count]


def tickets_of(port):
    """The lengths of the records that a TLS server sends behind the handshake, before it is asked."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2", "http/1.1"])
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls, data = context.wrap_bio(incoming, outgoing, server_hostname="site.test"), b""
    with connect(port) as client:
        client.settimeout(1)
        with contextlib.suppress(TimeoutError):
            while True:
                with contextlib.suppress(ssl.SSLWantReadError):
                    tls.do_handshake()
                client.sendall(outgoing.read())
                piece = client.recv(65536)
                incoming.write(piece)
                data += piece
    return [r for r in records(data)[6:] if r[0] == 23 and r[1] >= 200]  # and no message of HTTP/2


def alike(records_of_one, records_of_other):
    """A signature of nginx has 70 to 72 bytes."""
    pairs = list(zip(records_of_one, records_of_other))
    return len(records_of_one) == len(records_of_other) and all(a[0] == b[0] and abs(a[1] - b[1]) <= 2 for a, b in pairs)


def in_front_of_nginx(scene, _peer, _role):
    """REALITY in front of nginx: strangers, a replay and a wrong short id see nginx, its own client gets through"""
    site = start_nginx(scene)
    port, recorder, proxy, client = reality_in_front_of(scene, site)
    by_name = ("-k", "--resolve", f"site.test:{port}:127.0.0.1", f"https://site.test:{port}/page")
    for words in (("--http1.1",), ("--http2",), ("--tls-max", "1.2")):
        page = fetch(*words, *by_name)
        expect(page == "the page of nginx", f"curl {' '.join(words)} does not see nginx: {page}")
    shown = [scene.shown_certificate(at) for at in (site, port)]
    expect(shown == ["site.test"] * 2, f"openssl s_client sees {shown}")
    with connect(port) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
        expect(b"400 Bad Request" in plain.recv(1000), "a request without TLS is not answered by nginx")

    with target(lambda c: (c.sendall(b"220 hello\r\n"), c.close())) as greeting:
        client("0a1b", proxy)
        with by_socks(proxy, greeting) as through:
            expect(receive(through, 11) == b"220 hello\r\n", "its own client does not get through")
    hello = recorder.sent[-1][0]
    with connect(port) as replay, connect(site) as direct:
        for stranger in (replay, direct):
            stranger.sendall(hello)
        answer = first_records(direct, 6)
        expect(alike(first_records(replay, 6), answer), "a replay does not see nginx")
    own = records(b"".join(recorder.answers[-1]))
    expect(alike(own[:6], answer), f"the answer to its own client has records {own}, nginx's {answer}")
    # The server has measured the tickets by now.
    time.sleep(3)
    with target(lambda c: (c.sendall(b"220 hello\r\n"), c.close())) as greeting, by_socks(proxy, greeting) as through:
        receive(through, 11)
    own, tickets = records(b"".join(recorder.answers[-1])), tickets_of(site)
    expect(own[6:6 + len(tickets)] == tickets, f"its own client gets tickets {own[6:]}, nginx sends {tickets}")
    eventually(lambda: "its session id was used before" in scene.text("err"), "the log has no line about the replay")

    wrong = free_port()
    client("0a1c", wrong)
    by_socks_or_not(wrong, site)
    eventually(lambda: "its short id is not in shortIds" in scene.text("err"), "the log has no line about the short id")


def by_socks_or_not(proxy, port):
    with contextlib.suppress(Failed, OSError):
        by_socks(proxy, port).close()
