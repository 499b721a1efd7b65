"""What a configuration file says, and what happens when it changes."""
import json
import os
import signal
import subprocess

from parts import ends_within, eventually, expect, free_port


def rotated(scene, _):
    """Log files are moved away and SIGHUP comes: lines go to new ones, none is lost"""
    scene.file("small", 1000)
    scene.socks = free_port()
    access, log = scene.path("access.txt"), scene.path("log.txt")
    with open(scene.path("config.json"), "w", encoding="utf-8") as file:
        json.dump({"log": {"access": access, "error": log, "loglevel": "info"},
                   "inbounds": [{"tag": "in", "protocol": "mixed", "port": scene.socks, "listen": "127.0.0.1"}],
                   "outbounds": [{"tag": "direct", "protocol": "freedom",
                                  "settings": {"allowPrivate": True}}]}, file)
    proxy = scene.start("client", [scene.program, "run", "-c", scene.path("config.json")], scene.socks)

    def lines(name):
        with open(name, encoding="utf-8") as file:
            return file.read().count(f"127.0.0.1:{scene.port} ")

    def ask():
        scene.curl("-o", scene.path("taken"), scene.url("small"))

    ask()
    eventually(lambda: lines(access) == 1, 2, "the access log has no line")
    os.rename(access, access + ".1")
    os.rename(log, log + ".1")
    ask()
    eventually(lambda: lines(access + ".1") == 2, 2, "the file that was moved away has not the second line")
    proxy.send_signal(signal.SIGHUP)
    eventually(lambda: os.path.exists(access) and os.path.exists(log), 2, "there are no new files")
    ask()
    eventually(lambda: lines(access) == 1, 2, "the new access log has no line")
    expect(lines(access + ".1") == 2, "the old access log has more lines")

    def reloaded():
        with open(log, encoding="utf-8") as file:
            return "reloaded" in file.read()

    eventually(reloaded, 2, "the new log does not say that the file was read again")


def open_to_nobody(scene, _):
    """Where everybody could use it, it does not start, unless it is told that this is meant"""
    def start(*words):
        return scene.start("client", [scene.program, *words])

    def config(**more):
        with open(scene.path("config.json"), "w", encoding="utf-8") as file:
            json.dump({"inbounds": [{"tag": "in", "protocol": "mixed", "port": free_port(), "listen": "0.0.0.0", **more}],
                       "outbounds": [{"protocol": "freedom"}]}, file)
        return "-c", scene.path("config.json")

    everywhere = f"0.0.0.0:{free_port()}"
    cases = {"server": lambda: ("server", "--listen", everywhere),
             "client": lambda: ("client", "--connect", "127.0.0.1:1", "--socks", everywhere),
             "run": lambda: ("run", *config()), "check": lambda: ("check", *config())}
    for name, words in cases.items():
        expect(ends_within(start(*words()), 5, name) == (2 if name in ("server", "client") else 1), f"{name} starts")
    expect(ends_within(start("check", *config(openToAll=True)), 5, "check") == 0, "it was meant, and check refuses")
    for words in (cases["server"]() + ("--open-to-all",), cases["client"]() + ("--open-to-all",),
                  ("run", *config(openToAll=True))):
        process = start(*words)
        try:
            process.wait(0.3)
        except subprocess.TimeoutExpired:
            process.terminate()
            expect(ends_within(process, 5, words[0]) == 0, f"{words[0]} ends badly")
        else:
            expect(False, f"{words[0]} does not start, and it was meant")
