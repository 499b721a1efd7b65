"""One stalled sub-connection among sixteen of one main connection of Mux.Cool: how much the others lose."""
import contextlib
import statistics
import threading
import time

from cells import Cell
from chains import Chain
from parts import PATIENCE, SLOW, Scene, expect
from peers import Muxpro
from traffic import BLOCK, by_socks, target

TOGETHER = 16
SETTLED, MEASURED = 1 * SLOW, 3 * SLOW  # seconds
ROUNDS = 5
ONE = {"enabled": True, "concurrency": TOGETHER, "maxConnections": 1}  # main connection; Xray has no other way
BAR = 0.9


class Meter:
    """Bytes that arrive, of all connections."""

    def __init__(self):
        self.lock, self.total = threading.Lock(), 0

    def add(self, count):
        with self.lock:
            self.total += count


def take(client, meter):
    with contextlib.suppress(OSError):
        while piece := client.recv(1 << 18):
            meter.add(len(piece))


def give(client):
    with contextlib.suppress(OSError):
        while True:
            client.sendall(BLOCK)


def in_background(work, *arguments):
    threading.Thread(target=work, args=arguments, daemon=True).start()


@contextlib.contextmanager
def transfers(proxy, direction, stalls):
    """The meter of fifteen endless transfers, beside one whose bytes stay unread if `stalls`. They begin when all are open:
    muxpro opens no sub-stream on a main connection that is held up."""
    meter, connections, all_open = Meter(), contextlib.ExitStack(), threading.Event()

    def answer(client):
        is_read = client.recv(1) == b"r"
        connections.callback(client.close)
        all_open.wait(PATIENCE)
        if direction == "download":
            give(client)
        elif is_read:
            take(client, meter)

    def begin(port, is_read):
        client = connections.enter_context(by_socks(proxy, port))
        client.settimeout(None)
        client.sendall(b"r" if is_read else b"s")
        return client

    def start(client, is_read):
        if direction == "upload":
            in_background(give, client)
        elif is_read:
            in_background(take, client, meter)

    with connections, target(answer) as port:
        clients = [(begin(port, is_read), is_read) for is_read in [True] * (TOGETHER - 1) + [False] * stalls]
        time.sleep(0.5)  # until the targets have the first byte
        all_open.set()
        for client in clients:
            start(*client)
        yield meter


def connections_to(port):
    """How many of this machine are established."""
    with open("/proc/net/tcp", encoding="utf-8") as file:
        rows = [line.split() for line in file][1:]
    return sum(row[2].endswith(f":{port:04X}") and row[3] == "01" for row in rows)


def rate(chain, direction, stalls):
    """MB/s of the transfers that are read."""
    with transfers(chain.proxy, direction, stalls) as meter:
        count = connections_to(chain.inbound["port"])
        expect(count == 1, f"they go by {count} main connections")
        time.sleep(SETTLED)
        before, begun = meter.total, time.monotonic()
        time.sleep(MEASURED)
        return (meter.total - before) / (time.monotonic() - begun) / 1e6


def isolation(client, server, direction, bar):
    cell = Cell(client, server, "vless", mux="mux.cool")

    def measured(programs, stalls):
        with Scene(programs["muxpro"].path()) as scene:
            return rate(Chain(scene, cell, programs, ONE), direction, stalls)

    def run(_, programs):
        ratios = []
        # Each of its threads has main connections of its own.
        programs = {**programs, "muxpro": Muxpro("muxpro", ["run", "--threads", "1", "-c"], programs["muxpro"].path())}
        for _ in range(ROUNDS):
            alone, beside = measured(programs, False), measured(programs, True)
            ratios.append(beside / alone)
            print(f"    {client} to {server}, {direction}: {alone:.0f} MB/s, beside a stalled one {beside:.0f} MB/s")
        kept = statistics.median(ratios)
        expect(kept >= bar, f"the others keep {kept:.0%} of their rate")
        print(f"    the others keep {kept:.0%} of their rate")

    run.__doc__ = f"{client} to {server}: one stalled {direction} among 16 of one main connection of Mux.Cool"
    run.needs = tuple({client, server} - {"muxpro"})
    return run


CASES = {"isolation_xray_client": isolation("xray", "muxpro", "upload", BAR),
         "isolation_xray_server": isolation("muxpro", "xray", "download", BAR),
         # For comparison, without a bar.
         "isolation_xray_alone_upload": isolation("xray", "xray", "upload", 0),
         "isolation_xray_alone_download": isolation("xray", "xray", "download", 0)}
