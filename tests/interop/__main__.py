"""The program and other proxies, each as the other one's client, on loopback alone. run.sh builds, then calls this.

The cells of a matrix (cells.py) and cases beside it. tests/interop/peers.sh fetches the others; what needs one that is
not there is left out. The environment's MUXPRO_SLOW multiplies time limits. A CASE is a part of the name of a case, or some
words of a cell: 'xray-muxpro vless grpc'."""
import argparse
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "process")]
import api
import browser
import carriers
import cells
import dns
import fronts
import isolation
import matrix
import peers
import probes
import python_grpc
import readme
import reality
import through
from parts import Failed, Scene

CASES = {**carriers.CASES, **python_grpc.CASES, **reality.CASES, **probes.CASES, **readme.CASES, **isolation.CASES, **through.CASES, **fronts.CASES,
         **dns.CASES, **api.CASES, **browser.CASES}


def run(name, programs):
    case = CASES[name]
    if missing := [need for need in case.needs if not peers.has(need)]:
        print(f"--  {name}: {missing[0]} is not there", flush=True)
        return None
    begin = time.monotonic()
    try:
        with Scene(programs["muxpro"].path()) as scene:
            case(scene, programs)
    except Exception as why:  # a case fails by whatever it did not expect
        print(f"FAILED {name}: {why if isinstance(why, Failed) else repr(why)}", flush=True)
        return False
    print(f"ok  {name:32} {time.monotonic() - begin:5.1f} s  {case.__doc__}", flush=True)
    return True


def parse():
    parser = argparse.ArgumentParser(prog="tests/interop", description=__doc__)
    parser.add_argument("--program", default="build/release/bin/muxpro", help="default: %(default)s")
    parser.add_argument("--quick", action="store_true", help="one cell of each protocol and carrier, without 1 GiB")
    parser.add_argument("--list", action="store_true", help="print the names of the cells and cases")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), metavar="N", help="cells at a time (%(default)s)")
    parser.add_argument("cases", nargs="*", metavar="CASE", help="default: all")
    return parser.parse_args()


def chosen(names, wanted):
    """Those that have all words of one of the wanted, or it as a part."""
    return [n for n in names if not wanted or any(set(w.split()) <= set(str(n).split()) or w in str(n) for w in wanted)]


def main():
    options = parse()
    every = cells.matrix()
    of_matrix = chosen(cells.quick(every) if options.quick else every, options.cases)
    cases = [name for name in chosen(CASES, options.cases) if not (options.quick and "alone" in name)]
    if options.list:
        return print("\n".join(map(str, [*of_matrix, *cases])))
    programs = peers.programs(options.program)
    begin = time.monotonic()
    results = matrix.run(of_matrix, programs, options.jobs, large=not options.quick)
    if results:
        matrix.write(results, f"{time.strftime('%Y-%m-%d %H:%M')}, {len(results)} cells, {time.monotonic() - begin:.0f} s, "
                     f"{peers.versions(programs)}")
    of_cases = [run(name, programs) for name in cases]
    good = sum(r.count("ok") + r.count("again") for r in results) + of_cases.count(True)
    bad = sum(r.count("failed") for r in results) + of_cases.count(False)
    print(f"{sum(bool(r.left_out) for r in results) + of_cases.count(None)} left out, "
          f"{sum(r.count('peer') for r in results)} fail between peers, too, "
          f"{sum(r.count('again') for r in results)} succeed at a second attempt; {time.monotonic() - begin:.0f} s")
    print(f"{good} passed, {bad} failed")
    sys.exit(1 if bad or not good else 0)


main()
