#!/usr/bin/env python3
"""Scores the fast test programs by small changes to the code that they should find (see README.md)."""

import argparse
import collections
import concurrent.futures
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
import mutants as lists

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = ROOT / 'build' / 'mutation'
TREE = BUILD / 'tree'

# What can find a mutant of a room, the most likely program first.
PROGRAMS = {
    'core': ['rules', 'io'],
    'session': ['io'],
    'pool': ['rules', 'io'],
    'relay': ['io'],
    'waiting': ['wait', 'io'],
    'proxy': ['proxy_rules'],
}
SKIP = '~[long]'


def check(all_mutants):
    by_file = collections.defaultdict(list)
    for m in all_mutants:
        by_file[m.file].append(m)
    wrong = []
    for file, mutants in sorted(by_file.items()):
        bad = lists.fit(mutants, ROOT)
        if not bad:
            try:
                lists.nest(mutants)
            except lists.ListError as e:
                bad = [str(e)]
        wrong += bad
    return by_file, wrong


def write_if_new(path, text):
    if path.is_file() and path.read_text() == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def make_tree(by_file):
    """A copy of the sources in which every mutant is compiled. Files that are the same keep their times."""
    names = subprocess.run(['git', 'ls-files', '-z', '--cached', '--others', '--exclude-standard'], cwd=ROOT,
                           check=True, capture_output=True, text=True).stdout.split('\0')
    wanted = [n for n in names if n and (n.startswith(('include/', 'src/', 'tests/', 'cmake/', 'examples/'))
                                         or n in ('CMakeLists.txt',)) and (ROOT / n).is_file()]
    for name in wanted:
        source, target = ROOT / name, TREE / name
        if name in by_file:
            write_if_new(target, lists.rewrite(source, by_file[name]))
        elif not target.is_file() or target.read_bytes() != source.read_bytes():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    kept = set(wanted)
    for path in [p for p in TREE.rglob('*') if p.is_file()]:
        if str(path.relative_to(TREE)) not in kept:
            path.unlink()


def build(programs, jobs):
    flags = f"-O1 -D_GLIBCXX_ASSERTIONS -w -include '{TREE}/tests/mutation/mutant.hpp'"
    where = BUILD / 'programs'
    configure = ['cmake', '-S', TREE, '-B', where, '-G', 'Ninja', '-DCMAKE_BUILD_TYPE=Debug',
                 '-DCMAKE_CXX_COMPILER=g++', f'-DCMAKE_CXX_FLAGS_DEBUG={flags}', '-DMUXPRO_UNITY=OFF',
                 '-DMUXPRO_BUILD_TESTS=ON', '-DMUXPRO_BUILD_EXAMPLES=OFF']
    run_logged(configure, BUILD / 'configure.log')
    targets = [f'muxpro_{p}_tests' for p in programs]
    run_logged(['cmake', '--build', where, '-j', str(jobs), '--target', *targets, '--', '-k', '0'],
               BUILD / 'build.log')


def run_logged(command, log):
    with open(log, 'w') as out:
        status = subprocess.run([str(c) for c in command], stdout=out, stderr=subprocess.STDOUT).returncode
    if status != 0:
        sys.stdout.write(''.join(open(log).readlines()[-60:]))
        sys.exit(f'failed: {log}')


