"""What goes through a chain of proxies: files with checksums, half-closed requests, datagrams."""
import contextlib
import functools
import hashlib
import os
import socket
import subprocess
import tempfile
import threading

from parts import PATIENCE, SLOW, Failed, connect, expect

GREETING = b"\x05\x01\x00"
BLOCK = os.urandom(1 << 20)


@contextlib.contextmanager
def target(answer):
    """The port of a server that calls `answer` with each connection. What breaks there the other end sees."""
    def serve_one(client):
        with contextlib.suppress(OSError, Failed):
            answer(client)

    def serve(listener):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve_one, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def echo(client):
    with client:
        while piece := client.recv(65536):
            client.sendall(piece)


@contextlib.contextmanager
def udp_echo():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here:
        here.bind(("127.0.0.1", 0))

        def serve():
            with contextlib.suppress(OSError, TypeError):  # without a peer it has been shut down
                while True:
                    data, peer = here.recvfrom(65536)
                    here.sendto(data, peer)

        threading.Thread(target=serve, daemon=True).start()
        yield here.getsockname()[1]
        with contextlib.suppress(OSError):  # it is not connected, and the thread wakes up for all that
            here.shutdown(socket.SHUT_RDWR)


def receive(client, size):
    out = b""
    while len(out) < size:
        piece = client.recv(size - len(out))
        expect(piece, f"it ends after {len(out)} of {size} bytes")
        out += piece
    return out


def receive_all(client):
    out = b""
    while piece := client.recv(65536):
        out += piece
    return out


def by_socks(proxy, port, room=0):
    """A connection to a port of this machine by way of a SOCKS listener. `room`: bytes that the system keeps unread."""
    client = connect(proxy)
    if room:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
    client.sendall(GREETING)
    receive(client, 2)
    client.sendall(b"\x05\x01\x00\x01\x7f\x00\x00\x01" + port.to_bytes(2, "big"))
    expect(receive(client, 10)[1] == 0, "the target is refused")
    return client


def content(size):
    """The pieces of a file; no two have the same first bytes."""
    for begin in range(0, size, len(BLOCK)):
        yield (begin.to_bytes(8, "big") + BLOCK)[:min(len(BLOCK), size - begin)]


@functools.lru_cache
def checksum(size):
    return checksum_of(content(size))


def checksum_of(pieces):
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


def pieces_of(file):
    return iter(lambda: file.read(len(BLOCK)), b"")


@contextlib.contextmanager
def origin(received=None):
    """The port of a web server. GET /SIZE is answered by so many bytes. The checksums of what is sent go to `received`."""
    def answer(client):
        with client:
            head = b""
            while b"\r\n\r\n" not in head:
                piece = client.recv(65536)
                if not piece:
                    return
                head += piece
            head, _, body = head.partition(b"\r\n\r\n")
            if head.startswith(b"PUT"):
                size = int(head.lower().split(b"content-length:")[1].split()[0])
                if b"100-continue" in head:
                    client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                received.append(checksum_of(upload(client, body, size)))
                client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            else:
                size = int(head.split()[1].split(b"?")[0][1:])
                client.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % size)
                for piece in content(size):
                    client.sendall(piece)

    def upload(client, body, size):
        while size:
            body = body or client.recv(min(len(BLOCK), size))
            if not body:
                return
            yield body
            size, body = size - len(body), b""

    with target(answer) as port:
        yield port


def curl(proxy, *words, limit=120, **how):
    return subprocess.Popen(["curl", "-sS", "--no-progress-meter", "--fail", "--max-time", str(limit * SLOW), "--proxy",
                             f"socks5h://127.0.0.1:{proxy}", *words], stderr=subprocess.PIPE, **how)


def download(proxy, size, limit=120):
    with origin() as port:
        process = curl(proxy, f"http://127.0.0.1:{port}/{size}", limit=limit, stdout=subprocess.PIPE)
        got = checksum_of(pieces_of(process.stdout))
        why = process.communicate()[1].decode().strip()
        expect(process.returncode == 0, f"the download fails: {why}")
        expect(got == checksum(size), "the download is wrong")


def downloads(proxy, size, count):
    """So many at once, by one process of curl."""
    with origin() as port, tempfile.TemporaryDirectory() as directory:
        process = curl(proxy, "--parallel", "--parallel-immediate", "--parallel-max", str(count), "-o", f"{directory}/#1",
                       f"http://127.0.0.1:{port}/{size}?[1-{count}]", limit=30)
        why = process.communicate()[1].decode().strip().splitlines()
        got = []
        for name in os.listdir(directory):
            with open(os.path.join(directory, name), "rb") as file:
                got.append(checksum_of(pieces_of(file)))
        right = got.count(checksum(size))
        expect(right == count, f"{count - right} of {count} downloads are wrong: {why[:1]}")


def upload(proxy, size):
    received = []
    with origin(received) as port, tempfile.NamedTemporaryFile() as file:
        for piece in content(size):
            file.write(piece)
        file.flush()
        process = curl(proxy, "--upload-file", file.name, f"http://127.0.0.1:{port}/", stdout=subprocess.DEVNULL)
        why = process.communicate()[1].decode().strip()
        expect(process.returncode == 0, f"the upload fails: {why}")
        expect(received == [checksum(size)], "the upload is wrong")


def files(proxy):
    """A large file both ways, and a hundred small ones at a time."""
    download(proxy, 8 << 20)
    downloads(proxy, 100_000, 100)
    upload(proxy, 8 << 20)


class Association:
    """UDP ASSOCIATE of SOCKS, to ports of this machine."""

    def __init__(self, proxy):
        self.control = connect(proxy)
        self.control.sendall(GREETING)
        receive(self.control, 2)
        self.control.sendall(b"\x05\x03\x00\x01\x00\x00\x00\x00\x00\x00")
        bound = receive(self.control, 10)
        expect(bound[1] == 0, "UDP ASSOCIATE is refused")
        self.relay = ("127.0.0.1", int.from_bytes(bound[8:], "big"))
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(PATIENCE / 4)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.control.close()
        self.socket.close()

    @staticmethod
    def header(port):
        return b"\x00\x00\x00\x01\x7f\x00\x00\x01" + port.to_bytes(2, "big")

    def send(self, port, data):
        self.socket.sendto(self.header(port) + data, self.relay)

    def expect(self, port, data, sentence):
        try:
            got = self.socket.recv(65536)
        except TimeoutError:
            expect(False, f"{sentence}: none comes")
        expect(got == self.header(port) + data, f"{sentence}: {got[:24].hex()} comes")
