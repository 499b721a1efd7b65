"""What a probe can tell apart between a server of REALITY and the nginx behind it: what ServerHello chooses, records, tickets,
answers to odd ClientHellos, times. The tables go to build/interop/reality.md, too."""
import contextlib
import os
import socket
import statistics
import threading
import time

from client_hello import END, PAUSE, counted, described, probes, usual
from matrix import table
from parts import SLOW, connect, eventually, expect, free_port
from peers import ROOT
from reality import alike, behind_handshake, reality_in_front_of, start_nginx
from traffic import by_socks, receive, target

SILENCE = 0.5 * SLOW  # seconds after which no more is expected
ROUNDS = 200


# --- what a server answers

def whole_records(data):
    """Those in front, and what is left."""
    found = []
    while len(data) >= 5 and data[0] in range(20, 25) and len(data) >= 5 + int.from_bytes(data[3:5], "big"):
        end = 5 + int.from_bytes(data[3:5], "big")
        found.append(data[:end])
        data = data[end:]
    return found, data


def answer(port, pieces):
    """All bytes that come, and the end of the connection: eof, reset, or open after some silence."""
    data = b""
    with connect(port) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for piece in pieces:
                if piece is PAUSE:
                    time.sleep(0.02)
                elif piece is END:
                    client.shutdown(socket.SHUT_WR)
                else:
                    client.sendall(piece)
            client.settimeout(SILENCE)
            while piece := client.recv(65536):
                data += piece
            return data, "eof"
        except TimeoutError:
            return data, "open"
        except OSError:
            return data, "reset"


def shown(data):
    """Records in words, without what is random. A signature of nginx has 70 to 72 bytes."""
    found, rest = whole_records(data)
    words = []
    for record in found:
        if record[0] == 22:
            words.append(described(record))
        elif record[0] == 21 and len(record) == 7:
            words.append(f"alert {record[5]}/{record[6]}")
        else:
            words.append(f"{record[0]}:{len(record)}")
    return words + ([f"{len(rest)} bytes of {rest[:12]!r}"] if rest else [])


def sizes(data):
    return [(record[0], len(record)) for record in whole_records(data)[0]]


def same_answer(one, other):
    """Whether a probe finds no difference between two answers but random bytes and the length of a signature."""
    (a, a_end), (b, b_end) = one, other
    hellos = [[w for w in shown(data) if not w[0].isdigit()] for data in (a, b)]
    plain = [[described(r) if r[5] == 2 else "" for r in whole_records(data)[0] if r[0] == 22] for data in (a, b)]
    tail = [whole_records(data)[1] for data in (a, b)]
    tls12 = any("message" in word for word in hellos[0])
    return (a_end == b_end and alike(sizes(a), sizes(b)) and plain[0] == plain[1] and len(tail[0]) == len(tail[1]) and
            (tls12 or hellos[0] == hellos[1]))


# --- strangers

def compare_strangers(site, port):
    """The number of probes, and a row for each that gets another answer than nginx gives."""
    different, names = [], list(probes())
    for name in names:
        theirs, ours = (answer(at, probes()[name]) for at in (site, port))
        if not same_answer(theirs, ours):
            different.append([name, *(f"{', '.join(shown(data)) or '-'}; {end}" for data, end in (theirs, ours))])
    return len(names), different


# --- clients of its own

class Trap:
    """Takes the ClientHellos of a client that dials it, and answers none."""

    def __init__(self):
        self.listener, self.hellos, self.open = socket.create_server(("127.0.0.1", 0), backlog=512), [], []
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                self.open.append(client)
                threading.Thread(target=self.take, args=(client,), daemon=True).start()

    def take(self, client):
        data = b""
        while not whole_records(data)[0]:
            data += client.recv(65536)
        self.hellos.append(data)

    def drop(self):
        """Ends what waits for an answer, and returns the ClientHellos."""
        for client in self.open:
            client.close()
        self.open.clear()
        taken, self.hellos = self.hellos, []
        return taken


def own_hellos(trap, proxy, count):
    """So many ClientHellos that a server of REALITY serves, each once."""
    asking = [connect(proxy) for _ in range(count)]
    for client in asking:
        client.sendall(b"\x05\x01\x00\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x09")
    eventually(lambda: len(trap.hellos) == count, f"the client has made {len(trap.hellos)} of {count} ClientHellos")
    found = trap.drop()
    for client in asking:
        client.close()
    return found


WRONG_FINISHED = b"\x14\3\3\0\1\1" + b"\x17\3\3" + counted(2, bytes(53))


def own_probes(hello):
    """What someone in the middle may send of a client of the server's own."""
    return {"its ClientHello, and silence": [hello],
            "its ClientHello, in pieces": [hello[:3], PAUSE, hello[3:200], PAUSE, hello[200:]],
            "its ClientHello with a wrong Finished behind it": [hello + WRONG_FINISHED],
            "its ClientHello, and a wrong Finished": [hello, PAUSE, PAUSE, PAUSE, WRONG_FINISHED],
            "its ClientHello, and an alert": [hello, PAUSE, PAUSE, PAUSE, b"\x15\3\3\0\2\2\x28"],
            "its ClientHello, and HTTP": [hello, PAUSE, PAUSE, PAUSE, b"GET / HTTP/1.1\r\n\r\n"],
            "its ClientHello, and the end": [hello, PAUSE, PAUSE, PAUSE, END]}