def run_tests(program, number, tests, limit, output=subprocess.DEVNULL):
    """What found the mutant: the name of a test case, or where the program hangs; None: nothing did."""
    binary = BUILD / 'programs' / 'bin' / f'muxpro_{program}_tests'
    results = BUILD / 'results' / f'{program}.{number}'
    results.parent.mkdir(parents=True, exist_ok=True)
    results.unlink(missing_ok=True)
    environment = dict(os.environ, MUXPRO_MUTANT=str(number), MUXPRO_TEST_RESULTS=str(results))
    process = subprocess.Popen([binary, '--abort', '-d', 'yes', *tests], env=environment, stdin=subprocess.DEVNULL,
                               stdout=output, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        status = process.wait(limit)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        status = None
    if status == 0:
        return None
    lines = results.read_text().splitlines() if results.is_file() else []
    last = next((line.split(' ', 1)[1] for line in reversed(lines) if not line.startswith('passed ')), '?')
    return f'{"hangs in " if status is None else ""}{program}: {last}'


def baseline(program):
    """Runs all tests without a mutant, and returns their names in groups, those that take the least time first, with
    the time that each group may take with a mutant."""
    begin, log = time.monotonic(), BUILD / f'{program}.durations'
    with open(log, 'w') as out:
        failed = run_tests(program, 0, [SKIP], 3600, out)
    if failed:
        sys.exit(f'without any mutant it fails: {failed}')
    print(f'{program}: {time.monotonic() - begin:.1f} s without a mutant', flush=True)
    binary = BUILD / 'programs' / 'bin' / f'muxpro_{program}_tests'
    listed = subprocess.run([binary, '--list-test-names-only', SKIP], capture_output=True, text=True).stdout
    times = {name: 0.0 for name in listed.splitlines()}
    for seconds, name in re.findall(r'^([0-9.]+) s: (.+)$', log.read_text(), re.M):
        if name in times:  # and no section
            times[name] += float(seconds)
    groups = [[], [], []]
    for name, seconds in times.items():
        groups[(seconds > 0.05) + (seconds > 1)].append(name)
    out = []
    for i, names in enumerate(groups):
        if names:
            path = BUILD / f'{program}.group{i}'
            path.write_text(''.join(re.sub(r'([,\\[\]])', r'\\\1', n) + '\n' for n in names))
            out.append((['-f', str(path)], 60 + 10 * sum(times[n] for n in names)))
    return out


def score_one(m, groups):
    for program in PROGRAMS[m.room]:
        for tests, limit in groups[program]:
            if found := run_tests(program, m.number, tests, limit):
                return found
    return None


def score(mutants, groups, jobs):
    results = {}
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        futures = {pool.submit(score_one, m, groups): m for m in mutants}
        for done in concurrent.futures.as_completed(futures):
            m = futures[done]
            results[m.id] = done.result()
            print(f'{m.id:10} {results[m.id] or "SURVIVES"}', flush=True)
    return results


def print_scores(mutants, results):
    print('\nsurvivors:')
    for m in mutants:
        if results[m.id] is None and not m.equivalent:
            print(f'{m.where()}\n    - {m.before}\n    + {m.after}')
    for m in mutants:
        if m.equivalent and results[m.id]:
            print(f'{m.id} is listed as equivalent, but {results[m.id]}')
    print(f'\n{"room":10} found  all')
    total = [0, 0]
    for room in PROGRAMS:
        counted = [m for m in mutants if m.room == room and not m.equivalent]
        found = sum(results[m.id] is not None for m in counted)
        if counted:
            print(f'{room:10} {found:5} {len(counted):4}  {100 * found / len(counted):5.1f} %')
        total = [total[0] + found, total[1] + len(counted)]
    if total[1]:
        print(f'{"all":10} {total[0]:5} {total[1]:4}  {100 * total[0] / total[1]:5.1f} %')
    return total[1] > 0 and total[0] >= 0.95 * total[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--check', action='store_true', help='only see whether the list fits the code')
    parser.add_argument('--room', action='append', choices=PROGRAMS, help='mutants of this room alone')
    parser.add_argument('--only', action='append', metavar='ID', help='this mutant alone')
    parser.add_argument('--no-build', action='store_true', help='score what was built before')
    parser.add_argument('--jobs', type=int, default=os.cpu_count())
    options = parser.parse_args()

    all_mutants = lists.read_list(HERE)
    by_file, wrong = check(all_mutants)
    for sentence in wrong:
        print(sentence)
    if options.check or (wrong and not options.no_build):
        print(f'{len(all_mutants) - len(wrong)} passed, {len(wrong)} failed')
        return 1 if wrong or not all_mutants else 0

    chosen = [m for m in all_mutants if (not options.room or m.room in options.room)
              and (not options.only or m.id in options.only)]
    programs = list(dict.fromkeys(p for m in chosen for p in PROGRAMS[m.room]))
    if not options.no_build:
        make_tree(by_file)
        build(programs, options.jobs)
    groups = {program: baseline(program) for program in programs}
    return 0 if print_scores(chosen, score(chosen, groups, options.jobs)) else 1


if __name__ == '__main__':
    sys.exit(main())
