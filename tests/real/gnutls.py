"""GnuTLS as the peer of the program's TLS: gnutls-cli before an inbound, gnutls-serv behind an outbound."""
import hashlib
import os
import re
import select
import socket
import struct
import subprocess
import threading

from parts import DIRECT, ends_within, eventually, expect, free_port, tool

VERSIONS = ("1.3", "1.2")
PASSWORD = "a looking-glass"


def priority(version):
    return f"--priority=NORMAL:-VERS-ALL:+VERS-TLS{version}"


class Echo:
    """A target that answers each connection with its own bytes, and notes how it ends. After the first answer it ends
    ("eof") or resets ("reset") the connection itself, if `then` has that."""

    def __init__(self, then=None):
        self.then = then
        self.ends = []  # "eof" or "reset", in the order in which they came
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection:
            try:
                while some := connection.recv(65536):
                    connection.sendall(some)
                    if self.then == "eof":
                        connection.shutdown(socket.SHUT_WR)
                    elif self.then == "reset":
                        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        return
                self.ends.append("eof")
            except ConnectionResetError:
                self.ends.append("reset")


def inbound(scene, echo, **tls):
    """TLS on scene.socks, and `echo` behind it."""
    certificate = {"certificateFile": scene.path("server.pem"), "keyFile": scene.path("server.key")}
    stream = {"security": "tls", "tlsSettings": {"certificates": [certificate], **tls}}
    return scene.configured({"protocol": "dokodemo-door", "streamSettings": stream,
                             "settings": {"address": "127.0.0.1", "port": echo.port}}, [DIRECT])


