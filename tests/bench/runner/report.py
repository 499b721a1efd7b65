"""The Markdown report: medians, and the bars."""
import os
import platform
import time

import network
from bars import BARS, GROWTH, holds, reached
from programs import OURS


def number(value):
    if value is None:
        return "-"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def median_rows(results, names):
    grown = {workload for growth in GROWTH for _, workload, _ in growth.points}
    for workload in results.workloads():
        if workload in grown:
            continue
        metrics = dict.fromkeys(m for name in names for m in results.metrics(workload, name))
        for metric in metrics:
            yield [workload, metric, *(number(results.median(workload, n, metric)) for n in names)]


def bar_rows(results):
    for bar in BARS:
        value = reached(bar, results)
        if value is None:
            if bar.workload in results.workloads():
                yield [bar.workload, bar.metric, bar.text(), "-", "not measured"]
            continue
        shown = number(value) if not bar.against else f"{value:.2f} x"
        yield [bar.workload, bar.metric, bar.text(), shown, "holds" if holds(bar, value) else "**missed**"]


def growth_rows(results, names):
    for growth in GROWTH:
        for name in names:
            curve = growth.curve(results, name)
            if len(curve) < 2:
                continue
            values = [y for _, y in curve]
            value = min(values) / max(values)
            shown = ", ".join(f"{x:,}: {number(y)}" for x, y in curve)
            verdict = "holds" if value >= growth.factor else "**missed**"
            yield [growth.name, name, shown, f">= {growth.factor:g} x the best point", f"{value:.2f} x",
                   verdict if name == OURS else ""]


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    return names[0] if names else platform.machine()


def write(path, results, names, rounds, missing):
    others = max((results.median(w, OURS, "others_per_cent") or 0 for w in results.workloads()), default=0)
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"# muxpro and others, {time.strftime('%Y-%m-%d %H:%M')}\n\n")
        file.write(f"{os.cpu_count()} x {processor()}, Linux {platform.release()}, {network.congestion_control()}; client "
                   f"and server on one processor each, medians of {rounds} rounds.\n")
        if others > 5:
            file.write(f"Other programs used up to {others:.0f} % of the machine meanwhile: believe the ratios only.\n")
        for line in missing + results.failures:
            file.write(f"\n{line}\n")
        bars = list(bar_rows(results))
        if bars:
            file.write("\n## Bars\n\nMedians of the ratios in each round.\n\n")
            file.write(table(["workload", "metric", "bar", "reached", ""], bars))
        curves = list(growth_rows(results, names))
        if curves:
            file.write("\n## Growth\n\n")
            file.write(table(["curve", "program", "points", "bar", "lowest point", ""], curves))
        medians = list(median_rows(results, names))
        if medians:
            file.write("\n## Medians\n\n")
            file.write(table(["workload", "metric", *names], medians))
