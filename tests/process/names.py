"""Names of many users through one server, in a network with a DNS server of its own."""
import os
import resource
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.request

from mux_client import GREETING, serve_each
from parts import Failed, PATIENCE, Scene, eventually, expect, expect_undisturbed, p99

NOT_ALLOWED = 77
# Sources of the attacker and of the honest user, addresses that answer nothing, a DNS server of this file.
NETWORK = """
PATH=$PATH:/usr/sbin:/sbin
ip link set lo up && ip addr add 10.0.0.1/32 dev lo && ip addr add 10.0.0.2/32 dev lo &&
ip addr add 2001:db8::1/128 dev lo && ip route add 10.9.0.0/16 dev lo && mount --bind "$1" /etc/resolv.conf || exit 77
shift; exec "$@"
"""
MANY = 2000


class Server(threading.Thread):
    """Answers *.good.test with 127.0.0.1, many.test with 2,000 addresses that are silent, *.dead.test never, and
    *.half.test for IPv4 alone. several.test has the addresses of two servers."""

    def __init__(self):
        super().__init__(daemon=True)
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 53))
        self.tcp = socket.create_server(("127.0.0.1", 53))
        threading.Thread(target=self.run_tcp, daemon=True).start()
        self.start()

    @staticmethod
    def answer(query, may_be_long):
        at, labels = 12, []
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode().lower())
            at += query[at] + 1
        question, kind, name = query[12:at + 5], query[at + 2], ".".join(labels)
        if name.endswith(".dead.test") or (name.endswith(".half.test") and kind != 1):
            return None
        addresses, code = [], 0
        if name.endswith((".good.test", ".half.test")):
            addresses = ["127.0.0.1"]
        elif name == "several.test":
            addresses = ["10.0.0.1", "10.0.0.2"]
        elif name == "many.test":
            addresses = [f"10.9.{i // 250}.{i % 250 + 1}" for i in range(MANY)]
        else:
            code = 3
        records = b"".join(b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\4" + socket.inet_aton(a) for a in addresses if kind == 1)
        flags, count = 0x8180 | code, len(records) // 16
        if len(records) > 480 and not may_be_long:
            flags, count, records = flags | 0x200, 0, b""
        return query[:2] + struct.pack(">5H", flags, 1, count, 0, 0) + question + records

    def run(self):
        while True:
            query, source = self.udp.recvfrom(4096)
            if answer := self.answer(query, False):
                self.udp.sendto(answer, source)

    def run_tcp(self):
        while True:
            client, _ = self.tcp.accept()
            with client, client.makefile("rb") as stream:
                answer = self.answer(stream.read(struct.unpack(">H", stream.read(2))[0]), True)
                client.sendall(struct.pack(">H", len(answer)) + answer)


def ask(port, name, target=80):
    """A SOCKS client that has sent its request."""
    client = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    client.sendall(b"\x05\x01\0\x05\x01\0\x03" + bytes([len(name)]) + name.encode() + struct.pack(">H", target))
    return client


def seconds_to_be_greeted(port, name, target):
    """A reply alone comes from the client before the server has dialled."""
    begin = time.monotonic()
    with ask(port, name, target) as client:
        received = b""
        while not received.endswith(GREETING):
            data = client.recv(100)
            expect(data, f"{name}: the connection ends after {received.hex()}")
            received += data
    return time.monotonic() - begin


class Gauges:
    """The server's metrics."""

    def __init__(self, port):
        self.port = port

    def __getitem__(self, name):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=PATIENCE) as page:
            lines = page.read().decode().splitlines()
        return int(next(line for line in lines if line.startswith(f"muxpro_{name} ")).split()[1])


def start_both(scene):
    """A server with its gauges and its process, and the SOCKS ports of two clients with sources of their own."""
    server = scene.start("server", "--listen", "0.0.0.0:9527", "--open-to-all", "--allow-private", "--threads", "1",
                         "--status", "127.0.0.1:9528", "--max-pending-dials", "2000", "--max-streams", "2000", lines=2)
    ports = []
    for source in ("10.0.0.1", "10.0.0.2"):
        scene.start("client", "--socks", "127.0.0.1:0", "--connect", f"{source}:9527", "--threads", "1")
        ports.append(scene.port())
    return server, Gauges(9528), ports


def greeting_target():
    listener = socket.create_server(("127.0.0.1", 0))
    serve_each(listener, lambda client: GREETING)
    return listener.getsockname()[1]


