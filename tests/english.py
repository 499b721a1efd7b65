#!/usr/bin/env python3
"""Reports how the comments and documents read: words and punctuation that plain technical English avoids, per thousand
words, beside the figures of comparable projects. A report: it always succeeds. --list prints the places."""
import argparse
import glob
import os
import re
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# (name, what is counted, smallest and largest figure of Boost.Redis, Boost.MySQL, quinn, rust-yamux and pingora)
MEASURES = (
    ("say, tell, hear, know", r"\b(says?|said|saying|tells?|told|telling|hears?|heard|knows?|knew|words?|speaks?)\b", "0.0-0.4"),
    ("whoever, nobody, who", r"\b(who|whoever|nobody|somebody|anybody|everybody)\b", "0.0-0.1"),
    ("none, nothing", r"\b(none|nothing)\b", "0.1-2.6"),
    ("colon chains", r"[a-z0-9)`'\"]: (?=[a-z])", "0.3-2.9"),
    ("semicolons", r";(?=\s|$)", "0.0-2.8"),
)
PATTERNS = [re.compile(pattern, re.IGNORECASE if index < 3 else 0) for index, (_, pattern, _) in enumerate(MEASURES)]


def comments(path):
    """(number, text) of each line of a comment."""
    with open(path, encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, 1):
            found = re.match(r'(?:[^"]|"(?:[^"\\]|\\.)*")*?//[/!]?<?\s?(.*)', line)
            if found:
                yield number, found.group(1)


def prose(path):
    """(number, text) of each line of a document, without code and tables."""
    code = False
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            code ^= line.startswith("```")
            if not code and not line.startswith(("|", "```")):
                yield number, line.rstrip()


def tracked(folder):
    listed = subprocess.run(["git", "ls-files", folder], cwd=ROOT, capture_output=True, text=True, check=False)
    names = listed.stdout.splitlines() or glob.glob(f"{folder}/**", root_dir=ROOT, recursive=True)
    return [os.path.join(ROOT, name) for name in names if name.endswith((".hpp", ".cpp", ".ipp"))]


def measure(files, lines_of, shows):
    """The number of words, and how often each measure occurs."""
    words, counts = 0, [0] * len(MEASURES)
    for path in files:
        for number, text in lines_of(path):
            words += len(re.findall(r"[A-Za-z][A-Za-z'-]*", text))
            for index, pattern in enumerate(PATTERNS):
                hits = len(pattern.findall(text))
                counts[index] += hits
                if hits and shows:
                    print(f"{os.path.relpath(path, ROOT)}:{number}: {MEASURES[index][0]}: {text.strip()}")
    return words, counts


def main():
    parser = argparse.ArgumentParser(prog="tests/english.py", description=__doc__)
    parser.add_argument("--list", action="store_true", help="print each place")
    parser.add_argument("folders", nargs="*", help="default: include, src, tests and README.md")
    options = parser.parse_args()
    rows = []
    for folder in options.folders or ["include", "src", "tests", "README.md"]:
        if folder.endswith(".md"):
            rows.append((folder, *measure([os.path.join(ROOT, folder)], prose, options.list)))
        else:
            rows.append((folder, *measure(tracked(folder), comments, options.list)))
    print(f"{'per 1000 words of comments':26}" + "".join(f"{name:>22}" for name, _, _ in MEASURES))
    for folder, words, counts in rows:
        figures = "".join(f"{1000 * count / max(words, 1):22.1f}" for count in counts)
        print(f"{f'{folder} ({words} words)':26}{figures}")
    print(f"{'comparable projects':26}" + "".join(f"{models:>22}" for _, _, models in MEASURES))


main()
