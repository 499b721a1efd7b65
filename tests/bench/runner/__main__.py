"""Runs the benches; started by ../run.sh, which builds first."""
import argparse
import os
import resource
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import charts
import machine
import network
import programs
import report
from results import Results
from workloads import GROUPS, WORKLOADS

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../.."))


class Parser(argparse.ArgumentParser):
    def error(self, message):
        sys.exit(f"{message}; tests/bench/run.sh --help says what there is")


def parse():
    parser = Parser(prog="tests/bench/run.sh", description="muxpro beside raw TCP and its peers.")
    parser.add_argument("--quick", action="store_true", help="short runs: less exact")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="medians of so many (3)")
    parser.add_argument("--only", default="", metavar="NAME,...", help="these programs and no others")
    parser.add_argument("--check", action="store_true", help=argparse.SUPPRESS)  # of the arguments, before the build
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD",
                        help=" ".join([*WORKLOADS, *GROUPS]) + "; all if none is named")
    options = parser.parse_args()
    unknown = [w for w in options.workloads if w not in WORKLOADS and w not in GROUPS]
    if unknown:
        sys.exit(f"'{unknown[0]}' is no workload; there are {', '.join([*WORKLOADS, *GROUPS])}")
    options.workloads = [name for w in options.workloads for name in GROUPS.get(w, [w])] or list(WORKLOADS)
    if options.rounds < 1:
        sys.exit("--rounds must be 1 at least")
    return options


def prepare(options):
    """The programs that can run, and what is said of the others."""
    chosen, missing = [], []
    known = programs.programs(ROOT)
    wanted = [name.strip() for name in options.only.split(",") if name.strip()]
    for name in wanted:
        if name not in [p.name for p in known]:
            sys.exit(f"'{name}' is no program; there are {', '.join(p.name for p in known)}")
    for program in known:
        if wanted and program.name not in wanted:
            continue
        if program.missing():
            missing.append(f"{program.name} is not there; Debian packages: {program.packages}")
        else:
            chosen.append(program)
    return chosen, missing


def be_favoured():
    # 4096 connections need as many descriptors, and a machine with other work needs priority.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    try:
        os.setpriority(os.PRIO_PROCESS, 0, -20)
    except PermissionError:
        print("as root the programs would run at the highest priority")


def minutes(seconds):
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def run_all(options, plan, results):
    seconds = {w.name: w.quick_seconds if options.quick else w.seconds for w, _ in plan}
    left = sum(seconds[w.name] for w, _ in plan) * options.rounds
    total, done = len(plan) * options.rounds, 0
    print(f"{total} runs, about {minutes(left)}", flush=True)
    for number in range(options.rounds):
        for workload, program in plan:
            done += 1
            keys = workload.keys + (workload.quick if options.quick else workload.timed)
            print(f"[{done}/{total}] {minutes(left)} left  {workload.name:13} {program.name:9}", end=" ", flush=True)
            try:
                run = machine.measure(program, workload, keys)
                results.add(workload.name, program.name, number, run)
                print(f"{workload.headline} {report.number(run.get(workload.headline))}", flush=True)
            except machine.Failed as why:
                results.fail(workload.name, program.name, why)
                print(f"failed: {why}", flush=True)
            left -= seconds[workload.name]


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by a signal"))  # no server is left behind
    options = parse()
    chosen, missing = prepare(options)
    if options.check:
        sys.exit(0)
    for line in missing:
        print(line)
    programs.write_files(ROOT)
    network.enter()
    be_favoured()
    wanted = [WORKLOADS[name] for name in options.workloads]
    plan = [(w, p) for w in wanted for p in chosen if p.knows(w)]
    results = Results()
    begin = time.monotonic()
    run_all(options, plan, results)
    out = os.path.join(ROOT, "build/bench")
    results.save(os.path.join(out, "runs.tsv"))
    names = [p.name for p in chosen]
    report.write(os.path.join(out, "results.md"), results, names, options.rounds, missing)
    drawn = charts.draw_all(out, results, names)
    with open(os.path.join(out, "results.md"), encoding="utf-8") as file:
        print("\n" + file.read())
    print(f"in {minutes(time.monotonic() - begin)}; {', '.join(f'build/bench/{n}' for n in ['results.md', 'runs.tsv', *drawn])}")
    sys.exit(1 if results.failures else 0)


main()
