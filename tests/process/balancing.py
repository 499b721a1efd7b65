"""Two servers behind a balancer, one of which accepts connections and then hangs."""
import contextlib
import signal
import socket
import subprocess
import threading
import time

from parts import PATIENCE, connect, eventually, expect, expect_undisturbed, free_port, p99, socks

GREETING = b"\x05\x01\x00"
SERVER_WORDS = ["server", "--listen", "127.0.0.1:PORT", "--allow-private", "--threads", "1"]
PROBED = 15  # seconds, longer than a probe of a server that hangs takes
RETURN = 120  # seconds in which a server that is well again must be used: probes are 24 s apart at most


@contextlib.contextmanager
def echo():
    """The port of a target that sends back the first bytes of each connection."""
    def serve(listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                client.settimeout(PATIENCE)
                with contextlib.suppress(OSError):
                    client.sendall(client.recv(100))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def seconds_to_be_served(port, target):
    begun = time.monotonic()
    expect(is_served(port, target), "a connection fails though a server is well")
    return time.monotonic() - begun


def is_served(port, target):
    """Whether the target answers by way of the SOCKS listener at `port`."""
    with connect(port) as client:
        client.settimeout(60)
        client.sendall(GREETING)
        if client.recv(2) != b"\x05\x00":
            return False
        client.sendall(b"\x05\x01\x00\x01\x7f\0\0\1" + target.to_bytes(2, "big"))
        if client.recv(10)[1:2] != b"\x00":
            return False
        client.sendall(b"hello")
        return client.recv(5) == b"hello"


class Server:
    """A server with a log of its own."""

    def __init__(self, scene, name, words):
        self.port, self.log = free_port(), scene.path(f"{name}.log")
        words = [word.replace("PORT", str(self.port)) for word in words]
        with open(self.log, "w", encoding="utf-8") as err:
            self.process = subprocess.Popen([scene.program, *words], stdin=subprocess.DEVNULL,
                                            stdout=subprocess.DEVNULL, stderr=err)
        scene.processes.append(self.process)
        eventually(self.listens, f"server {name} does not listen")

    def listens(self):
        with contextlib.suppress(OSError), connect(self.port):
            return True
        return False

    def has_served(self):
        with open(self.log, encoding="utf-8") as file:
            return any("bytes up" in line for line in file)


def passes_over_a_hung_server(scene, servers, outbound, strategy):
    hung, well = servers
    hung.process.send_signal(signal.SIGSTOP)
    outbounds = [{"tag": f"far-{n}", **outbound(server.port)} for n, server in enumerate(servers)]
    routing = {"rules": [{"network": "tcp", "balancerTag": "b"}],
               "balancers": [{"tag": "b", "selector": ["far-"], "strategy": {"type": strategy}}]}
    client = scene.start("run", "-c", scene.config(socks(), outbounds=outbounds, routing=routing), "--threads", "1")
    with echo() as target:
        tries = [is_served(scene.port(), target)]
        while tries[-1] and len(tries) < 60:
            tries.append(is_served(scene.port(), target))
        expect(not tries[-1], f"{strategy} has not chosen the server that hangs")
        end, times = time.monotonic() + PROBED, []
        while time.monotonic() < end or len(times) < 100:
            times.append(seconds_to_be_served(scene.port(), target))
            time.sleep(0.1)
        hung.process.send_signal(signal.SIGCONT)
        end = time.monotonic() + RETURN
        while not hung.has_served():
            expect(time.monotonic() < end, "a server that is well again is not used")
            expect(is_served(scene.port(), target), "a connection fails while one server comes back")
            time.sleep(0.5)
        expect(well.has_served(), "the other server was not used")
        alone = p99(lambda: seconds_to_be_served(scene.port(), target))
        expect_undisturbed(alone, sorted(times)[-1 - len(times) // 100])
    scene.ends_in_order(client)


def hung_server_of_mux_pro(scene):
    """A muxpro server that hangs: after the first failure connections go to the other one, until it is well again"""
    servers = [Server(scene, name, SERVER_WORDS) for name in ("first", "second")]
    passes_over_a_hung_server(
        scene, servers, lambda port: {"protocol": "mux.pro", "settings": {"address": "127.0.0.1", "port": port}},
        "random")


def hung_socks_server(scene):
    """The same for SOCKS servers"""
    behind = Server(scene, "behind", SERVER_WORDS)
    words = ["client", "--socks", "127.0.0.1:PORT", "--connect", f"127.0.0.1:{behind.port}", "--threads", "1"]
    servers = [Server(scene, name, words) for name in ("first", "second")]
    passes_over_a_hung_server(
        scene, servers, lambda port: {"protocol": "socks", "settings": {"servers": [
            {"address": "127.0.0.1", "port": port}]}}, "roundRobin")
