"""Runs cells, and compares those that fail with the same between peers. Writes build/interop/matrix.md and matrix.json."""
import concurrent.futures
import dataclasses
import json
import os
import subprocess
import threading
import time

import cells as of
import trials
from chains import Chain
from parts import Failed, Scene
from peers import ROOT

# Faults of a peer that need not be seen between its like: the peer, its role, the cells, the kinds of traffic (none: any),
# the reason.
FAULTS = (
    ("v2ray", "client", lambda c: c.protocol == "vmess/zero", ("UDP",), "it sends datagrams without their bounds"),
    ("sing-box", "server", lambda c: c.carrier == "httpupgrade", (),
     "it loses the byte that comes between its 101 and its taking over the connection"),
    ("sing-box", "server", lambda c: c.family == "vmess" and c.mux != "none", (),
     "several of its threads write to a main connection at once, and break its chunks"),
)


@dataclasses.dataclass
class Outcome:
    """`status`: ok, failed, peer, if the same fails between peers, or again, if a second attempt succeeds."""
    status: str
    seconds: float = 0
    why: str = ""


def attempt(work):
    begun = time.monotonic()
    try:
        work()
        return Outcome("ok", time.monotonic() - begun)
    except Exception as why:  # a kind of traffic fails by whatever it did not expect
        return Outcome("failed", time.monotonic() - begun, str(why) if isinstance(why, Failed) else repr(why))


def logs_of(scene):
    return {side: scene.text(f"{side}.log")[-3000:] for side in ("client", "server")}


def run_kinds(cell, kinds, programs, keep=None):
    """The outcome of each kind. `keep` gets the ends of the logs."""
    with Scene(programs["muxpro"].path()) as scene:
        chains = []
        begun = attempt(lambda: chains.append(Chain(scene, cell, programs)))
        if not chains:
            return {name: begun for name in kinds}
        chain, idle, out = chains[0], [], {}
        if "idle" in kinds:
            begun = attempt(lambda: idle.append(trials.Idle(chain)))
        for name, kind in kinds.items():
            if name == "idle":
                out[name] = attempt(idle[0].finish) if idle else begun
            else:
                out[name] = attempt(lambda kind=kind: kind(chain))
            if keep is not None and out[name].status == "failed":
                keep[name] = logs_of(scene)
        if "authentication failed" in scene.text("server.log"):
            out["download"] = Outcome("failed", 0, "a login has failed")
    return out


class Comparisons:
    """Between peers, each once: ciphers make no difference."""

    def __init__(self, programs):
        self.programs, self.lock, self.known = programs, threading.Lock(), {}

    def outcome(self, cell, name, kind):
        key = dataclasses.replace(cell, protocol=cell.family), name
        with self.lock:
            future = self.known.get(key)
            mine = future is None
            if mine:
                future = self.known[key] = concurrent.futures.Future()
        if mine:
            future.set_result(run_kinds(cell, {name: kind}, self.programs)[name])
        return future.result()

    def reason(self, cell, name, kind):
        """Why the same fails between peers; empty if it does not."""
        role = "server" if cell.client == "muxpro" else "client"
        for peer, its_role, has_it, kinds, reason in FAULTS:
            if (peer, its_role) == (cell.peer, role) and has_it(cell) and (name in kinds or not kinds):
                return f"{peer}: {reason}"
        for other in of.comparisons(cell):
            if self.programs[other.client].is_there() and self.programs[other.server].is_there():
                outcome = self.outcome(other, name, kind)
                if outcome.status == "failed":
                    return f"{other.client} to {other.server}: {outcome.why}"
        return ""


def lacking(cell, programs, has_xhttp):
    """Why the cell cannot run."""
    for name in (cell.client, cell.server):
        if not programs[name].is_there():
            return f"{name} is not there"
    return "muxpro has no xhttp" if cell.carrier.startswith("xhttp") and not has_xhttp else ""


def has_xhttp(program):
    done = subprocess.run([program, "help", "config"], capture_output=True, text=True, check=False)
    return "xhttpSettings" in done.stdout


