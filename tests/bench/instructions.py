"""instructions.py PROGRAM COUNTS [--update]: counts what the program's scenarios execute, under callgrind.

Counted is what lies in the program itself: muxpro, what it inlines of Asio and of the standard library. Shared
libraries are left out, since their memcpy and their like depend on the processor. Allocations are counted by call.
"""
import os
import re
import subprocess
import sys
import tempfile
import time

SCENARIOS = ("frames", "w1", "w3", "w4", "opens", "relay", "routes", "echo", "short")
LIMIT = 15  # per cent
HEAD = "# scenario, what is counted, how often; written by instructions.sh --update\n"


def compiler():
    return subprocess.run(["g++", "-dumpfullversion"], capture_output=True, text=True, check=True).stdout.strip()


def parse(lines, program):
    """Instructions of the program's own code, and calls of operator new that it makes."""
    instructions = allocations = 0
    inside, callee, skip = False, "", False
    for line in lines:
        key, _, value = line.partition("=")
        if key == "ob":
            inside = os.path.realpath(value) == program
        elif key == "cfn":
            callee = value
        elif key == "calls":
            skip = True  # the next line has the cost of the callee
            if inside and callee.startswith("operator new"):
                allocations += int(value.split()[0])
        elif line[:1] in "+-*0123456789" and line:
            if inside and not skip:
                instructions += int(line.split()[1])
            skip = False
    return instructions, allocations


def count(program, scenario):
    with tempfile.NamedTemporaryFile("r", encoding="utf-8") as out:
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out.name}", "--compress-strings=no",
                   program, "count", scenario]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"{scenario} failed under valgrind: {done.stderr.strip().splitlines()[-1]}")
        instructions, allocations = parse(map(str.rstrip, out), os.path.realpath(program))
    return {f"{scenario} instructions": instructions, f"{scenario} allocations": allocations}


def stored(path):
    if not os.path.exists(path):
        return {}, ""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    version = re.search(r"^# g\+\+ (\S+)$", text, re.M)
    fields = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    return {name: int(n) for name, n in fields}, version[1] if version else ""


def compare(now, before):
    passed = failed = 0
    for name, n in now.items():
        if name not in before:
            print(f"{name:24} {n:>12,}           not in the file")
            failed += 1
            continue
        change = (n - before[name]) / max(before[name], 1) * 100
        good = change <= LIMIT
        print(f"{name:24} {n:>12,} {change:+8.2f} %{'' if good else f'   above +{LIMIT} %'}")
        passed, failed = passed + good, failed + (not good)
    return passed, failed


def main():
    program, path = sys.argv[1:3]
    begin = time.monotonic()
    now = {}
    for scenario in SCENARIOS:
        now.update(count(program, scenario))
    before, version = stored(path)
    if version and version != compiler():
        print(f"counted with g++ {version}, this is {compiler()}: differences may be the compiler's")
    passed, failed = compare(now, before)
    if sys.argv[3:] == ["--update"]:
        with open(path, "w", encoding="utf-8") as file:
            file.write(HEAD + f"# g++ {compiler()}\n")
            file.writelines(f"{name} {n}\n" for name, n in now.items())
        print(f"written to {path}")
        passed, failed = len(now), 0
    print(f"in {time.monotonic() - begin:.0f} s")
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


main()
