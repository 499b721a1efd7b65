"""Memory of connections that do nothing."""
import resource
import socket
import time

import machine

MANY = 2000
SETTLED = 5  # seconds, after which an end keeps nothing more for the clients that have left


def anonymous_memory(process):
    """KiB."""
    with open(f"/proc/{process.pid}/status", encoding="utf-8") as file:
        return int(next(line for line in file if line.startswith("RssAnon")).split()[1])


def connect(proxy, target):
    client = socket.create_connection(("127.0.0.1", proxy or target), timeout=20)
    if proxy:
        client.sendall(b"\5\1\0\5\1\0\1\x7f\0\0\1" + target.to_bytes(2, "big"))
        reply = b""
        while len(reply) < 12:
            part = client.recv(12 - len(reply))
            if not part or (reply + part)[3:4] not in (b"", b"\0"):
                raise machine.Failed("the proxy refused")
            reply += part
    return client


def memory(ends, proxy, target, one_each):
    """What each of MANY connections adds to the server and to the client. With one main connection for each, also what
    that adds while it has no sub-stream any more."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    kept = [connect(proxy, target) for _ in range(50)]
    time.sleep(0.5)
    before = [anonymous_memory(end) for end in ends]
    kept += [connect(proxy, target) for _ in range(MANY)]
    time.sleep(1)
    measured = grown("", ends, before)
    for client in kept:
        client.close()
    if one_each:
        time.sleep(SETTLED)
        measured |= grown("main_", ends, before)
    return measured


def grown(what, ends, before):
    return {f"{end}_{what}KiB": (anonymous_memory(process) - was) / MANY
            for end, process, was in zip(("server", "client"), ends, before)}
