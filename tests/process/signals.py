"""Signals that end nothing: a reader of the log that goes away, and SIGHUP."""
import os
import signal
import socket

from parts import DIRECT, connect, eventually, expect, free_port, socks

NOWHERE = b"\x05\x01\x00\x05\x01\x00\x01\x7f\0\0\1\0\x01"  # SOCKS5 to a port where nothing listens: lines in a log


def commands(scene):
    """Each command that goes on running, with the number of lines that it prints at first."""
    return {"run": (["run", "-c", scene.config(socks()), "--threads", "1"], 1),
            "server": (["server", "--listen", "127.0.0.1:0", "--threads", "1"], 1),
            "client": (["client", "--socks", "127.0.0.1:0", "--connect", "127.0.0.1:1", "--threads", "1"], 1),
            "demo": (["demo"], 2)}


def poke(port, data):
    """Something to log; the end of the connection shows that it has been served."""
    with connect(port) as client:
        client.sendall(data)
        try:
            while client.recv(1000):
                pass
        except OSError:
            pass


def log_without_reader(scene):
    """Who reads the log goes away: each command goes on, and ends in order"""
    for name, (words, lines) in commands(scene).items():
        reader, writer = os.pipe()
        process = scene.start(*words, lines=lines, stderr=writer)
        os.close(writer)
        os.close(reader)
        for _ in range(3):
            poke(scene.port(), b"garbage" * 20 if name == "server" else NOWHERE)
        expect(process.poll() is None, f"{name} has ended with {process.returncode}")
        scene.ends_in_order(process)


def access_log_without_reader(scene):
    """The same for an access log that is a FIFO"""
    os.mkfifo(scene.path("access"))
    reader = os.open(scene.path("access"), os.O_RDONLY | os.O_NONBLOCK)
    path = scene.config(socks(), log={"loglevel": "info", "access": scene.path("access")})
    process = scene.start("run", "-c", path)
    os.close(reader)
    for _ in range(3):
        poke(scene.port(), NOWHERE)
    expect(process.poll() is None, f"it has ended with {process.returncode}")
    scene.ends_in_order(process)


def output_without_reader(scene):
    """The reader of standard output ends before anything is printed: the exit status still shows mistakes"""
    bad = scene.config(socks(port=70000))
    reader, writer = os.pipe()
    os.close(reader)
    process = scene.spawn("check", "-c", bad, stderr=writer)
    os.close(writer)
    expect(process.wait() == 1, f"check ends with {process.returncode}")


def hangup(scene):
    """SIGHUP ends no command, and cuts no connection"""
    for name, (words, lines) in commands(scene).items():
        process = scene.start(*words, lines=lines)
        with connect(scene.port()) as client:
            if name != "server":
                client.sendall(b"\x05\x01\x00")
                expect(client.recv(2) == b"\x05\x00", f"{name} answers no greeting")
            for _ in range(3):
                process.send_signal(signal.SIGHUP)
            if name != "demo":
                eventually(lambda: "SIGHUP" in scene.text("err"), f"{name} logs nothing of SIGHUP")
            client.settimeout(0.2)
            try:
                expect(client.recv(1) == b"", f"{name} sends something")
                expect(False, f"{name} has closed a connection")
            except socket.timeout:
                pass
        expect(process.poll() is None, f"{name} has ended with {process.returncode}")
        scene.ends_in_order(process)


def closed_streams(scene):
    """Standard streams that are closed at the start: no socket takes their numbers"""
    port = free_port()
    path = scene.config(socks(port=port), outbounds=[DIRECT])
    shell = f"exec '{scene.program}' run -c '{path}' >&- 2>&- <&-"
    process = scene.started_by_shell(shell)

    def answers():
        try:
            with connect(port) as client:
                client.sendall(NOWHERE)
                return client.recv(2) == b"\x05\x00"
        except OSError:
            return False

    eventually(answers, "it does not serve")
    taken = [os.readlink(f"/proc/{process.pid}/fd/{fd}") for fd in range(3)]
    expect(taken == ["/dev/null"] * 3, f"the standard streams are {taken}")
    scene.ends_in_order(process)
