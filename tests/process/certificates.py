"""Certificates: what check and the commands say of files that cannot be used, and files that are replaced."""
import os
import signal
import socket
import threading

from parts import DIRECT, connect, eventually, expect, socks


def over_tls(scene, certificate="a.pem", key="a.key"):
    files = {"certificateFile": scene.path(certificate), "keyFile": scene.path(key)}
    return socks(streamSettings={"security": "tls", "tlsSettings": {"certificates": [files]}})


def unusable_files(scene):
    """A certificate or key that is missing, garbled or of another one: one sentence, the same from each command"""
    for name in ("a", "b"):
        scene.certificate(name)
    scene.certificate("rsa", kind="rsa")
    with open(scene.path("garbage"), "w", encoding="utf-8") as file:
        file.write("garbage\n")
    with open(scene.path("cut.pem"), "w", encoding="utf-8") as file:
        file.write(scene.text("a.pem")[:200])
    a, key = scene.path("a.pem"), scene.path("a.key")
    cases = {("missing", "a.key"): f"certificate in {scene.path('missing')}: No such file or directory",
             ("a.pem", "missing"): f"key in {scene.path('missing')}: No such file or directory",
             ("garbage", "a.key"): f"certificate in {scene.path('garbage')}: there is no certificate as PEM in it",
             ("a.pem", "garbage"): f"key in {scene.path('garbage')}: there is no key as PEM in it",
             ("cut.pem", "a.key"): f"certificate in {scene.path('cut.pem')}: bad end line",
             ("a.key", "a.key"): f"certificate in {key}: there is no certificate as PEM in it",
             ("a.pem", "b.key"): f"key in {scene.path('b.key')}: it does not belong to the certificate in {a}",
             ("a.pem", "rsa.key"): f"key in {scene.path('rsa.key')}: it does not belong to the certificate in {a}"}
    for (certificate, of), sentence in cases.items():
        path = scene.config(over_tls(scene, certificate, of))
        wanted = f"inbounds[0].streamSettings: cannot use the {sentence}"
        status, told = scene.check(path)
        expect((status, told) == (1, wanted), f"check says {status} {told}, not {wanted}")
        status, told = scene.ends_by_itself("run", "-c", path)
        expect((status, told) == (23, wanted), f"run says {status} {told}, not {wanted}")
        status, told = scene.ends_by_itself("server", "--listen", "127.0.0.1:0", "--tls-cert", scene.path(certificate),
                                            "--tls-key", scene.path(of))
        expect((status, told) == (1, f"muxpro: cannot use the {sentence}"), f"server says {status} {told}")
    status, told = scene.check(scene.config(over_tls(scene)))
    expect(status == 0, f"check says {told} of files that are right")


def unusable_authority(scene):
    """The same for the authority that an outbound trusts"""
    tls = {"certificates": [{"certificateFile": scene.path("missing"), "usage": "verify"}]}
    far = {"tag": "far", "protocol": "mux.pro", "settings": {"address": "proxy.example", "port": 9527},
           "streamSettings": {"security": "tls", "tlsSettings": tls}}
    status, told = scene.check(scene.config(socks(), outbounds=[DIRECT, far]))
    wanted = f"outbounds[1].streamSettings: cannot use the authorities in {scene.path('missing')}: No such file"
    expect(status == 1 and told.startswith(wanted), f"check says {status} {told}")


def replaced(scene):
    """SIGHUP: new connections get the certificate that was put in the old one's place, a bad one is refused"""
    for name in ("old", "new", "other"):
        scene.certificate(name)
    for name in ("run", "server"):
        scene.put("a.pem", "old.pem")
        scene.put("a.key", "old.key")
        words = ["run", "-c", scene.config(over_tls(scene))] if name == "run" else [
            "server", "--listen", "127.0.0.1:0", "--tls-cert", scene.path("a.pem"), "--tls-key", scene.path("a.key")]
        process = scene.start(*words)
        port = scene.port()
        expect(scene.shown_certificate(port) == "old", f"{name} does not show its certificate")
        scene.put("a.pem", "new.pem")  # the key is not there yet
        process.send_signal(signal.SIGHUP)
        sentence = f"it does not belong to the certificate in {scene.path('a.pem')}; what was read before stays in use"
        eventually(lambda: sentence in scene.text("err"), f"{name} does not log that the key is another one's")
        expect(scene.text("err").count(sentence) == 1, f"{name} logs more than one sentence: {scene.text('err')}")
        expect(scene.shown_certificate(port) == "old", f"{name} does not keep the certificate it has")
        expect(scene.shown_certificate(port) == "old", "before the key is there, too")
        scene.put("a.key", "new.key")
        process.send_signal(signal.SIGHUP)
        eventually(lambda: scene.shown_certificate(port) == "new", f"{name} does not show the new certificate")
        os.remove(scene.path("a.pem"))
        process.send_signal(signal.SIGHUP)
        eventually(lambda: "a.pem: No such file" in scene.text("err"), f"{name} does not log a file that is gone")
        expect(scene.shown_certificate(port) == "new", f"{name} loses its certificate with the file")
        scene.ends_in_order(process)


def trusted_anew(scene):
    """SIGHUP: a client trusts the authority that was put in the old one's place, for main connections from then on"""
    for name in ("server", "other"):
        scene.certificate(name)
    scene.put("trusted.pem", "other.pem")
    scene.start("server", "--listen", "127.0.0.1:0", "--allow-private", "--tls-cert", scene.path("server.pem"),
                "--tls-key", scene.path("server.key"))
    place = f"127.0.0.1:{scene.port()}"
    with Origin() as origin:
        client = scene.start("client", "--socks", "127.0.0.1:0", "--connect", place, "--tls", "--tls-ca",
                             scene.path("trusted.pem"))
        port = scene.port()
        expect(not reaches(port, origin), "a server that the client does not trust is used")
        scene.put("trusted.pem", "server.pem")
        client.send_signal(signal.SIGHUP)
        eventually(lambda: reaches(port, origin), "the client does not trust its new authority")
        os.remove(scene.path("trusted.pem"))
        client.send_signal(signal.SIGHUP)
        eventually(lambda: "trusted.pem: No such file" in scene.text("err"), "the client does not log that it is gone")
        expect(reaches(port, origin), "it has lost its authority with the file")
    scene.ends_in_order(client)


class Origin:
    """Sends "hello" to each connection."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()

    def run(self):
        try:
            while True:
                connection, _ = self.listener.accept()
                with connection:
                    connection.sendall(b"hello")
        except OSError:
            pass


def reaches(proxy, origin):
    """Whether an answer comes through the SOCKS listener of a proxy."""
    request = b"\x05\x01\x00\x05\x01\x00\x01\x7f\0\0\1" + origin.port.to_bytes(2, "big")
    got = b""
    with connect(proxy) as client:
        client.sendall(request)
        try:
            while piece := client.recv(1000):
                got += piece
        except OSError:
            pass
    return got.endswith(b"hello")
