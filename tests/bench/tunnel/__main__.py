"""Runs the tunnels; started by ../tunnel.sh, which builds first."""
import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../runner"), os.path.join(HERE, "../../interop")]
import expected
import files
import idle
import inner_tls
import machine
import network
import report
from places import ALONE, BESIDE, BIN, OF_SING_BOX, PLAIN, RUN, TLS_ALONE, tunnels
from results import Results

IDLE, INNER_TLS = "idle", "T1s"


@dataclass(frozen=True)
class Workload:
    name: str
    headline: str
    size: int
    requests: int
    quick: int
    together: int
    warm_up: int = 0
    what: str = ""
    every: int = 0  # ms from one request to the next
    beside: int = 0  # bytes of a download that runs meanwhile, again and again


WORKLOADS = {w.name: w for w in (
    Workload("T1", "MBps", 2 * 2**30, 1, 1, 1, what="one download of 2 GiB"),
    Workload(INNER_TLS, "MBps", 2**30, 1, 1, 1, what="one download of 1 GiB by curl from a target with TLS"),
    Workload("T2", "MBps", 64 * 2**20, 64, 16, 64, what="64 downloads of 64 MiB at once"),
    Workload("T3", "requests_per_s", 1024, 10000, 2000, 64, 2000, "10,000 of 1 KiB, 64 at a time"),
    Workload("T3seq", "requests_per_s", 1024, 2000, 500, 1, 50, "2,000 of 1 KiB, one after the other"),
    Workload("fresh", "p99", 1024, 2000, 200, 1, 50, "2,000 of 1 KiB, one each 25 ms, beside a download", 25, 2 * 2**30),
    Workload(IDLE, "client_KiB", 1024, idle.MANY, idle.MANY, 64, 100, "memory of each of 2,000 idle connections, both ends"),
)}


class Parser(argparse.ArgumentParser):
    def error(self, message):
        sys.exit(f"{message}; tests/bench/tunnel.sh --help says what there is")


def parse():
    parser = Parser(prog="tests/bench/tunnel.sh",
                    description="muxpro client and server beside other tunnels: SOCKS5 in, nginx behind.")
    parser.add_argument("--quick", action="store_true", help="fewer requests: less exact")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="medians of so many (3)")
    parser.add_argument("--only", default="", metavar="NAME,...", help="these tunnels and no others")
    parser.add_argument("--peers", action="store_true", help="muxpro, Xray and sing-box with each protocol, and no others")
    parser.add_argument("--check", action="store_true", help=argparse.SUPPRESS)  # of the arguments, before the build
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD",
                        help="; ".join(f"{w.name}: {w.what}" for w in WORKLOADS.values()))
    options = parser.parse_args()
    for name in options.workloads:
        if name not in WORKLOADS:
            sys.exit(f"'{name}' is no workload; there are {', '.join(WORKLOADS)}")
    known = [t.name for t in tunnels()]
    options.only = [name.strip() for name in options.only.split(",") if name.strip()]
    if options.peers:
        options.only += [t.name for t in tunnels() if t.peer]
    options.only = options.only or [t.name for t in tunnels() if t.usual]
    for name in options.only:
        if name not in known:
            sys.exit(f"'{name}' is no tunnel; there are {', '.join(known)}")
    if options.rounds < 1:
        sys.exit("--rounds must be 1 at least")
    return options


def used(processes):
    """Seconds of processor time of these processes and what they have started."""
    parents, times = {}, {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
                fields = file.read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        parents[int(pid)] = int(fields[1])
        times[int(pid)] = sum(map(int, fields[11:15])) / machine.TICKS
    total = 0
    for pid, seconds in times.items():
        at = pid
        while at in parents and at not in processes:
            at = parents[at]
        total += seconds if at in processes else 0
    return total


def start(command, port, ports, running):
    words = [word.format(run=RUN, **ports) for word in command]
    with open(os.path.join(RUN, "errors"), "ab") as said:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said)
    running.append(process)
    machine.wait_until_listening(port, process)