@dataclasses.dataclass
class Result:
    cell: of.Cell
    outcomes: dict = dataclasses.field(default_factory=dict)
    left_out: str = ""
    logs: dict = dataclasses.field(default_factory=dict)

    def count(self, status):
        return sum(o.status == status for o in self.outcomes.values())

    def line(self):
        if self.left_out:
            return f"--  {self.cell}: {self.left_out}"
        sign, seconds = "FAILED" if self.count("failed") else "ok ", sum(o.seconds for o in self.outcomes.values())
        lines = [f"{sign} {self.cell}: {self.count('ok')} of {len(self.outcomes)} kinds, {seconds:.1f} s"]
        lines += [f"    {name}: {o.status}: {o.why[:300]}" for name, o in self.outcomes.items() if o.status != "ok"]
        return "\n".join(lines)


def run_cell(cell, large, programs, comparisons, why_not):
    if why_not:
        return Result(cell, left_out=why_not)
    result, kinds = Result(cell), trials.kinds_of(cell, large)
    result.outcomes = run_kinds(cell, kinds, programs, result.logs)
    for name, outcome in result.outcomes.items():
        if outcome.status != "failed":
            continue
        if why := comparisons.reason(cell, name, kinds[name]):
            result.outcomes[name] = Outcome("peer", outcome.seconds, f"{outcome.why} ({why})")
        elif run_kinds(cell, {name: kinds[name]}, programs)[name].status == "ok":
            result.outcomes[name] = Outcome("again", outcome.seconds, outcome.why)
    return result


def cipher(cell):
    return cell.protocol if cell.family in ("vmess", "shadowsocks") else cell.security


def large_cells(cells):
    """The first cell of each cipher, with Xray if there is one."""
    ordered = sorted(cells, key=lambda c: (c.peer != "xray", c.mux != "none", c.carrier != "raw"))
    return {first[cipher(c)] for first in [{}] for c in ordered if first.setdefault(cipher(c), c) is c}


def run(cells, programs, jobs, large):
    """The results, in the order of the cells."""
    comparisons, xhttp = Comparisons(programs), has_xhttp(programs["muxpro"].path())
    with_large = large_cells([c for c in cells if not lacking(c, programs, xhttp)]) if large else set()
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        futures, done = {}, {}
        for c in cells:
            futures[pool.submit(run_cell, c, c in with_large, programs, comparisons, lacking(c, programs, xhttp))] = c
        for future in concurrent.futures.as_completed(futures):
            done[futures[future]] = future.result()
            print(future.result().line(), flush=True)
    return [done[c] for c in cells]


SIGNS = {"ok": "ok", "failed": "**failed**", "peer": "peer", "again": "again"}


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def summary(results):
    """How many kinds of traffic work, of those that peers have, by protocol and carrier."""
    def shown(family, carrier):
        chosen = [r for r in results if (r.cell.family, r.cell.carrier) == (family, carrier)]
        if not chosen or all(r.left_out for r in chosen):
            return "left out" if chosen else ""
        good = sum(r.count("ok") + r.count("again") for r in chosen)
        return f"{good}/{good + sum(r.count('failed') for r in chosen)}"

    families = dict.fromkeys(r.cell.family for r in results)
    return table(["", *of.CARRIERS], [[f, *(shown(f, c) for c in of.CARRIERS)] for f in families])


def markdown(results, about):
    kinds = list(dict.fromkeys(name for r in results for name in r.outcomes))
    rows = [[*str(r.cell).split(" "), *(SIGNS[r.outcomes[k].status] if k in r.outcomes else "-" for k in kinds)]
            for r in results if not r.left_out]
    reasons = [f"* {r.cell}, {name}: {o.status}: {o.why}\n" for r in results for name, o in r.outcomes.items()
               if o.status != "ok"]
    left_out = [f"* {r.cell}: {r.left_out}\n" for r in results if r.left_out]
    return (f"# muxpro beside other programs\n\n{about}\n\n## Kinds of traffic that work\n\n{summary(results)}\n"
            f"## Cells\n\npeer: it fails between peers, too. again: the first attempt failed, a second one did not.\n\n"
            f"{table(['client-server', 'protocol', 'carrier', 'security', 'mux', *kinds], rows)}\n"
            f"## Reasons\n\n{''.join(reasons)}\n## Left out\n\n{''.join(left_out)}")


def write(results, about):
    directory = os.path.join(ROOT, "build", "interop")
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(directory, "matrix.md"), "w", encoding="utf-8") as file:
        file.write(markdown(results, about))
    with open(os.path.join(directory, "matrix.json"), "w", encoding="utf-8") as file:
        json.dump({"about": about, "cells": [dataclasses.asdict(r) for r in results]}, file, indent=1)
