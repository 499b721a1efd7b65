#!/usr/bin/env python3
"""Runs the conformance cases against the programs of this build, in both roles."""

import argparse
import collections
import concurrent.futures
import fcntl
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree as xml

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import network  # noqa: E402
import plan  # noqa: E402
import worker  # noqa: E402


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--server', metavar='PATH', help='the program muxpro')
    parser.add_argument('--client', metavar='PATH', help='muxpro_conformance_client')
    parser.add_argument('--tests', metavar='DIR', help='directory of the Catch2 programs; default: that of --client')
    parser.add_argument('--cases', metavar='FILE', default=os.path.join(HERE, 'cases.json'))
    parser.add_argument('--case', metavar='ID', action='append', help='this case, or all that begin so: NEW-')
    parser.add_argument('--role', choices='SC', help='only with the server, or only with the client under test')
    parser.add_argument('--junit', metavar='FILE', help='writes the results as JUnit')
    parser.add_argument('--list', action='store_true', help='says what would run, and how')
    parser.add_argument('--jobs', type=int, default=min(os.cpu_count() or 1, 4))
    parser.add_argument('--full', action='store_true', help='heavy cases at their full size')
    parser.add_argument('--data-only', action='store_true', help='only what is interpreted: bytes in, expectation')
    parser.add_argument('--rates', choices=('only', 'without'),
                        help='only the cases that compare rates, which want a machine without other work, or all others')
    parser.add_argument('--slow', type=float, default=1, help='factor on what a slow build may take')
    parser.add_argument('--worker', action='store_true', help=argparse.SUPPRESS)
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    if arguments.worker:
        return worker.main()
    with open(arguments.cases, encoding='utf-8') as file:
        cases = json.load(file)
    units = plan.units(cases, arguments)
    if not units:
        sys.exit('no such case')
    if arguments.list:
        for unit in units:
            print(f'{unit["case"]["id"]:8} {unit["role"]}  {unit["how"]:10} {unit["case"]["title"]}')
        return 0
    started = time.monotonic()
    results = run_units(units, arguments)
    return report(results, arguments, time.monotonic() - started)


def run_units(units, arguments):
    """Groups of one configuration go to workers, each with a loopback of its own. Those that compare rates follow,
    one at a time.
    """
    prefix = network.namespace_command()
    jobs = arguments.jobs
    lock = None
    if not prefix:
        jobs = 1
        lock = open(os.path.join(tempfile.gettempdir(), 'muxpro-conformance.lock'), 'w', encoding='ascii')
        fcntl.flock(lock, fcntl.LOCK_EX)
    show = Shown()
    results = []
    for chosen, workers in ([u for u in units if not plan.compares_rates(u)], jobs), (
            [u for u in units if plan.compares_rates(u)], 1):
        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            done = [pool.submit(run_group, prefix, g, arguments, show) for g in plan.groups(chosen, workers)]
        results += [r for d in done for r in d.result()]
    return results


class Shown:
    """One line for each result as it comes."""

    def __init__(self):
        self.lock = threading.Lock()

    def __call__(self, r):
        with self.lock:
            word = {'passed': 'ok', 'failed': 'FAILED', 'not applicable': 'n/a'}[r['status']]
            print(f'{word:6} {r["id"]:8} {r["role"]} {r["seconds"]:5.1f} s  {r["title"]}'
                  + (f'\n       {r["message"]}' if r['message'] else ''), flush=True)


def run_group(prefix, group, arguments, show):
    job = {'server': arguments.server, 'client': arguments.client, 'full': arguments.full, 'slow': arguments.slow,
           'tests': arguments.tests or os.path.dirname(arguments.client or ''), 'namespace': bool(prefix),
           'units': group}
    process = subprocess.Popen([*prefix, sys.executable, os.path.join(HERE, 'run.py'), '--worker'],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    process.stdin.write(json.dumps(job))
    process.stdin.close()
    results = []
    for line in process.stdout:
        results.append(json.loads(line))
        show(results[-1])
    status = process.wait()
    missing = group[len(results):]
    for unit in missing:
        r = plan.result(unit, 'failed', f'the worker ended with status {status}')
        results.append(r)
        show(r)
    return results


def report(results, arguments, seconds):
    counts = collections.Counter((r['role'], r['status']) for r in results)
    if arguments.junit:
        write_junit(results, arguments.junit)
    failed = [r for r in results if r['status'] == 'failed']
    if failed:
        print('\nfailed:', ' '.join(f'{r["id"]}/{r["role"]}' for r in failed))
    for role, name in (('S', 'server'), ('C', 'client')):
        print(f'{name}: {counts[role, "passed"]} passed, {counts[role, "failed"]} failed, '
              f'{counts[role, "not applicable"]} not applicable yet')
    print(f'in {seconds:.0f} s')
    print(f'{counts["S", "passed"] + counts["C", "passed"]} passed, {len(failed)} failed')
    return 1 if failed else 0


def write_junit(results, path):
    failures = sum(r['status'] == 'failed' for r in results)
    skipped = sum(r['status'] == 'not applicable' for r in results)
    suite = xml.Element('testsuite', name='conformance', tests=str(len(results)), failures=str(failures),
                        skipped=str(skipped))
    for r in results:
        case = xml.SubElement(suite, 'testcase', classname=f'conformance.{r["role"]}', name=f'{r["id"]} {r["title"]}',
                              time=f'{r["seconds"]:.3f}')
        if r['status'] == 'failed':
            xml.SubElement(case, 'failure', message=r['message'])
        elif r['status'] != 'passed':
            xml.SubElement(case, 'skipped', message=r['message'])
    xml.ElementTree(suite).write(path, encoding='utf-8', xml_declaration=True)


if __name__ == '__main__':
    sys.exit(main())