def load(proxy, ports, workload, requests):
    command = [os.path.join(BIN, "socks_load"), str(proxy), str(ports["target"]), f"requests={requests}",
               f"together={min(workload.together, requests)}", f"size={workload.size}"]
    if workload.every:
        command += [f"every={workload.every}", f"beside={workload.beside}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        raise machine.Failed(done.stderr.strip().splitlines()[-1])
    return machine.metrics(done.stdout)


def with_cpu(result, workload, cpu):
    """The result, with the processor time of the tunnel's ends."""
    size = result.pop("bytes")
    if cpu and workload.headline == "MBps":
        result |= {"cpu_per_GiB": cpu / (size / 2**30), "MB_per_cpu_s": size / 1e6 / cpu}
    elif cpu and not workload.beside:
        result["requests_per_cpu_s"] = size / workload.size / cpu
    return {**result, "tunnel_cpu": cpu}


def measure(tunnel, workload, ports, quick):
    running = []
    try:
        if tunnel.server:
            start(tunnel.server, ports["server"], ports, running)
            start(tunnel.client, ports["client"], ports, running)
        proxy = ports["client"] if tunnel.client else 0
        if workload.warm_up:
            load(proxy, ports, workload, workload.warm_up)
        if workload.name == IDLE:
            return idle.memory(running, proxy, ports["target"], tunnel.name in (ALONE, TLS_ALONE))
        files.keep_in_memory(max(workload.size, workload.beside))
        pids = {p.pid for p in running}
        before, disturbance = used(pids), machine.Disturbance()
        if workload.name == INNER_TLS:
            result = inner_tls.download(proxy, ports["cover"], workload.size)
        else:
            result = load(proxy, ports, workload, workload.quick if quick else workload.requests)
        return with_cpu(result, workload, used(pids) - before)
    finally:
        for process in reversed(running):
            machine.stop(process)


def run_all(options, plan, ports, results):
    total, done = len(plan) * options.rounds, 0
    print(f"{total} runs, about {total * 3 // 60 + 1} min", flush=True)
    for number in range(options.rounds):
        for workload, tunnel in plan:
            done += 1
            print(f"[{done}/{total}] {workload.name:6} {tunnel.name:12}", end=" ", flush=True)
            try:
                run = measure(tunnel, workload, ports, options.quick)
                results.add(workload.name, tunnel.name, number, run)
                print(f"{workload.headline} {report.number(run[workload.headline])}", flush=True)
            except (machine.Failed, subprocess.TimeoutExpired) as why:
                results.fail(workload.name, tunnel.name, why)
                print(f"failed: {why}", flush=True)


def write_report(results, names, rounds, missing):
    rows = [[w, metric, *(report.number(results.median(w, n, metric)) for n in names)]
            for w in results.workloads()
            for metric in dict.fromkeys(m for n in names for m in results.metrics(w, n))]
    path = os.path.join(RUN, "../tunnel.md")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"# Tunnels, {time.strftime('%Y-%m-%d %H:%M')}\n\n{os.cpu_count()} x {report.processor()}, "
                   f"{network.congestion_control()}; medians of {rounds} rounds. cpu: seconds of both ends.\n")
        file.write(f"The stripped program has {stripped_size() / 2**20:.1f} MiB.\n")
        for line in missing + left_out(names) + results.failures:
            file.write(f"\n{line}\n")
        file.write("\n## Bars\n\nMedians of the ratios in each round.\n\n")
        file.write(report.table(["tunnel", "workload", "metric", "bar", "reached", ""], list(expected.rows(results))))
        file.write("\n## Medians\n\n" + report.table(["workload", "metric", *names], rows))
    with open(path, encoding="utf-8") as file:
        print("\n" + file.read())


def stripped_size():
    with tempfile.NamedTemporaryFile() as copy:
        subprocess.run(("strip", "-o", copy.name, os.path.join(BIN, "muxpro")), check=True)
        return os.path.getsize(copy.name)


def left_out(names):
    """Why a table has rows without a peer."""
    of_mux = [p for p in BESIDE if p not in OF_SING_BOX and f"muxpro {p}" in names]
    return [f"sing-box has no Mux.Cool, and is not beside {', '.join(of_mux)}."] if of_mux else []


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by a signal"))  # no server is left behind
    options = parse()
    if options.check:
        sys.exit(0)
    if not shutil.which("nginx"):
        sys.exit("nginx, the target, is not there; Debian package: nginx-light")
    chosen = [t for t in tunnels() if t.name in options.only and not t.missing()]
    missing = [f"{t.name} is not there; Debian packages: {t.packages}" for t in tunnels()
               if t.name in options.only and t.missing()]
    print("".join(f"{line}\n" for line in missing), end="")
    network.enter()
    ports = {name: machine.free_port() for name in ("server", "client", "target", "cover")}
    files.make(ports)
    os.makedirs("/run/sshd", exist_ok=True)
    plan = [(WORKLOADS[w], t) for w in options.workloads or WORKLOADS for t in chosen
            if (t.server or w != IDLE) and (t.name != PLAIN or w != INNER_TLS)]  # the relay has one target
    results, target = Results(), []
    try:
        start(("nginx", "-p", RUN, "-c", "{run}/nginx.conf"), ports["target"], ports, target)
        run_all(options, plan, ports, results)
    finally:
        for process in target:
            machine.stop(process)
    write_report(results, [t.name for t in chosen], options.rounds, missing)
    sys.exit(1 if results.failures else 0)


main()
