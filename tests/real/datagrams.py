"""UDP by SOCKS 5: DNS, and a full cone."""
import socket
import struct
import subprocess
import threading

from parts import expect, tool


class Association:
    """UDP ASSOCIATE over a SOCKS client of our own: dig and its like have none."""

    def __init__(self, port):
        self.control = socket.create_connection(("127.0.0.1", port), 10)
        self.control.sendall(b"\x05\x01\x00")
        expect(self.control.recv(2) == b"\x05\x00", "the proxy wants a password")
        self.control.sendall(b"\x05\x03\x00\x01" + bytes(6))
        reply = self.control.recv(64)
        expect(len(reply) == 10 and reply[1] == 0, f"UDP ASSOCIATE was answered with {reply.hex()}")
        self.relay = ("127.0.0.1", struct.unpack("!H", reply[8:10])[0])
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(5)

    def send(self, port, data):
        self.socket.sendto(b"\x00\x00\x00\x01\x7f\x00\x00\x01" + struct.pack("!H", port) + data, self.relay)

    def receive(self):
        """The port that it came from, and the data."""
        data = self.socket.recv(65536)
        return struct.unpack("!H", data[8:10])[0], data[10:]


def echo(name_server):
    while True:
        data, peer = name_server.recvfrom(4096)
        # The question, answered with 192.0.2.7.
        answer = data[:2] + b"\x81\x80" + data[4:6] + b"\x00\x01\x00\x00\x00\x00"
        end = data.index(b"\x00", 12) + 5
        answer += data[12:end] + b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x07"
        name_server.sendto(answer, peer)


def udp_socket():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("127.0.0.1", 0))
    s.settimeout(5)
    return s


def names(scene, _):
    """dig over UDP ASSOCIATE"""
    scene.pair()
    target = udp_socket()
    target.settimeout(None)
    threading.Thread(target=echo, args=(target,), daemon=True).start()
    association, door = Association(scene.socks), udp_socket()
    door.settimeout(None)

    def carry():
        while True:
            data, peer = door.recvfrom(4096)
            association.send(target.getsockname()[1], data)
            door.sendto(association.receive()[1], peer)
    threading.Thread(target=carry, daemon=True).start()
    done = subprocess.run([tool("dig"), "+short", "+noedns", "@127.0.0.1", "-p", str(door.getsockname()[1]), "example.com"],
                          capture_output=True, text=True, timeout=30, check=False)
    expect(done.stdout.strip() == "192.0.2.7", f"dig said {done.stdout.strip() or done.stderr.strip()}")


def full_cone(scene, _):
    """One outside port for all targets, and strangers reach it"""
    scene.pair()
    association, first, second, stranger = Association(scene.socks), udp_socket(), udp_socket(), udp_socket()
    seen = []
    for target in (first, second):
        association.send(target.getsockname()[1], b"hello")
        data, outside = target.recvfrom(100)
        expect(data == b"hello", "other bytes came")
        seen.append(outside)
        target.sendto(b"answer", outside)
        expect(association.receive() == (target.getsockname()[1], b"answer"), "the answer is not the target's")
    expect(seen[0] == seen[1], "two targets see two ports")
    stranger.sendto(b"unasked", seen[0])
    expect(association.receive() == (stranger.getsockname()[1], b"unasked"), "a stranger does not get through")


def ends_with_its_connection(scene, _):
    """The relay's port is gone with the connection that asked for it"""
    scene.pair()
    association, target = Association(scene.socks), udp_socket()
    association.send(target.getsockname()[1], b"one")
    expect(target.recvfrom(100)[0] == b"one", "other bytes came")
    association.control.close()
    target.settimeout(1)
    for _ in range(20):
        association.send(target.getsockname()[1], b"two")
        try:
            target.recvfrom(100)
        except TimeoutError:
            return
    expect(False, "it still relays")