def compare_own(site, port, hellos):
    """A row for each probe: nginx's answer, and that of REALITY. One ClientHello is used once, hence a fresh one for each."""
    rows = []
    for name in own_probes(b""):
        hello = hellos.pop()
        theirs, ours = (answer(at, own_probes(hello)[name]) for at in (site, port))
        rows.append([name, *(f"{', '.join(shown(data)) or '-'}; {end}" for data, end in (theirs, ours)),
                     "yes" if same_answer(theirs, ours) else "no"])
    return rows


# --- times

def times(port, hello, count):
    """Seconds from a ClientHello to the first byte of the answer, and to `count` records."""
    with connect(port) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        begun = time.perf_counter()
        client.sendall(hello)
        data = client.recv(65536)
        first = time.perf_counter()
        while data and len(whole_records(data)[0]) < count:
            piece = client.recv(65536)
            expect(piece, "an answer ends too early")
            data += piece
        return first - begun, time.perf_counter() - begun


def measured(ways):
    """`ways`: by a name, a port and ClientHellos. One of each in turn, ROUNDS times; the first turns do not count."""
    found = {name: [] for name in ways}
    for turn in range(ROUNDS + 5):
        for name, (port, hellos) in ways.items():
            sample = times(port, hellos[turn], 6)
            if turn >= 5:
                found[name].append(sample)
    return found


def in_ms(samples):
    return f"{statistics.median(samples) * 1000:.2f}, {sorted(samples)[len(samples) * 95 // 100] * 1000:.2f}"


def time_rows(found, of_site):
    for name, samples in found.items():
        columns = []
        for which in (0, 1):
            ours, theirs = ([s[which] for s in one] for one in (samples, found[of_site]))
            columns += [in_ms(ours), f"{statistics.median(ours) / statistics.median(theirs):.2f}"]
        yield [name, *columns]


# --- all together

def start_plain_relay(scene, muxpro, site):
    port = free_port()
    inbound = {"tag": "relay", "protocol": "dokodemo-door", "listen": "127.0.0.1", "port": port,
               "settings": {"address": "127.0.0.1", "port": site}}
    muxpro.start(scene, "relay", inbound, {"protocol": "freedom", "settings": {"allowPrivate": True}}, timers=False)
    return port


def sizes_behind(port):
    return [size for _, size in behind_handshake(port, SILENCE)]


def own_tickets(recorder, proxy):
    """The sizes of the records behind the handshake of the server's own client."""
    with target(lambda c: (c.sendall(b"220 hello\r\n"), c.close())) as greeting, by_socks(proxy, greeting) as through:
        receive(through, 11)
    return [size for _, size in sizes(b"".join(recorder.answers[-1]))[6:]]


def compare(scene, programs):
    """probes of a server of REALITY and of the nginx behind it: how they differ"""
    muxpro, proxy, trapped, trap = programs["muxpro"], free_port(), free_port(), Trap()
    site = start_nginx(scene)
    port, recorder, _, client = reality_in_front_of(scene, muxpro, site)
    relay = start_plain_relay(scene, muxpro, site)
    client("0a1b", proxy)
    client("0a1b", trapped, trap.port)
    text = ["# What a probe can tell apart\n"]

    first = own_tickets(recorder, proxy)
    count, different = compare_strangers(site, port)
    text.append(f"{count} kinds of probes by strangers, {len(different)} of them with another answer than nginx gives.\n")
    if different:
        text.append(table(["probe", "nginx", "REALITY"], different))

    time.sleep(3)  # the server has measured the tickets by now
    rows = compare_own(site, port, own_hellos(trap, trapped, 10))
    text.append("Someone in the middle, and a client of the server's own:\n\n" + table(["it sends", "nginx", "REALITY", "alike"], rows))
    text.append("Records behind the handshake, before a request:\n\n" + table(["from", "sizes"], [
        ["nginx", str(sizes_behind(site))], ["REALITY to a stranger", str(sizes_behind(port))],
        ["REALITY to its first client, and what that asked for", str(first)],
        ["REALITY to a later client, and what that asked for", str(own_tickets(recorder, proxy))]]))

    own = own_hellos(trap, trapped, ROUNDS + 5)
    strange = [usual() for _ in own]
    found = measured({"nginx": (site, strange), "a plain relay": (relay, strange), "REALITY to a stranger": (port, strange),
                      "REALITY to its client": (port, own)})
    text.append(f"Times in ms, medians and p95 of {ROUNDS}, and medians as a multiple of nginx's:\n\n" + table(
        ["", "first byte", "times", "whole answer", "times"], time_rows(found, "nginx")))

    print("\n".join(text), flush=True)
    os.makedirs(os.path.join(ROOT, "build", "interop"), exist_ok=True)
    with open(os.path.join(ROOT, "build", "interop", "reality.md"), "w", encoding="utf-8") as file:
        file.write("\n".join(text))
    differ = [row[0] for row in [*different, *rows] if row[-1] != "yes"]
    expect(not differ, f"it is no nginx for those who send {differ}")


compare.needs = ("nginx",)
CASES = {"reality_probes": compare}
