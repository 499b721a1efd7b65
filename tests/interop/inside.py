"""TLS inside of the connections, and whether its records come on the wire as they are."""
import contextlib
import hashlib
import random
import ssl
import subprocess
import tempfile

import traffic
from chains import Recorder
from parts import expect
from traffic import receive, target


def https(scene, proxy, size, parallel, through=lambda port: port):
    """curl fetches files by TLS 1.3 inside of the connections, and then sends one, with checksums. `through`: the port of
    what stands in front of a port."""
    scene.certificate("inside", "127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(scene.path("inside.pem"), scene.path("inside.key"))
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    data = random.randbytes(size)
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
        words = ["--cacert", scene.path("inside.pem"), f"https://127.0.0.1:{through(port)}/"]
        running = [traffic.curl(proxy, *words, stdout=subprocess.PIPE) for _ in range(parallel)]
        outputs = [process.communicate() for process in running]
        wrong = [err for out, err in outputs if hashlib.sha256(out).hexdigest() != wanted]
        expect(not wrong, f"{len(wrong)} of {parallel} files by https are wrong: {wrong[:1]}")
        done = traffic.curl(proxy, "-H", "Expect:", "--data-binary", f"@{file.name}", *words, stdout=subprocess.PIPE).communicate()
        expect(done[0].decode() == wanted, f"the file that was sent by https is wrong: {done[1].decode()}")


def tls_inside(chain):
    """By the flow, records of TLS inside come on the wire as they are, in the directions that muxpro sends. Xray does that
    only if a read happens to end with a record."""
    https(chain.scene, chain.proxy, 4 << 20, 20)
    inside = []

    def recorded(port):
        inside.append(Recorder(port))
        return inside[0].port

    chain.between.records = True
    https(chain.scene, chain.proxy, 1 << 20, 1, through=recorded)
    chain.between.records = False
    if chain.cell.server == "muxpro":
        expect_outside("download", inside[0].answers[0], chain.between.answers)
    if chain.cell.client == "muxpro":
        expect_outside("upload", inside[0].sent[-1], chain.between.sent)


def expect_outside(direction, sent, wire):
    middle = b"".join(sent)[500_000:501_000]
    expect(any(middle in b"".join(pieces) for pieces in wire), f"the {direction} does not leave the TLS of the connection")
