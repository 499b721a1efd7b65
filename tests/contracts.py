#!/usr/bin/env python3
"""Counts the contracts of public asynchronous functions: tests/contracts.py [FOLDER...], by default those of the library
and of the proxy.

A comment has four parts: "Signature:", when it "Completes", "Errors:" and "Cancellation". "As async_x()" or
"As type::async_x()" stands for the parts that are missing, if the comment of that function has all four. The completion
token has a default, asio::use_awaitable. A function that returns an awaitable has no token, and its type is its
signature. An override has the contract of the function that it overrides. Ends with "N passed, N failed".
"""
import re
import sys
from pathlib import Path

PARTS = {"signature": r"Signature: ", "completion": r"\bcompletes\b", "errors": r"Errors: ", "cancellation": r"Cancellation"}
FUNCTION = re.compile(r"(?:virtual )?(?P<type>auto|asio::awaitable<.*?>) (?P<name>\w+)\((?P<rest>.*)")
TYPE = re.compile(r"(?:class|struct) (\w+)[^;]*\{$")
ACCESS = re.compile(r"(public|protected|private):$")
REFERENCE = re.compile(r"(?:^|[.] )(?:As|Otherwise as) (?:(\w+)::)?(\w+)\(")


class Function:
    def __init__(self, place, owner, match, comment, head, body):
        self.place, self.owner, self.name = place, owner, match["name"]
        self.returns_awaitable = match["type"] != "auto"
        self.comment = comment
        self.has_token = "Token = asio::use_awaitable_t<>" in head and "Token&& token = {}" in head
        # An overload without a token passes the default on.
        self.has_default = self.has_token or ("Token" not in head and "asio::use_awaitable)" in body)

    def parts(self):
        found = {part for part, text in PARTS.items() if re.search(text, self.comment, re.IGNORECASE)}
        return found | {"signature"} if self.returns_awaitable else found

    def missing(self, complete):
        missing = [part for part in PARTS if part not in self.parts()]
        if any((owner or self.owner, name) in complete for owner, name in REFERENCE.findall(self.comment)):
            missing = []
        return missing if self.returns_awaitable or self.has_default else missing + ["default token"]


def is_asynchronous(match, head):
    return match["name"].startswith("async_") or (match["type"] != "auto" and not re.search(r"\boverride\b", head))


def functions_of(file):
    """The asynchronous functions that a header declares, with the comment in front of each."""
    lines = file.read_text().splitlines()
    types, comment, template = [("", "", True)], [], []  # (indentation, name, whether members are public)
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if named := TYPE.match(text):
            types.append((line[: len(line) - len(line.lstrip())], named[1], text.startswith("struct")))
        if access := ACCESS.match(text):
            types[-1] = (*types[-1][:2], access[1] == "public")
        indentation, owner, public = types[-1]
        match = FUNCTION.match(text)
        head = " ".join(template + lines[number - 1 : number + 2])
        if match and public and is_asynchronous(match, re.split("[;{]", head)[0]):
            body = " ".join(lines[number - 1 : number + 3])
            yield Function(f"{file}:{number}", owner, match, " ".join(comment), head, body)
        if text.startswith("///"):
            comment.append(text.removeprefix("///").strip())
        elif text.startswith(("template", "requires")):
            template.append(text)
        else:
            comment, template = [], []
        if owner and line == indentation + "};":
            types.pop()


def main(folders):
    functions = [f for folder in folders for file in sorted(Path(folder).glob("*.hpp")) for f in functions_of(file)]
    complete = {(f.owner, f.name) for f in functions if len(f.parts()) == len(PARTS)}
    failed = 0
    for f in functions:
        if missing := f.missing(complete):
            failed += 1
            print(f"{f.place}: {f.owner}{'::' if f.owner else ''}{f.name} has no {', no '.join(missing)}")
    print(f"{len(functions) - failed} passed, {failed} failed")
    return 0 if functions and not failed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["include/muxpro", "include/muxpro/proxy"]))