def p99_of_names(port, run, target):
    """Of 100 names that were never asked for. None may take 1 s."""
    names = (f"{run}-{i}.good.test" for i in range(100))

    def one():
        name = next(names)
        took = seconds_to_be_greeted(port, name, target)
        expect(took < 1, f"{name} took {took:.3f} s")
        return took

    return p99(one)


def many_dead_names(scene):
    server, gauges, (attacker, honest) = start_both(scene)
    target_port = greeting_target()
    alone = p99_of_names(honest, "alone", target_port)
    attack = [ask(attacker, f"{i}.dead.test") for i in range(1000)]
    eventually(lambda: gauges["names_under_way"] >= 32, "the dead names are not asked for")
    beside = p99_of_names(honest, "beside", target_port)
    expect(gauges["names_under_way"] <= 33, "one user has more names under way than its share")
    expect(gauges["names_waiting"] > 0, "no look-up waits")
    expect_undisturbed(alone, beside)
    for client in attack:
        client.close()
    eventually(lambda: gauges["names_under_way"] + gauges["names_waiting"] == 0, "look-ups outlive their clients")
    scene.ends_in_order(server)


def many_addresses_of_one_name(scene):
    server, _, (client, _) = start_both(scene)

    def descriptors():
        return len(os.listdir(f"/proc/{server.pid}/fd"))

    def listed():
        with open("/proc/net/tcp", encoding="utf-8") as table:
            return sum(line.split()[3] == "02" for line in table.readlines()[1:])

    def attempts():
        """The table is no snapshot: one reading may show a connection that ends and the one that follows it."""
        return min(listed(), listed())

    with ask(client, "many.test") as waiting:
        waiting.settimeout(0.01)
        before, most, most_attempts = descriptors(), 0, 0
        end, received = time.monotonic() + PATIENCE, True
        while received:
            expect(time.monotonic() < end, "the dial does not end")
            most, most_attempts = max(most, descriptors()), max(most_attempts, attempts())
            try:
                received = waiting.recv(100)
            except TimeoutError:
                pass
            except ConnectionError:
                break
    expect(most_attempts == 3, f"{most_attempts} connections are under way at once")
    expect(most - before <= 5, f"one name takes {most - before} descriptors")  # one for a query, one main connection
    scene.ends_in_order(server)


def many_addresses_beside_a_user(scene):
    server, _, (attacker, honest) = start_both(scene)
    target = greeting_target()
    alone = p99_of_names(honest, "alone", target)
    attack = [ask(attacker, "many.test") for _ in range(200)]
    expect_undisturbed(alone, p99_of_names(honest, "beside", target))
    for client in attack:
        client.close()
    scene.ends_in_order(server)


def silence_about_ipv6(scene):
    server, _, (client, _) = start_both(scene)
    seconds_to_be_greeted(client, "a.half.test", greeting_target())
    scene.ends_in_order(server)


INSIDE = {case.__name__: case for case in (many_dead_names, many_addresses_of_one_name, many_addresses_beside_a_user,
                                           silence_about_ipv6)}


def in_a_network(scene, name, script=__file__):
    """A case of the script, which calls main()."""
    with open(scene.path("resolv.conf"), "w", encoding="utf-8") as file:
        file.write("nameserver 127.0.0.1\n")
    who = [] if os.getuid() == 0 else ["--map-root-user"]
    done = subprocess.run(["unshare", *who, "--net", "--mount", "sh", "-c", NETWORK, "sh", scene.path("resolv.conf"),
                           sys.executable, os.path.abspath(script), scene.program, name], capture_output=True, text=True,
                          timeout=300, check=False)
    if done.returncode == NOT_ALLOWED:
        print(f"skipped: {name} needs network namespaces with ip and mount")
        return
    expect(done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:])
    print(done.stdout, end="")


def dead_names(scene):
    """1,000 names that no server answers, of one user: another one's are found as fast as before"""
    in_a_network(scene, "many_dead_names")


def addresses_of_a_name(scene):
    """A name with 2,000 silent addresses: 3 connections at a time"""
    in_a_network(scene, "many_addresses_of_one_name")


def addresses_beside_a_user(scene):
    """200 dials of a name with 2,000 silent addresses, of one user: another one is served as before"""
    in_a_network(scene, "many_addresses_beside_a_user")


def half_of_an_answer(scene):
    """A name of which the servers answer for IPv4 alone is found by its IPv4 addresses"""
    in_a_network(scene, "silence_about_ipv6")


def main(inside):
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    Server()
    with Scene(sys.argv[1]) as scene:
        try:
            inside[sys.argv[2]](scene)
        except Failed as why:
            sys.exit(f"{scene.text('err')[-1000:]}\n{why}")


if __name__ == "__main__":
    main(INSIDE)
