"""The kinds of traffic of a cell. Each is a function of a chain, and raises Failed."""
import contextlib
import hashlib
import os
import socket
import threading
import time

from inside import tls_inside
from parts import PATIENCE, connect, eventually, expect, free_port
from peers import IDLE
from traffic import (Association, by_socks, checksum, content, download, downloads, echo, origin, receive, receive_all,
                     target, udp_echo, upload)
import traffic

LARGE = 1 << 30


def downloaded(chain):
    download(chain.proxy, 16 << 20)


def gigabyte(chain):
    download(chain.proxy, LARGE, limit=300)


def uploaded(chain):
    upload(chain.proxy, 16 << 20)


def many(chain):
    downloads(chain.proxy, 1000, 200)


def half_closed(chain):
    """The answer comes when the client has sent EOF already. V2Ray and Xray do not pass EOF on to the target, therefore the
    target knows how long the request is."""
    data = os.urandom(100_000)

    def answer(client):
        with client:
            request = receive(client, len(data))
            time.sleep(0.3)
            client.sendall(hashlib.sha256(request).digest())

    with target(answer) as port, by_socks(chain.proxy, port) as client:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        expect(receive_all(client) == hashlib.sha256(data).digest(), "a half-closed request has no answer")


def target_first(chain):
    def answer(client):
        with client:
            client.sendall(b"220 hello\r\n")
            client.sendall(client.recv(100))

    with target(answer) as port, by_socks(chain.proxy, port) as client:
        expect(receive(client, 11) == b"220 hello\r\n", "the greeting is wrong")
        client.sendall(b"quit")
        expect(receive(client, 4) == b"quit", "the echo is wrong")


def get(proxy, port, size, room=0):
    """A connection that has got the head of an answer."""
    client = by_socks(proxy, port, room)
    client.sendall(b"GET /%d HTTP/1.1\r\n\r\n" % size)
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += receive(client, 1)
    return client


def slow_reader(chain):
    """One download is read slowly beside fifteen. Mux.Cool cannot hold one sub-stream back, so muxpro may end it."""
    wrong = []

    def fetch(port):
        try:
            with get(chain.proxy, port, 1 << 20) as client:
                if traffic.checksum_of([receive_all(client)]) != checksum(1 << 20):
                    wrong.append("other bytes come")
        except Exception as why:  # whatever it is, the download has failed
            wrong.append(repr(why))

    size = 3 << 20
    with origin() as port, get(chain.proxy, port, size, room=1 << 16) as slow:
        fast = [threading.Thread(target=fetch, args=(port,)) for _ in range(15)]
        for thread in fast:
            thread.start()
        got = slowly(slow, fast)
        for thread in fast:
            thread.join()
        expect(not wrong, f"{len(wrong)} of 15 downloads fail beside a slow reader: {wrong[:1]}")
        whole = b"".join(content(size))
        may_be_cut = chain.cell.mux in ("mux.cool", "xudp")
        expect(got == whole or may_be_cut and whole.startswith(got),
               f"the slow reader gets {len(got)} of {size} bytes, or others")


def slowly(client, others):
    """What comes, with pauses as long as the others run."""
    got = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := client.recv(1 << 16):
            got += piece
            if any(thread.is_alive() for thread in others):
                time.sleep(0.01)
    return got


def datagrams(chain):
    with udp_echo() as port, Association(chain.proxy) as client:
        for size in (1, 2, 100, 512, 1200, 1400):
            data = os.urandom(size)
            client.send(port, data)
            client.expect(port, data, f"a datagram of {size} bytes does not come back")


def full_cone(chain):
    """A second source answers to where the first one has seen the client."""
    seen = []
    with (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as first,
          socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as second, Association(chain.proxy) as client):
        for here in (first, second):
            here.bind(("127.0.0.1", 0))
            here.settimeout(PATIENCE / 4)
        client.send(first.getsockname()[1], b"hello")
        with contextlib.suppress(TimeoutError):
            seen.append(first.recvfrom(100)[1])
        expect(seen, "the first target gets nothing")
        second.sendto(b"not asked", seen[0])
        client.expect(second.getsockname()[1], b"not asked", "the datagram of a second source does not come")


