"""The programs: where they are, and how they are started with a configuration in the form of Xray."""
import importlib.util
import json
import os
import re
import shutil
import subprocess

import sing_box
from parts import SLOW, connect, eventually, expect

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
IDLE = round(3 * SLOW)  # seconds after which peers end what is idle, or half-closed


def listens(port):
    try:
        connect(port).close()
        return True
    except OSError:
        return False


class Peer:
    """A program that reads configurations in the form of Xray."""
    log_level = "warning"

    def __init__(self, name, words, program=None):
        self.name = name
        self.words = words
        self.program = program or name

    def path(self):
        fetched = os.path.join(ROOT, "build", "peers", self.program)
        return fetched if os.path.exists(fetched) else shutil.which(self.program)

    def is_there(self):
        return self.path() is not None

    def configuration(self, inbound, outbound, timers):
        level = {"connIdle": IDLE, "uplinkOnly": IDLE, "downlinkOnly": IDLE} if timers else {}
        return {"log": {"loglevel": self.log_level}, "inbounds": [inbound], "outbounds": [outbound],
                "policy": {"levels": {"0": level}}}

    def start(self, scene, side, inbound, outbound, timers=True, env=None):
        """The process, which listens. `side` names its files."""
        file = scene.path(f"{side}.json")
        with open(file, "w", encoding="utf-8") as out:
            json.dump(self.configuration(inbound, outbound, timers), out)
        return self.run(scene, side, [self.path(), *self.words, file], inbound["port"], env)

    def run(self, scene, side, words, port, env=None):
        with open(scene.path(f"{side}.log"), "a", encoding="utf-8") as log:
            process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                       env={**os.environ, **(env or {})})
        scene.processes.append(process)
        eventually(lambda: listens(port) or process.poll() is not None, f"{self.name} does not listen")
        expect(process.poll() is None, f"{self.name} ended: {scene.text(f'{side}.log')[-500:].strip()}")
        return process


class SingBox(Peer):
    """A program whose configurations have another form, and which has no timers."""

    def configuration(self, inbound, outbound, timers):
        return sing_box.configuration(inbound, outbound)


class ShadowsocksLibev(Peer):
    """ss-server and ss-local, which have options instead of a configuration."""

    def start(self, scene, side, inbound, outbound, timers=True, env=None):
        if side == "server":
            words = ["ss-server", "-s", "127.0.0.1", "-p", str(inbound["port"])]
            settings = inbound["settings"]
        else:
            settings = outbound["settings"]["servers"][0]
            words = ["ss-local", "-b", "127.0.0.1", "-l", str(inbound["port"]), "-s", settings["address"],
                     "-p", str(settings["port"])]
        words += ["-k", settings["password"], "-m", settings["method"], "-u"]
        return self.run(scene, side, words, inbound["port"])


class Trojan(Peer):
    """The first program with this protocol, whose configuration has a form of its own, and which has no timers."""

    def configuration(self, inbound, outbound, timers):
        if inbound["protocol"] == "socks":
            server, tls = outbound["settings"]["servers"][0], outbound["streamSettings"]["tlsSettings"]
            return {"run_type": "client", "local_addr": "127.0.0.1", "local_port": inbound["port"],
                    "remote_addr": server["address"], "remote_port": server["port"], "password": [server["password"]],
                    "ssl": {"cert": tls["certificates"][0]["certificateFile"], "sni": tls["serverName"]}}
        certificate = inbound["streamSettings"]["tlsSettings"]["certificates"][0]
        return {"run_type": "server", "local_addr": "127.0.0.1", "local_port": inbound["port"],
                "remote_addr": "127.0.0.1", "remote_port": 9, "password": [inbound["settings"]["clients"][0]["password"]],
                "ssl": {"cert": certificate["certificateFile"], "key": certificate["keyFile"]}}


class Muxpro(Peer):
    """The program under test."""
    log_level = "info"

    def path(self):
        return self.program


PEERS = {p.name: p for p in (Peer("v2ray", ["-config"]), Peer("xray", ["run", "-c"]), SingBox("sing-box", ["run", "-c"]),
                             ShadowsocksLibev("shadowsocks-libev", [], "ss-server"), Trojan("trojan", ["-c"]))}


def programs(muxpro):
    return {**PEERS, "muxpro": Muxpro("muxpro", ["run", "-c"], os.path.abspath(muxpro))}


def has(need):
    """A peer, a program, or a module of Python."""
    if need in PEERS:
        return PEERS[need].is_there()
    return shutil.which(need) is not None or importlib.util.find_spec(need) is not None


def pinned(program):
    """The version that peers.sh has installed; empty: it comes from elsewhere."""
    try:
        with open(f"{program}.version", encoding="utf-8") as file:
            return file.read().strip().rpartition("@v")[2]
    except FileNotFoundError:
        return ""


def version(peer):
    """muxpro calls itself by the version of Xray whose configurations it takes, too."""
    for words in (["version"], ["--version"], ["-version"], ["-h"]):
        done = subprocess.run([peer.path(), *words], capture_output=True, text=True, check=False)
        first = done.stdout.strip().split("\n")[0]
        if done.returncode == 0 and first:
            own = re.search(rf"\b{peer.name} [\d.]*\d", first)
            told = own[0] if own else first.split("(")[0].strip()
            return f"{peer.name} {pinned(peer.path())}" if told.endswith("unknown") else told
    return peer.name


def versions(of_programs):
    return ", ".join(version(p) for p in of_programs.values() if p.is_there())
