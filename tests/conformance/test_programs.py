"""Cases about what cannot be driven from outside: the named Catch2 test proves them."""

import os
import subprocess

from peer import check

TABLE = {}


def find(case_id, role):
    return TABLE.get((case_id, role)) or TABLE.get((case_id, 'B'))


def run(case_id, role, directory):
    """Runs it; returns what was run."""
    program, *names = find(case_id, role)
    path = os.path.join(directory, f'muxpro_{program}_tests')
    check(os.path.exists(path), f'{path} is not built')
    for name in names:
        pattern = name.replace(',', '\\,').replace('[', '\\[')
        done = subprocess.run([path, pattern], capture_output=True, text=True, timeout=300, check=False)
        check(done.returncode == 0 and 'No test' not in done.stdout, f'{program}: "{name}": {done.stdout[-1500:]}')
    return f'{program}: {"; ".join(names)}'
