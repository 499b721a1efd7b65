"""muxpro reality scan: sites that can be the target of a REALITY server, sites that cannot, and silent ones."""
import contextlib
import os
import re
import socket
import ssl
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from parts import PATIENCE, expect

LIMIT = 10  # seconds that the command has for each host


def in_background(work):
    def quiet():
        with contextlib.suppress(OSError):
            work()

    threading.Thread(target=quiet, daemon=True).start()


class Site:
    """Answers each connection of TLS with `answer`, or not at all."""

    def __init__(self, scene, certificate, answer=b"HTTP/1.1 200 OK\r\n\r\n", protocols=("h2", "http/1.1"),
                 newest=ssl.TLSVersion.TLSv1_3):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(scene.path(f"{certificate}.pem"), scene.path(f"{certificate}.key"))
        self.context.set_alpn_protocols(list(protocols))
        self.context.maximum_version = newest
        self.answer = answer
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        in_background(self.accept)

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            in_background(lambda client=client: self.serve(client))

    def serve(self, client):
        client.settimeout(PATIENCE)
        with self.context.wrap_socket(client, server_side=True) as tls:
            if tls.recv(1000):
                tls.sendall(self.answer)
            while tls.recv(1000):
                pass


def drop_by_drop():
    """The port of a site that begins a record and sends one byte of it after the other, without an end."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        client, _ = listener.accept()
        with client:
            client.sendall(b"\x16\x03\x03\x40\x00")
            while True:
                client.sendall(b"\0")
                time.sleep(0.2)

    in_background(serve)
    return listener.getsockname()[1]


def named_certificate(scene, name, names):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-keyout", scene.path(f"{name}.key"), "-out", scene.path(f"{name}.pem"), "-subj", "/CN=site",
                    "-addext", "subjectAltName=" + ",".join(f"DNS:{n}" for n in names)], check=True, capture_output=True)


def scan(scene, *places):
    """The status and the standard output."""
    done = subprocess.run([scene.program, "reality", "scan", *places], capture_output=True, text=True, timeout=PATIENCE + LIMIT,
                          env={**os.environ, "SSL_CERT_FILE": scene.path("trusted.pem")}, check=False)
    return done.returncode, done.stdout


def certificates_of(scene):
    """"named" and "address" are trusted, "strange" is not."""
    named_certificate(scene, "named", ["*.a.example", "localhost"])
    named_certificate(scene, "strange", ["localhost"])
    scene.certificate("address")
    with open(scene.path("trusted.pem"), "w", encoding="utf-8") as file:
        file.write(scene.text("named.pem") + scene.text("address.pem"))


def expect_unusable(told, status, sentence):
    expect(status == 1 and f"  cannot be a target: {sentence}\n" in told, f"not '{sentence}': {status} {told}")
    expect("realitySettings" not in told, f"there is a configuration for a site that is unusable: {told}")


def scanned_sites(scene):
    """muxpro reality scan: a configuration for a usable site, one sentence and status 1 for each other one"""
    certificates_of(scene)
    for certificate, host in (("named", "localhost"), ("address", "127.0.0.1")):
        place = f"{host}:{Site(scene, certificate).port}"
        status, told = scan(scene, place)
        expect(status == 0 and re.search(rf'"target": "{place}", "serverNames": \["{host}"\]', told), f"{place}: {status} {told}")
        expect("X25519MLKEM768 was not tried" in told, told)
    old = Site(scene, "named", newest=ssl.TLSVersion.TLSv1_2)
    status, told = scan(scene, f"localhost:{old.port}")
    expect_unusable(told, status, "no TLS 1.3 with X25519 (tlsv1 alert protocol version)")
    odd = Site(scene, "strange", b"HTTP/1.1 301 Moved\r\n\r\n", ["http/1.1"])
    status, told = scan(scene, f"localhost:{odd.port}")
    sentence = re.search(r"  cannot be a target: no HTTP/2, an invalid certificate \(self.signed certificate\), a redirect\n", told)
    expect(status == 1 and sentence and "realitySettings" not in told, f"{status} {told}")
    good = Site(scene, "named")
    status, told = scan(scene, f"localhost:{old.port}", f"localhost:{good.port}")
    expect(status == 1 and told.count("cannot be") == 1 and told.count("realitySettings") == 1, f"{status} {told}")


def silent_sites(scene):
    """muxpro reality scan: a site that is silent, before or behind its handshake, or slow has 10 s in all"""
    certificates_of(scene)
    silent = socket.create_server(("127.0.0.1", 0))
    ports = (silent.getsockname()[1], Site(scene, "named", answer=b"").port, drop_by_drop())
    begin = time.monotonic()
    with ThreadPoolExecutor() as pool:
        for status, told in pool.map(lambda port: scan(scene, f"localhost:{port}"), ports):
            expect_unusable(told, status, f"no answer within {LIMIT} s")
    took = time.monotonic() - begin
    expect(took < LIMIT + PATIENCE / 4, f"it takes {took:.1f} s")
