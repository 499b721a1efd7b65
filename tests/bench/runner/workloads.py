"""What is measured: the workloads, what the client is told, and how long one run takes."""
from dataclasses import dataclass


@dataclass(frozen=True)
class Workload:
    name: str
    kind: str  # what the client calls it
    headline: str  # the metric that progress shows
    seconds: float  # one run, roughly, with start and warm-up
    quick_seconds: float
    keys: tuple = ()  # for the client
    server_keys: tuple = ()  # for a server that has limits
    timed: tuple = ()  # further keys, and what --quick has in their place
    quick: tuple = ()
    local: bool = False  # one process without a server


def bulk(name, kind, *keys, server_keys=(), seconds=5, quick_least=0.5):
    return Workload(name, kind, "MBps", seconds + 2, 2, keys, server_keys, (f"secs={seconds}", "mingib=4"),
                    ("secs=1", f"mingib={quick_least}"))


def timed(name, kind, headline, *keys, seconds=3):
    return Workload(name, kind, headline, seconds + 1, 2, keys, (), (f"secs={seconds}",), ("secs=1",))


def idle(name, streams):
    return Workload(name, "W5", "server_B_per_stream", 5, 5, (f"streams={streams}",), (f"streams={streams}",))


def local(name, headline, seconds):
    return Workload(name, name, headline, seconds, seconds, local=True)


# How W2 grows with sub-streams, and with sessions of one sub-stream each. The buffers of 4096 applications are 256 MiB
# on either side: so much must go through them that their making does not count.
STREAM_POINTS = (1, 8, 64, 512, 4096)
SESSION_POINTS = (1, 10, 100, 1000)


def growth():
    for n in STREAM_POINTS:
        keys = f"streams={n}"
        yield bulk(f"streams-{n}", "W2", keys, server_keys=(keys,), seconds=3, quick_least=2)
    for n in SESSION_POINTS:
        yield bulk(f"sessions-{n}", "W2", f"streams={n}", f"sessions={n}", seconds=3, quick_least=2)
    yield Workload("million", "W3", "streams_per_s", 5, 2, ("streams=64",), (), ("count=1000000",), ("count=100000",))


WORKLOADS = {w.name: w for w in (
    bulk("W1", "W1"),
    bulk("W1-256k", "W1", "chunk=262144"),
    bulk("W2", "W2", "streams=64"),
    bulk("W2-32", "W2", "streams=32"),
    timed("W3-seq", "W3", "streams_per_s", "streams=1"),
    timed("W3-64", "W3", "streams_per_s", "streams=64"),
    timed("W4-1", "W4", "p50", "streams=1"),
    timed("W4-64", "W4", "rt_per_s", "streams=64"),
    idle("W5-1k", 1000),
    idle("W5-10k", 10000),
    timed("W7", "W7", "bulk_MBps", seconds=4),
    *growth(),
    local("path", "secs_to_90_per_cent", 1),
    local("idle", "B_per_stream", 1),
    local("opens", "streams_per_s", 4),
)}

GROUPS = {"growth": [w.name for w in growth()]}
