"""DNS with others: HTTPS through nginx, and V2Ray's and Xray's resolvers and dns outbounds on the other side."""
import contextlib
import http.server
import shutil
import socket
import subprocess
import threading

from parts import DIRECT, PATIENCE, connect, eventually, expect, free_port
from peers import PEERS, Peer
from traffic import target

NGINX = """
daemon off; master_process off; error_log {error}; pid {pid}; worker_processes 1;
events {{}}
http {{
  access_log off; client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy;
  server {{
    listen 127.0.0.1:{port} ssl http2;
    ssl_certificate {certificate}; ssl_certificate_key {key};
    location /dns-query {{ proxy_pass http://127.0.0.1:{origin}; }}
  }}
}}
"""
NAME, ADDRESS = "inside.interop.net", "127.0.0.1"


def question(name, kind=1):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return b"\x12\x34\x01\0\0\1\0\0\0\0\0\0" + labels + b"\0\0" + bytes([kind]) + b"\0\1"


def answer_to(query):
    """Of a server that has one name with one address of IPv4."""
    end = query.index(b"\0", 12) + 5
    there = query[12:end - 4] == question(NAME)[12:-4] and query[end - 3] == 1
    known = query[12:end - 4] == question(NAME)[12:-4]
    head = query[:2] + (b"\x81\x80" if known else b"\x81\x83") + b"\0\1" + (b"\0\1" if there else b"\0\0") + bytes(4)
    record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + socket.inet_aton(ADDRESS)
    return head + query[12:end] + (record if there else b"")


def asked(port, name, kind=1):
    """The response code and the records' bytes of a reply by UDP."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here:
        here.settimeout(PATIENCE)
        here.sendto(question(name, kind), ("127.0.0.1", port))
        reply = here.recv(4096)
    return reply[3] & 15, reply[len(question(name)):]


class Origin(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        query = self.rfile.read(int(self.headers["Content-Length"]))
        wanted = self.path == "/dns-query" and self.headers["Content-Type"] == "application/dns-message"
        reply = answer_to(query) if wanted else b""
        self.send_response(200 if wanted else 400)
        self.send_header("Content-Type", "application/dns-message")
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_):  # pylint: disable=arguments-differ
        pass


@contextlib.contextmanager
def origin():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Origin) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def start_nginx(scene, port, behind):
    scene.certificate("front", "127.0.0.1")
    with open(scene.path("nginx.conf"), "w", encoding="utf-8") as out:
        out.write(NGINX.format(error=scene.path("nginx.log"), pid=scene.path("nginx.pid"), directory=scene.directory, port=port,
                               origin=behind, certificate=scene.path("front.pem"), key=scene.path("front.key")))
    scene.processes.append(subprocess.Popen(["nginx", "-p", scene.directory, "-c", scene.path("nginx.conf")],
                                            stderr=subprocess.DEVNULL))

    def listens():
        try:
            connect(port).close()
            return True
        except OSError:
            return False

    eventually(listens, f"nginx does not listen: {scene.text('nginx.log')}")


def dns_inbound(port):
    return {"tag": "names", "protocol": "dns", "listen": "127.0.0.1", "port": port}


def https_through_nginx(scene, *_):
    """DNS over HTTPS: nginx with HTTP/2 in front of the server; through the rules and past them"""
    for scheme in ("https", "https+local"):
        port, web = free_port(), free_port()
        with origin() as behind:
            start_nginx(scene, web, behind)
            file = scene.config(dns_inbound(port), dns={"servers": [f"{scheme}://127.0.0.1:{web}/dns-query"]})
            program = scene.start("run", "-c", file, env={"SSL_CERT_FILE": scene.path("front.pem")})
            code, records = asked(port, NAME)
            expect(code == 0 and records.endswith(socket.inet_aton(ADDRESS)), f"the answer is {code} {records!r}")
            for n in range(200):
                expect(asked(port, f"n{n}.interop.net")[0] == 3, "a name that does not exist is answered")
            scene.ends_in_order(program)


https_through_nginx.needs = ("nginx",)


def peer_asks(scene, peer, *_):
    """The peer's resolver asks an inbound of protocol dns, by UDP and TCP"""
    for scheme in ("",) if peer.name == "v2ray" else ("", "tcp://"):  # Debian's V2Ray has UDP alone
        port, proxy = free_port(), free_port()
        scene.start("run", "-c", scene.config(dns_inbound(port), dns={"hosts": {NAME: ADDRESS}, "servers": ["localhost"]}))
        server = f"tcp://127.0.0.1:{port}" if scheme else {"address": "127.0.0.1", "port": port}
        local = {"protocol": "socks", "listen": "127.0.0.1", "port": proxy, "settings": {}}
        direct = {"protocol": "freedom", "settings": {"domainStrategy": "UseIPv4"}}
        asking = Asking(peer, {"servers": [server], "queryStrategy": "UseIPv4"})
        asking.start(scene, local, direct)

        def hello(client):
            with client:
                client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")

        with target(hello) as to:
            done = subprocess.run(["curl", "-sS", "--max-time", "20", "--proxy", f"socks5h://127.0.0.1:{proxy}",
                                   f"http://{NAME}:{to}/"], capture_output=True, check=False)
        expect(done.stdout == b"hello", f"the page is {done.stdout!r}, {done.stderr!r}")


def peer_answers(scene, peer, *_):
    """The peer's dns outbound answers, by UDP and TCP"""
    for scheme in ("udp", "tcp"):
        port, names = free_port(), free_port()
        door = {"protocol": "dokodemo-door", "listen": "127.0.0.1", "port": names,
                "settings": {"network": "tcp,udp", "address": "127.0.0.1", "port": 53}}
        Asking(peer, {"hosts": {f"full:{NAME}": ADDRESS}, "servers": ["localhost"]}).start(scene, door, {"protocol": "dns"})
        file = scene.config(dns_inbound(port), outbounds=(DIRECT,), dns={"servers": [f"{scheme}://127.0.0.1:{names}"], "queryStrategy": "UseIPv4"})
        scene.start("run", "-c", file)
        code, records = asked(port, NAME)
        expect(code == 0 and records.endswith(socket.inet_aton(ADDRESS)), f"by {scheme} the answer is {code} {records!r}")


class Asking(Peer):
    """A peer with names and servers of its own."""

    def __init__(self, peer, names):
        super().__init__(peer.name, peer.words, peer.program)
        self.names = names

    def configuration(self, inbound, outbound, timers):
        return {"log": {"loglevel": "warning"}, "dns": self.names, "inbounds": [inbound], "outbounds": [outbound]}

    def start(self, scene, inbound, outbound):  # pylint: disable=arguments-differ
        return super().start(scene, self.name, inbound, outbound)


def of_peer(case, name):
    def run(scene, programs):
        case(scene, programs[name])

    run.__doc__ = case.__doc__
    run.needs = (name,)
    return run


CASES = {"dns_nginx": https_through_nginx}
CASES |= {f"dns_{name}_{role}": of_peer(case, name) for name in ("v2ray", "xray")
          for role, case in (("client", peer_asks), ("server", peer_answers))}
