"""The echo client ends as its --help says."""
import os
import signal
import socket
import subprocess
import threading

from parts import PATIENCE, eventually, expect, free_port


def pump(source, sink, seen):
    """Bytes from one socket to the other until one of them ends."""
    try:
        while data := source.recv(65536):
            seen.append(len(data))
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


class Wire:
    """Connections go on to a port; `seen` shows what came from there."""

    def __init__(self, port):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.target, self.seen = port, []
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        client, _ = self.listener.accept()
        server = socket.create_connection(("127.0.0.1", self.target))
        threading.Thread(target=pump, args=(client, server, []), daemon=True).start()
        pump(server, client, self.seen)


def echo_client_signals(scene):
    """A signal: 130 or 143, when all has come back, and at once before the negotiation is over"""
    programs = os.path.dirname(scene.program)
    port = free_port()

    def spawn(*words, **how):
        process = subprocess.Popen(words, stderr=subprocess.PIPE, text=False, **how)
        scene.processes.append(process)
        return process

    def client(port, *words, **how):
        return spawn(f"{programs}/echo_client", "--connect", f"127.0.0.1:{port}", *words, **how)

    server = spawn(f"{programs}/echo_server", "--listen", f"127.0.0.1:{port}", stdout=subprocess.DEVNULL)

    def listens():
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    eventually(listens, "echo_server does not listen")
    for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        wire = Wire(port)
        load = client(wire.port, "--seconds", "1000", stdout=subprocess.PIPE)
        eventually(lambda seen=wire.seen: sum(seen) > 2**20, "nothing comes back")
        load.send_signal(number)
        out, err = load.communicate(timeout=PATIENCE)
        expect(load.returncode == status and out, f"under load it ends with {load.returncode}: {err}")
        pipe = client(port, "-", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        pipe.stdin.write(b"hello\n")
        pipe.stdin.flush()
        expect(pipe.stdout.readline() == b"hello\n", "the line does not come back")
        pipe.send_signal(number)
        expect(pipe.wait(PATIENCE) == status, f"with standard input it ends with {pipe.returncode}")
    done = client(port, "--bytes", "1K", stdout=subprocess.PIPE)
    done.communicate(timeout=PATIENCE)
    expect(done.returncode == 0, f"without a signal it ends with {done.returncode}")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        early = client(silent.getsockname()[1])
        silent.settimeout(PATIENCE)
        connection, _ = silent.accept()
        expect(connection.recv(1), "it asks nothing")
        early.send_signal(signal.SIGTERM)
        expect(early.wait(PATIENCE) == 143, f"in its negotiation it ends with {early.returncode}")
    server.send_signal(signal.SIGTERM)
    expect(server.wait(PATIENCE) == 0, f"echo_server ends with {server.returncode}")


def own_stages(scene):
    """An outbound, a transport and an inbound of a user: connections get a reply, go to their targets and come back"""
    programs = os.path.dirname(scene.program)
    echo = socket.create_server(("127.0.0.1", 0))
    port = echo.getsockname()[1]

    def echo_all():
        while True:
            client, _ = echo.accept()
            threading.Thread(target=pump, args=(client, client, []), daemon=True).start()

    threading.Thread(target=echo_all, daemon=True).start()

    def exchange(name, request, reply):
        process = subprocess.Popen([f"{programs}/{name}"], stdout=subprocess.PIPE, text=True)
        scene.processes.append(process)
        at = int(process.stdout.readline().rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", at), PATIENCE) as client:
            client.sendall(request + b"hello")
            got = b""
            while len(got) < len(reply) + 5 and (data := client.recv(100)):
                got += data
            expect(got[:len(reply)] == reply and got[len(reply):] == b"hello", f"{name} answers {got!r}")
        process.send_signal(signal.SIGTERM)
        expect(process.wait(PATIENCE) == 0, f"{name} ends with {process.returncode}")

    target = b"\x05\x01\x00\x01\x7f\x00\x00\x01" + port.to_bytes(2, "big")
    socks = (b"\x05\x01\x00" + target, b"\x05\x00\x05\x00\x00\x01" + bytes(6))
    exchange("own_outbound", *socks)
    exchange("own_transport", *socks)
    exchange("own_inbound", b"127.0.0.1:%d\n" % port, b"connected\n")