class Cli:
    """gnutls-cli. What it reports is in its log, which is whole when it has ended. Its output is what came."""

    def __init__(self, scene, version, *words):
        self.log_file = scene.path("gnutls-cli.log")
        with open(scene.path("gnutls-cli.err.log"), "wb") as errors:
            self.process = subprocess.Popen(
                [tool("gnutls-cli"), "--x509cafile", scene.path("ca.pem"), "--logfile", self.log_file,
                 priority(version), *words, "--port", str(scene.socks), "127.0.0.1"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)
        scene.processes.append(self.process)
        self.errors_file = scene.path("gnutls-cli.err.log")

    def log(self):
        return "".join(open(name, encoding="utf-8", errors="replace").read()
                       for name in (self.log_file, self.errors_file) if os.path.exists(name))

    def send(self, some):
        self.process.stdin.write(some)
        self.process.stdin.flush()

    def take(self, size):
        """The next bytes that came, of which there must be so many."""
        some = b""
        while len(some) < size:
            expect(select.select([self.process.stdout], [], [], 20)[0], f"only {len(some)} of {size} bytes came back")
            more = os.read(self.process.stdout.fileno(), size - len(some))
            expect(more, f"{len(some)} of {size} bytes came back: {self.log()}")
            some += more
        return some

    def ends(self):
        """Closes its input, whereupon it sends close_notify. Its exit status."""
        self.process.stdin.close()
        return ends_within(self.process, 10, "gnutls-cli")


def gnutls_cli(scene, options):
    """gnutls-cli to an inbound by TLS 1.3 and 1.2: 4 MiB (64 with --long) there and back, close_notify both ways"""
    size = (64 if options.long else 4) * 2**20
    wanted = scene.file("large", size)
    with Echo() as echo:
        proxy = inbound(scene, echo)
        for n, version in enumerate(VERSIONS, 1):
            cli = Cli(scene, version)

            def send(to):
                with open(scene.path("www/large"), "rb") as file:
                    while some := file.read(65536):
                        to.send(some)

            sender = threading.Thread(target=send, args=(cli,), daemon=True)
            sender.start()
            digest = hashlib.sha256()
            for _ in range(size // 2**16):
                digest.update(cli.take(2**16))
            sender.join(10)
            expect(digest.hexdigest() == wanted, f"TLS {version}: other bytes came back")
            expect(cli.ends() == 0, f"TLS {version}: gnutls-cli failed: {cli.log()}")
            expect(f"(TLS{version}-" in cli.log(), f"it was not TLS {version}: {cli.log()}")
            eventually(lambda: len(echo.ends) == n, 5, f"TLS {version}: the target's connection does not end")
            expect(echo.ends[-1] == "eof", f"TLS {version}: close_notify became a reset for the target")
        proxy.terminate()
        expect(ends_within(proxy, 5, "run") == 0, "its exit status is not 0")


def gnutls_cli_is_left(scene, _):
    """The end of a target is close_notify for gnutls-cli, and its reset is not"""
    for end in ("eof", "reset"):
        with Echo(then=end) as echo:
            proxy = inbound(scene, echo)
            for version in VERSIONS:
                cli = Cli(scene, version)
                cli.send(b"hello\n")
                status = ends_within(cli.process, 10, "gnutls-cli")
                closed = "Peer has closed the GnuTLS connection" in cli.log()
                expect((status == 0, closed) == (end == "eof",) * 2,
                       f"TLS {version}: of a target's {end} gnutls-cli, which ended with {status}, reports {cli.log()}")
            proxy.terminate()
            expect(ends_within(proxy, 5, "run") == 0, "its exit status is not 0")


def gnutls_cli_new_keys(scene, _):
    """gnutls-cli changes the keys of TLS 1.3: its own, and those of both sides, with text before and behind"""
    with Echo() as echo:
        inbound(scene, echo)
        cli = Cli(scene, "1.3", "--inline-commands")
        for command in (None, "rekey1", "rekey", "rekey"):
            if command:
                cli.send(f"^{command}^\n".encode())
            text = f"behind {command}\n".encode() * 1000
            cli.send(text)
            expect(cli.take(len(text)) == text, f"other bytes came back: {cli.log()}")
        expect(cli.ends() == 0, f"gnutls-cli failed: {cli.log()}")
        eventually(lambda: echo.ends == ["eof"], 5, "the connection does not end in good order")


def gnutls_cli_resumes(scene, _):
    """gnutls-cli resumes a session with enableSessionResumption, and does not without"""
    with Echo() as echo:
        for resumes in (True, False):
            proxy = inbound(scene, echo, enableSessionResumption=resumes)
            for version in VERSIONS:
                cli = Cli(scene, version, "--resume", *(["--waitresumption"] if resumes else []))
                cli.send(b"hello\n")
                expect(cli.take(6) == b"hello\n", "other bytes came back")
                expect(cli.ends() == 0, f"gnutls-cli failed: {cli.log()}")
                resumed = "This is a resumed session" in cli.log()
                expect(resumed == resumes, f"TLS {version}: resumed is {resumed}, and allowed {resumes}: {cli.log()}")
            proxy.terminate()
            expect(ends_within(proxy, 5, "run") == 0, "its exit status is not 0")


class Through:
    """A connection to gnutls-serv, which sends all lines back, by an outbound of the program."""

    def __init__(self, scene):
        self.socket = socket.create_connection(("127.0.0.1", scene.socks), 10)
        self.socket.settimeout(10)

    def __enter__(self):
        self.answers = self.socket.makefile("rb")
        return self

    def __exit__(self, *_):
        self.answers.close()
        self.socket.close()

    def begin(self):
        """Sends a line. The request of the outbound comes back in front of it."""
        self.socket.sendall(b"begin\n")
        request = [self.answers.readline() for _ in range(3)]
        expect(re.fullmatch(rb"[0-9a-f]{56}\r\n", request[0]) and request[2] == b"begin\n",
               f"no request of Trojan came back, but {request}")

    def ask(self, line):
        self.socket.sendall(line)
        return self.answers.readline()


def outbound(scene, version, **tls):
    """gnutls-serv, and an inbound on scene.socks whose outbound connects to it by TLS."""
    port = free_port()
    scene.secrets.append(PASSWORD)
    server = scene.start("gnutls-serv", [
        tool("gnutls-serv"), "--echo", "--port", str(port), "--x509certfile", scene.path("server.pem"), "--x509keyfile",
        scene.path("server.key"), priority(version)], port)
    authority = {"usage": "verify", "certificateFile": scene.path("ca.pem")}
    proxy = scene.configured(
        {"protocol": "dokodemo-door", "settings": {"address": "target.test", "port": 12345}},
        [{"protocol": "trojan", "settings": {"servers": [{"address": "127.0.0.1", "port": port, "password": PASSWORD}]},
          "streamSettings": {"security": "tls", "tlsSettings": {
              "certificates": [authority], "serverName": "localhost", **tls}}}])
    return server, proxy


def stop(*processes):
    for process in processes:
        process.terminate()
        ends_within(process, 5, "a process")


def gnutls_serv(scene, options):
    """gnutls-serv behind an outbound by TLS 1.3 and 1.2: 2 MiB (16 with --long) there and back, close_notify"""
    count = (16 if options.long else 2) * 1024
    for version in VERSIONS:
        server, proxy = outbound(scene, version)
        with Through(scene) as connection:
            connection.begin()
            for n in range(count):
                line = hashlib.sha256(b"%d" % n).hexdigest().encode() * 15 + b"%062d\n" % n
                expect(connection.ask(line) == line, f"TLS {version}: line {n} came back as another one")
            connection.socket.shutdown(socket.SHUT_WR)
            expect(connection.answers.read() == b"", f"TLS {version}: more bytes came")
        said = scene.log("gnutls-serv")
        expect(f"(TLS{version}-" in said, f"it was not TLS {version}: {said[-1000:]}")
        expect("non-properly terminated" not in said and "Error while receiving" not in said,
               f"TLS {version}: gnutls-serv got no close_notify: {said[-1000:]}")
        stop(proxy, server)


def gnutls_serv_resumes(scene, _):
    """The program resumes a session of gnutls-serv with enableSessionResumption, and does not without"""
    for version in VERSIONS:
        for resumes in (True, False):
            server, proxy = outbound(scene, version, enableSessionResumption=resumes)
            before = scene.log("gnutls-serv").count("This is a resumed session")
            for _ in range(3):
                with Through(scene) as connection:
                    connection.begin()
                    expect(connection.ask(b"hello\n") == b"hello\n", "other bytes came back")
            resumed = scene.log("gnutls-serv").count("This is a resumed session") - before
            expect(resumed == (2 if resumes else 0), f"TLS {version}: {resumed} of 3 are resumed, allowed: {resumes}")
            stop(proxy, server)


def gnutls_serv_renegotiates(scene, _):
    """gnutls-serv asks for another handshake in TLS 1.2: the program refuses with an alert"""
    server, proxy = outbound(scene, "1.2")
    with Through(scene) as connection:
        connection.begin()
        expect(b"Success" in connection.ask(b"**REHANDSHAKE**\n"), "gnutls-serv does not ask for another handshake")
        try:
            expect(not connection.ask(b"hello\n"), "gnutls-serv goes on")
        except ConnectionResetError:
            pass
    stop(proxy, server)
    said = scene.log("gnutls-serv")
    expect("A TLS warning alert has been received" in said, f"gnutls-serv got no refusal: {said[-1000:]}")
    expect(said.count("- Version: TLS1.2") == 1, f"there was not one handshake: {said[-1000:]}")
