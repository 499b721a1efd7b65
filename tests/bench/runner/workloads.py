"""What is measured: the workloads, what the client is told, and how long one run takes."""
from dataclasses import dataclass


@dataclass(frozen=True)
class Workload:
    name: str
    kind: str  # what the client calls it
    seconds: float  # one run, roughly, with start and warm-up
    quick_seconds: float
    keys: tuple = ()  # for client
    server_keys: tuple = ()  # for a server that has limits
    timed: tuple = ()  # keys that --quick replaces
    quick: tuple = ()
    headline: str = ""  # the metric that progress shows


def bulk(name, kind, *keys, server_keys=(), headline="MBps"):
    return Workload(name, kind, 7, 2, keys, server_keys, ("secs=5", "mingib=4"), ("secs=1", "mingib=0.5"), headline)


def timed(name, kind, *keys, headline, seconds=3):
    return Workload(name, kind, seconds + 1, 2, keys, (), (f"secs={seconds}",), ("secs=1",), headline)


WORKLOADS = {w.name: w for w in (
    bulk("W1", "W1"),
    bulk("W1-256k", "W1", "chunk=262144"),
    bulk("W2", "W2", "streams=64"),
    bulk("W2-32", "W2", "streams=32"),
    timed("W3-seq", "W3", "streams=1", headline="streams_per_s"),
    timed("W3-64", "W3", "streams=64", headline="streams_per_s"),
    timed("W4-1", "W4", "streams=1", headline="p50"),
    timed("W4-64", "W4", "streams=64", headline="rt_per_s"),
    Workload("W5-1k", "W5", 4, 4, ("streams=1000",), ("streams=1000",), headline="server_B_per_stream"),
    Workload("W5-10k", "W5", 6, 6, ("streams=10000",), ("streams=10000",), headline="server_B_per_stream"),
    timed("W7", "W7", headline="bulk_MBps", seconds=4),
)}
