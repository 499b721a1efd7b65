"""What goes through a chain of proxies: files with checksums, half-closed requests, datagrams."""
import contextlib
import hashlib
import os
import socket
import ssl
import subprocess
import tempfile
import threading
import time

from parts import PATIENCE, connect, expect

GREETING = b"\x05\x01\x00"


@contextlib.contextmanager
def target(answer):
    """The port of a server that calls `answer` with each connection."""
    def serve(listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(client,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def udp_echo():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here:
        here.bind(("127.0.0.1", 0))

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    data, peer = here.recvfrom(65536)
                    here.sendto(data, peer)

        threading.Thread(target=serve, daemon=True).start()
        yield here.getsockname()[1]


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


def by_socks(proxy, port):
    """A connection to a port of this machine by way of a SOCKS listener."""
    client = connect(proxy)
    client.sendall(GREETING)
    receive(client, 2)
    client.sendall(b"\x05\x01\x00\x01\x7f\x00\x00\x01" + port.to_bytes(2, "big"))
    expect(receive(client, 10)[1] == 0, "the target is refused")
    return client


def files(proxy, size, parallel):
    """curl fetches `parallel` files of `size` bytes, and sends one of them, with checksums."""
    data = os.urandom(size)
    wanted = hashlib.sha256(data).hexdigest()
    sent = []

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
                if b"100-continue" in head:
                    client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                sent.append(hashlib.sha256(body + receive(client, size - len(body))).hexdigest())
                client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            else:
                client.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % size + data)

    with target(answer) as port:
        curl = ["curl", "-sS", "--fail", "--max-time", "120", "--proxy", f"socks5h://127.0.0.1:{proxy}"]

        def fetch(results, n):
            done = subprocess.run([*curl, f"http://127.0.0.1:{port}/{n}"], capture_output=True, check=False)
            results[n] = hashlib.sha256(done.stdout).hexdigest() if done.returncode == 0 else done.stderr.decode()

        results = {}
        threads = [threading.Thread(target=fetch, args=(results, n)) for n in range(parallel)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wrong = [r for r in results.values() if r != wanted]
        expect(not wrong, f"{len(wrong)} of {parallel} files are wrong: {wrong[:1]}")
        with tempfile.NamedTemporaryFile() as file:
            file.write(data)
            file.flush()
            done = subprocess.run([*curl, "--upload-file", file.name, f"http://127.0.0.1:{port}/"], capture_output=True,
                                  check=False)
        expect(done.returncode == 0 and sent == [wanted], f"the file that was sent is wrong: {done.stderr.decode()}")


def half_close(proxy):
    """The answer comes when the client has sent EOF already. V2Ray and Xray do not pass EOF on to the target, therefore the
    target knows how long the request is."""
    data = os.urandom(100_000)

    def answer(client):
        with client:
            request = receive(client, len(data))
            time.sleep(0.3)
            client.sendall(hashlib.sha256(request).digest())

    with target(answer) as port, by_socks(proxy, port) as client:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        expect(receive_all(client) == hashlib.sha256(data).digest(), "a half-closed request has no answer")


def target_speaks_first(proxy):
    def answer(client):
        with client:
            client.sendall(b"220 hello\r\n")
            client.sendall(client.recv(100))

    with target(answer) as port, by_socks(proxy, port) as client:
        expect(receive(client, 11) == b"220 hello\r\n", "the greeting is wrong")
        client.sendall(b"quit")
        expect(receive(client, 4) == b"quit", "the echo is wrong")


def datagrams(proxy, sizes):
    with udp_echo() as port, connect(proxy) as control, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here:
        control.sendall(GREETING)
        receive(control, 2)
        control.sendall(b"\x05\x03\x00\x01\x00\x00\x00\x00\x00\x00")
        bound = receive(control, 10)
        expect(bound[1] == 0, "UDP ASSOCIATE is refused")
        relay = ("127.0.0.1", int.from_bytes(bound[8:], "big"))
        here.settimeout(PATIENCE)
        header = b"\x00\x00\x00\x01\x7f\x00\x00\x01" + port.to_bytes(2, "big")
        for size in sizes:
            data = os.urandom(size)
            here.sendto(header + data, relay)
            expect(here.recv(65536) == header + data, f"a datagram of {size} bytes comes back wrong")


def https(scene, proxy, size, parallel, through=lambda port: port):
    """curl fetches files by TLS 1.3 inside of the connections, and then sends one, with checksums. `through`: the port of
    what stands in front of a port."""
    scene.certificate("inside", "127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(scene.path("inside.pem"), scene.path("inside.key"))
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    data = os.urandom(size)
    wanted = hashlib.sha256(data).hexdigest()

    def answer(client):
        with contextlib.suppress(OSError), context.wrap_socket(client, server_side=True) as tls:
            head = b""
            while b"\r\n\r\n" not in head:
                head += tls.recv(65536) or b"\r\n\r\n"
            head, _, body = head.partition(b"\r\n\r\n")
            answered = data
            if head.startswith(b"POST"):
                answered = hashlib.sha256(body + receive(tls, size - len(body))).hexdigest().encode()
            tls.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(answered) + answered)

    with target(answer) as port, tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        curl = ["curl", "-sS", "--fail", "--max-time", "120", "--proxy", f"socks5h://127.0.0.1:{proxy}", "--cacert",
                scene.path("inside.pem"), f"https://127.0.0.1:{through(port)}/"]
        running = [subprocess.Popen(curl, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(parallel)]
        outputs = [process.communicate() for process in running]
        wrong = [err for out, err in outputs if hashlib.sha256(out).hexdigest() != wanted]
        expect(not wrong, f"{len(wrong)} of {parallel} files by https are wrong: {wrong[:1]}")
        done = subprocess.run([*curl, "-H", "Expect:", "--data-binary", f"@{file.name}"], capture_output=True, check=False)
        expect(done.stdout.decode() == wanted, f"the file that was sent by https is wrong: {done.stderr.decode()}")


def everything(proxy, greets, udp=True, half_closes=True):
    """`greets`: whether the client's side lets a target speak first. `half_closes`: whether it waits for the answer to a
    half-closed request."""
    files(proxy, 8 << 20, 1)
    files(proxy, 100_000, 100)
    if half_closes:
        half_close(proxy)
    if greets:
        target_speaks_first(proxy)
    if udp:
        datagrams(proxy, (1, 2, 100, 512, 1200, 1400))
