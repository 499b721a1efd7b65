"""An honest user beside an attacker: it is served, and its p99 is below twice that without."""
import contextlib
import socket
import subprocess
import sys
import threading
import time

from logs import full_pipe
from mux_client import GREETING, KEEP, KEEP_ALIVE, LARGEST, MainConnection, serve_each
from parts import connect, eventually, expect, expect_undisturbed, p99, socks

SERVER = ["server", "--listen", "127.0.0.1:0", "--allow-private", "--threads", "1", "--log-level", "info"]
HONEST, ATTACKER, NEWCOMER = "127.0.0.2", "127.0.0.3", "127.0.0.4"


@contextlib.contextmanager
def target(answer=lambda client: GREETING):
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
        serve_each(listener, answer)
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def silent_target():
    """The queue of its listener is full, so that no SYN is answered."""
    with contextlib.ExitStack() as held:
        listener = held.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            client = held.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def count(client):
    received = 0
    while part := client.recv(1 << 20):
        received += len(part)
    return str(received).encode()


def seconds(action, *words):
    begun = time.monotonic()
    action(*words)
    return time.monotonic() - begun


def hoard(connection, port):
    """Bytes that wait for a target, as many as a server takes of eight sub-streams."""
    with contextlib.suppress(ConnectionError):
        for _ in range(8):
            stream = connection.open(port, b"x" * LARGEST)
            connection.send(stream, KEEP, data=b"x" * LARGEST)


def was_refused(connection):
    """Whether a sub-stream has ended with the code of exhausted resources."""
    with contextlib.suppress(ConnectionError, BlockingIOError):
        return b"\x03\x01\x00\x04" in connection.socket.recv(4096, socket.MSG_DONTWAIT)
    return False


def hoarders(scene):
    """40 users fill the budget of unread data: another one opens sub-streams and uploads as before"""
    process = scene.start(*SERVER, "--process-budget", str(8 << 20))
    size = 20 << 20
    with target() as port, target(count) as counting, silent_target() as silent, \
            MainConnection(scene.port(), HONEST) as honest, contextlib.ExitStack() as held:
        alone, attackers = p99(lambda: seconds(honest.greeted, port)), []
        for n in range(40):
            attackers.append(held.enter_context(MainConnection(scene.port(), f"127.0.1.{n + 1}")))
            hoard(attackers[-1], silent)
        expect_undisturbed(alone, p99(lambda: seconds(honest.greeted, port)))
        expect(any(was_refused(attacker) for attacker in attackers), "the budget was not exhausted")
        expect(honest.upload(counting, size) == str(size).encode(), "the upload has not arrived")
    scene.ends_in_order(process)


def keep_alive(connections):
    with contextlib.suppress(OSError):
        while True:
            for c in connections:
                c.socket.sendall(KEEP_ALIVE)
            time.sleep(0.2)


def zombies(scene):
    """One source holds as many main connections as it may, by KeepAlives: another one is served as before"""
    process = scene.start(*SERVER, "--max-per-source", "100")
    with target() as port, MainConnection(scene.port(), HONEST) as honest, contextlib.ExitStack() as held:
        alone = p99(lambda: seconds(honest.greeted, port))
        attackers = [held.enter_context(MainConnection(scene.port(), ATTACKER)) for _ in range(100)]
        with connect(scene.port(), ATTACKER) as one_more:
            expect(one_more.recv(1) == b"", "the source has one main connection more than it may")
        threading.Thread(target=keep_alive, args=(attackers,), daemon=True).start()
        expect_undisturbed(alone, p99(lambda: seconds(honest.greeted, port)))
        with MainConnection(scene.port(), NEWCOMER) as newcomer:
            newcomer.greeted(port)
    scene.ends_in_order(process)


def p99_of_server(scene, **how):
    process = scene.start(*SERVER, **how)
    with target() as port, MainConnection(scene.port(), HONEST) as honest:
        found = p99(lambda: seconds(honest.greeted, port))
    scene.ends_in_order(process)
    return found


def log_reader(scene):
    """The reader of the log has stopped: the server serves as with one that reads"""
    alone = p99_of_server(scene)
    reader, writer = full_pipe()
    with open(reader, "rb"), open(writer, "wb") as stderr:
        expect_undisturbed(alone, p99_of_server(scene, stderr=stderr))


def login(port, source, password):
    """Whether a SOCKS server takes the password."""
    with connect(port, source) as client:
        client.sendall(b"\x05\x01\x02\x01\x04user" + bytes([len(password)]) + password)
        answer = b""
        while len(answer) < 4:
            part = client.recv(4)
            if not part:
                return False
            answer += part
        return answer == b"\x05\x02\x01\x00"


def guesses(scene):
    """A source guesses passwords without a pause: another one logs in as before"""
    accounts = {"auth": "password", "accounts": [{"user": "user", "pass": "right"}]}
    process = scene.start("run", "-c", scene.config(socks(settings=accounts)), "--threads", "1")

    def honest():
        expect(login(scene.port(), HONEST, b"right"), "the honest user cannot log in")

    alone = p99(lambda: seconds(honest))
    guess = subprocess.Popen([sys.executable, __file__, str(scene.port())])
    scene.processes.append(guess)
    eventually(lambda: "failed" in scene.text("err"), "no failed login has a line in the log")
    expect_undisturbed(alone, p99(lambda: seconds(honest)))
    expect(guess.poll() is None, "the attacker has ended")
    guess.kill()
    scene.ends_in_order(process)


def guess_for_ever(port):
    def guess():
        while True:
            with contextlib.suppress(OSError):
                login(port, ATTACKER, b"wrong")

    for _ in range(8):
        threading.Thread(target=guess).start()


if __name__ == "__main__":
    guess_for_ever(int(sys.argv[1]))
