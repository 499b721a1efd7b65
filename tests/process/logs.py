"""What keeps a program from running: a log whose reader stops, and a system that has no thread or descriptor left."""
import os
import re
import resource
import shutil
import signal
import socket
import subprocess

from parts import PATIENCE, connect, eventually, expect, socks
from signals import NOWHERE, commands, poke

NO_THREAD = "muxpro: cannot start a thread: Resource temporarily unavailable"
ANOTHER_USER = 54321


def full_pipe():
    """Both ends of a pipe that takes no further byte."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    for size in (4096, 1):
        try:
            while True:
                os.write(writer, b"x" * size)
        except BlockingIOError:
            pass
    os.set_blocking(writer, True)
    return reader, writer


def log_reader_stops(scene):
    """The log is a full pipe that is never read: each command serves, takes SIGHUP, and ends in order"""
    for name, (words, lines) in commands(scene).items():
        reader, writer = full_pipe()
        process = scene.start(*words, lines=lines, stderr=writer)
        os.close(writer)
        for _ in range(5):
            poke(scene.port(), b"garbage" * 20 if name == "server" else NOWHERE)
        process.send_signal(signal.SIGHUP)
        poke(scene.port(), b"garbage" * 20 if name == "server" else NOWHERE)
        scene.ends_in_order(process)
        os.close(reader)


def ask_with_long_names(port, source):
    """By SOCKS5 with a name and a user that make the line about the connection a long one."""
    user = b"%" * 255
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE, source_address=(source, 0)) as client:
        client.sendall(b"\x05\x01\x02\x01\xff" + user + b"\x01p\x05\x01\x00\x03\xff" + b"n" * 255 + b"\0\1")
        while client.recv(1000):
            pass


def lines_lost(scene):
    """A reader of the log stops and goes on: a line counts what was lost, in its place, and later lines follow"""
    accounts = {"auth": "password", "accounts": [{"user": "%" * 255, "pass": "p"}]}
    path = scene.config(socks(settings=accounts), outbounds=[{"tag": "no", "protocol": "blackhole"}])
    reader, writer = full_pipe()
    process = scene.start("run", "-c", path, "--threads", "1", stderr=writer)
    os.close(writer)
    count = 1500  # of more than 1000 bytes each: 1 MiB may wait
    for i in range(count):
        ask_with_long_names(scene.port(), f"127.0.0.{1 + i % 250}")
    text = b""
    while b" lost\n" not in text:
        text += os.read(reader, 1 << 20)
    poke(scene.port(), NOWHERE)
    ask_with_long_names(scene.port(), "127.0.0.1")
    scene.ends_in_order(process)
    while part := os.read(reader, 1 << 20):
        text += part
    os.close(reader)
    log = text.decode().lstrip("x").splitlines()
    asked = [n for n, line in enumerate(log) if "nnnn" in line]
    places = [n for n, line in enumerate(log) if re.search(r" warning \d+ lines lost$", line)]
    expect(len(places) == 1, f"{len(places)} lines count what was lost")
    lost = int(log[places[0]].split()[-3])
    expect(lost + len(asked) == count + 1, f"{lost} lost and {len(asked)} logged are not {count + 1}")
    expect(asked[-2] < places[0] < asked[-1], "the count does not stand in the place of what was lost")


def descriptor_limit(scene):
    """The soft limit on descriptors becomes the hard one"""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 256), hard))
    try:
        process = scene.start("run", "-c", scene.config(socks()))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    with open(f"/proc/{process.pid}/limits", encoding="utf-8") as file:
        limits = next(line for line in file if line.startswith("Max open files")).split()[3:5]
    expect(limits[0] == limits[1], f"the limits are {limits}")
    scene.ends_in_order(process)


def started_with(scene, words, threads):
    """By another user, who may have so many threads. The limit does not bind root."""
    def limit():
        if os.getuid() == 0:
            os.setgroups([])
            os.setgid(ANOTHER_USER)
            os.setuid(ANOTHER_USER)
        resource.setrlimit(resource.RLIMIT_NPROC, (threads, threads))

    with open(scene.path("out"), "w", encoding="utf-8") as out, open(scene.path("err"), "w", encoding="utf-8") as err:
        process = subprocess.Popen([scene.path("muxpro"), *words], stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                   preexec_fn=limit)
    scene.processes.append(process)
    return process


def no_thread(scene):
    """A thread that cannot be made, each of them in turn: one sentence, and status 1"""
    if os.getuid() != 0:
        return  # another user's processes would count as well
    os.chmod(scene.directory, 0o755)
    shutil.copy(scene.program, scene.path("muxpro"))
    for name, (words, lines) in commands(scene).items():
        for threads in range(1, 20):
            process = started_with(scene, words, threads)
            eventually(lambda: process.poll() is not None or scene.text("out").count("\n") >= lines,
                       f"{name} with {threads} threads neither serves nor ends")
            try:
                status = process.wait(0.5)
            except subprocess.TimeoutExpired:
                break
            expect(status == 1 and scene.text("err").strip() == NO_THREAD,
                   f"{name} with {threads} threads ends with {status}: {scene.text('err')}")
        expect(threads > 2, f"{name} runs with {threads} threads")
        scene.ends_in_order(process)
