"""Cases about what cannot be driven from outside: the named Catch2 test proves them."""

import os
import subprocess

from peer import check

# (id, role) to the program and its tests; a role without an entry of its own takes that of 'B'.
TABLE = {
    ('KEEP-15', 'B'): ('io', 'while several sub-streams wait, frames are quanta'),
    ('FCS-11', 'B'): ('wait', 'a million random steps agree with a model'),
    ('PRI-02', 'B'): ('io', 'a hundred urgent sub-streams do not starve one of the lowest priority'),
    ('PRI-03', 'B'): ('io', 'equal priorities share equally'),
    ('PRI-06', 'B'): ('rules', 'write_queue: equal priorities share equally',
                      'write_queue serves ten thousand sources alike'),
    ('IDL-06', 'C'): ('rules', 'ids are sequential', 'ids wrap past 0 and over those in use',
                      "ids wait for the peer's End or a minute"),
    ('IDL-07', 'C'): ('rules', 'ids run out when all are quarantined, and come back one by one',
                      'connections retire by use, age and idleness'),
    ('IDL-09', 'C'): ('rules', 'protocol pair: long lives of a few ids with tagged data'),
    ('IDL-12', 'S'): ('io', 'a connection is replaced after max_reuse sub-streams and drains'),
    ('SHD-06', 'B'): ('io', 'close inside a handler', 'anything may be destroyed from inside a handler'),
    ('SHD-07', 'B'): ('io', 'close ends every pending operation',
                      'sessions of one pool are destroyed on their strands while others work'),
    ('SHD-08', 'C'): ('io', 'sub-streams of a killed server end with an error and the next open dials anew',
                      'a server that takes connections and drops them is not dialled in a loop'),
    ('SHD-09', 'C'): ('io', 'TLS that ends without close_notify is a cut'),
    ('SHD-10', 'C'): ('io', 'anything may be destroyed after any handler'),
    ('TMO-09', 'C'): ('io', 'a session is idle from the end of its last sub-stream on',
                      'a sub-stream that was idle for too long is ended, not its session'),
    ('UDP-28', 'C'): ('proxy', 'datagrams: over a server, full cone, and the same port for a returning source'),
    ('UDP-29', 'C'): ('proxy', "datagrams: those from another address than the connection's are dropped"),
    ('UDP-30', 'C'): ('proxy', 'datagrams: fragments and torn ones are dropped'),
    ('UDP-31', 'C'): ('proxy', "datagrams: a client's go out and answers come back"),
}


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
