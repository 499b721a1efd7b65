"""Which charts are drawn of what was measured."""
import os

import svg
from bars import GROWTH

# file, title, unit, scale of factors, (label, workload, metric)
CHARTS = (
    ("throughput.svg", "Throughput of one connection", "MB/s", False,
     tuple((w, w, "MBps") for w in ("W1", "W1-256k", "W2", "W2-32")) + (("W7 bulk", "W7", "bulk_MBps"),)),
    ("rates.svg", "Sub-streams opened, and round trips, each second", "1/s", True,
     (("W3-seq", "W3-seq", "streams_per_s"), ("W3-64", "W3-64", "streams_per_s"), ("W4-1", "W4-1", "rt_per_s"),
      ("W4-64", "W4-64", "rt_per_s"), ("W7", "W7", "rt_per_s"))),
    ("latency.svg", "Round trips of 64 bytes", "us", True,
     tuple((f"{w} {p}", w, p) for w in ("W4-1", "W4-64", "W7") for p in ("p50", "p99", "p999"))),
    ("memory.svg", "Memory of an idle sub-stream", "B", False,
     tuple((f"{w}, {side}", w, f"{side}_B_per_stream") for w in ("W5-1k", "W5-10k") for side in ("client", "server"))),
)


def draw_all(directory, results, names):
    """Draws what there are numbers for; returns the names of the files."""
    drawn = []
    for file, title, unit, log, points in CHARTS:
        groups = [(label, [results.median(w, n, m) for n in names]) for label, w, m in points]
        groups = [(label, row) for label, row in groups if any(v and v > 0 for v in row)]
        if groups:
            svg.bars(os.path.join(directory, file), title, unit, names, groups, log)
            drawn.append(file)
    for i, growth in enumerate(GROWTH, 1):
        named = {n: growth.curve(results, n) for n in names}
        named = {n: curve for n, curve in named.items() if len(curve) > 1}
        if named:
            file = f"growth-{i}.svg"
            unit, _, across = growth.name.partition(" by ")
            svg.curves(os.path.join(directory, file), growth.name, unit if across else "1/s", across or "sub-streams",
                       named)
            drawn.append(file)
    return drawn