def refused(chain):
    """A target where nothing listens ends the connection at once, and no other."""
    with contextlib.suppress(ConnectionError, BrokenPipeError):
        port = free_port()
        with connect(chain.proxy) as client:
            client.sendall(traffic.GREETING)
            receive(client, 2)
            client.sendall(b"\x05\x01\x00\x01\x7f\x00\x00\x01" + port.to_bytes(2, "big"))
            if receive(client, 10)[1] == 0:  # some answer before they dial
                client.sendall(b"hello")
                expect(not client.recv(10), "a target where nothing listens answers")
    answers(chain)


def answers(chain):
    """A fresh connection is served."""
    with target(echo) as port, by_socks(chain.proxy, port) as client:
        client.sendall(b"hello")
        expect(receive(client, 5) == b"hello", "the next connection is not served")


def soon_answers(chain):
    def is_served():
        try:
            answers(chain)
            return True
        except Exception:  # whatever it is, it may be over soon
            time.sleep(0.1)
            return False

    eventually(is_served, "the next connection is not served")


def has_ended(client):
    """Whether a connection ends in time; what still comes is dropped."""
    try:
        while client.recv(1000):
            pass
        return True
    except TimeoutError:
        return False
    except OSError:
        return True


class Idle:
    """A connection that does nothing until finish()."""

    def __init__(self, chain):
        self.chain, self.done = chain, contextlib.ExitStack()
        port = self.done.enter_context(target(echo))
        self.client = self.done.enter_context(by_socks(chain.proxy, port))
        self.exchange()
        self.begun = time.monotonic()

    def exchange(self):
        self.client.sendall(b"still here?")
        expect(receive(self.client, 11) == b"still here?", "the echo is wrong")

    def finish(self):
        """A timer of the peer has ended it. Without a timer it goes on."""
        with self.done:
            if self.chain.cell.has_timers():
                self.client.settimeout(PATIENCE)
                expect(has_ended(self.client), "the peer's timer does not end the connection")
            else:
                time.sleep(max(0, self.begun + IDLE + 1 - time.monotonic()))
                self.exchange()
        answers(self.chain)


def server_killed(chain):
    with target(echo) as port, by_socks(chain.proxy, port) as client:
        client.sendall(b"hello")
        receive(client, 5)
        chain.server.kill()
        chain.server.wait()
        ended = has_ended(client)
    chain.start_server()
    expect(ended, "a connection does not end with the server")
    soon_answers(chain)


def client_killed(chain):
    ended = threading.Event()

    def answer(client):
        with client, contextlib.suppress(OSError):
            while piece := client.recv(1000):
                client.sendall(piece)
        ended.set()

    with target(answer) as port, by_socks(chain.proxy, port) as client:
        client.sendall(b"hello")
        receive(client, 5)
        chain.client.kill()
        chain.client.wait()
        expect(ended.wait(PATIENCE), "the target's connection does not end with the client")
    chain.start_client()
    soon_answers(chain)


def kinds_of(cell, large):
    """By their names, in order: those that kill a program come last."""
    kinds = {"download": downloaded, "1 GiB": gigabyte, "upload": uploaded, "200 at once": many, "half-closed": half_closed,
             "target first": target_first, "slow reader": slow_reader, "UDP": datagrams, "full cone": full_cone,
             "refused": refused, "TLS inside": tls_inside, "idle": None, "server killed": server_killed,
             "client killed": client_killed}
    left_out = {"1 GiB": not large, "full cone": not cell.keeps_sources(), "TLS inside": cell.family != "vless+vision"}
    return {name: kind for name, kind in kinds.items() if not left_out.get(name)}
