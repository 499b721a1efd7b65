"""The bars: what muxpro must reach beside raw TCP and its peers in the same rounds."""
from dataclasses import dataclass
from statistics import median

from programs import OURS, PEERS, RAW
from workloads import SESSION_POINTS, STREAM_POINTS


@dataclass(frozen=True)
class Bar:
    workload: str
    metric: str
    relation: str  # ">=", ">" or "<="
    factor: float
    against: tuple  # the best of these; empty: the value itself
    unit: str = ""

    def text(self):
        if not self.against:
            return f"{self.relation} {self.factor:g} {self.unit}".rstrip()
        name = "the best peer" if self.against == PEERS else " and ".join(self.against)
        return f"{self.relation} {self.factor:g} x {name}"


BARS = (
    Bar("W1", "MBps", ">=", 0.80, (RAW,)),
    Bar("W1", "MBps", ">", 1.0, PEERS),
    Bar("W1", "cpu_per_GiB", "<=", 1.35, (RAW,)),
    Bar("W1-256k", "MBps", ">=", 0.90, (RAW,)),
    Bar("W2", "MBps", ">=", 0.85, (RAW,)),
    Bar("W2", "MBps", ">=", 1.1, PEERS),
    Bar("W2-32", "MBps", ">=", 0.85, (RAW,)),
    Bar("W2-32", "MBps", ">=", 1.1, PEERS),
    Bar("W3-64", "streams_per_s", ">=", 2, ("nghttp2",)),
    Bar("W3-64", "streams_per_s", ">=", 8, ("smux",)),
    Bar("W3-seq", "streams_per_s", ">=", 1.1, ("nghttp2",)),
    Bar("W4-1", "p50", "<=", 1.05, (RAW,)),
    Bar("W4-1", "p99", "<=", 1.15, (RAW,)),
    Bar("W4-64", "rt_per_s", ">=", 3, (RAW,)),
    Bar("W4-64", "rt_per_s", ">=", 5, PEERS),
    Bar("W5-10k", "client_B_per_stream", "<=", 600, (), "B"),
    Bar("W5-10k", "server_B_per_stream", "<=", 600, (), "B"),
    Bar("W7", "bulk_MBps", ">=", 0.75, (RAW,)),
    Bar("W7", "p99", "<=", 1.2, (RAW,)),
    Bar("path", "secs_to_90_per_cent", "<=", 2, (), "s"),
    Bar("path", "heap", "<=", 16, (), "MiB"),
)


@dataclass(frozen=True)
class Growth:
    """A curve that must stay flat: no point below `factor` of the best."""
    name: str
    points: tuple  # (x, workload, metric)
    factor: float = 0.8

    def curve(self, results, program):
        values = ((x, results.median(workload, program, metric)) for x, workload, metric in self.points)
        return [(x, y) for x, y in values if y is not None]


def tenths(workload, count):
    return tuple((n, workload, f"streams_per_s_at_{n}") for n in range(count // 10, count + 1, count // 10))


GROWTH = (
    Growth("MB/s by sub-streams", tuple((n, f"streams-{n}", "MBps") for n in STREAM_POINTS)),
    Growth("MB/s by sessions", tuple((n, f"sessions-{n}", "MBps") for n in SESSION_POINTS)),
    Growth("sub-streams opened each second", tenths("million", 100_000)[:9] + tenths("million", 1_000_000)),
    Growth("sub-streams opened each second, without a network", tenths("opens", 1_000_000)),
)


def reached(bar, results):
    """The median over the rounds of our value, or of its ratio to the best of the others; None: not measured."""
    values = []
    for mine in results.rounds(bar.workload, OURS):
        ours = results.value(bar.workload, OURS, mine, bar.metric)
        others = [results.value(bar.workload, name, mine, bar.metric) for name in bar.against]
        others = [o for o in others if o]
        if ours is None or (bar.against and not others):
            continue
        best = min if bar.relation == "<=" else max
        values.append(ours / best(others) if bar.against else ours)
    return median(values) if values else None


def holds(bar, value):
    if bar.relation == "<=":
        return value <= bar.factor
    return value >= bar.factor if bar.relation == ">=" else value > bar.factor
