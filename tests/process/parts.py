"""A case's directory, the programs that it starts, certificates and clients. Python 3 and openssl are enough."""
import contextlib
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

DIRECT = {"tag": "direct", "protocol": "freedom"}
SLOW = float(os.environ.get("MUXPRO_SLOW", "1"))  # how much slower than usual this machine is
PATIENCE = 20 * SLOW  # seconds, for machines that are busy
NOISE = 0.2  # seconds that a request may take on such a machine, whatever else happens


class Failed(Exception):
    """What is wrong, in one sentence."""


def expect(condition, sentence):
    if not condition:
        raise Failed(sentence)


def eventually(condition, sentence):
    end = time.monotonic() + PATIENCE
    while not condition():
        expect(time.monotonic() < end, sentence)
        time.sleep(0.02)


def p99(measure, count=100):
    """Of what `measure()` returns in `count` calls."""
    return sorted(measure() for _ in range(count))[-1 - count // 100]


def expect_undisturbed(alone, beside):
    """The p99 of an honest user's requests, in seconds, without an attacker and beside one."""
    expect(beside < max(2 * alone, NOISE), f"p99 is {beside:.3f} s beside the attacker, {alone:.3f} s without")
    print(f"p99 {alone * 1000:.1f} ms alone, {beside * 1000:.1f} ms beside the attacker")


def free_port():
    """Below those that the system gives to connections, one of which could take it before a program listens there."""
    while True:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", random.randrange(10_000, 32_000)))
            return probe.getsockname()[1]


def connect(port, source="127.0.0.1"):
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE, source_address=(source, 0))


def socks(tag="in", **more):
    return {"tag": tag, "protocol": "socks", "listen": "127.0.0.1", "port": 0, **more}


def without_positions(told):
    """What muxpro prints of a configuration, with paths alone as places."""
    return re.sub(r'^(\S+)(?: "[^"]*")?, line \d+, column \d+: ', r"\1: ", told, flags=re.M).strip()


class Scene:
    """With `with`, nothing is left of what a case starts and writes."""

    def __init__(self, program):
        self.program = os.path.abspath(program)
        self.directory = tempfile.mkdtemp(prefix="muxpro-process-")
        self.processes = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.directory, name)

    def config(self, *inbounds, outbounds=(DIRECT,), **more):
        """The path of a configuration file."""
        text = json.dumps({"log": {"loglevel": "info", "accessFormat": "muxpro"}, "inbounds": inbounds, "outbounds": outbounds, **more})
        with open(self.path("config.json"), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path("config.json")

    def text(self, name):
        try:
            with open(self.path(name), encoding="utf-8", errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def spawn(self, *words, stderr=None, env=None):
        """Its standard output goes to the file "out", its standard error to "err" unless `stderr` is given."""
        with open(self.path("out"), "w", encoding="utf-8") as out, open(self.path("err"), "w", encoding="utf-8") as err:
            process = subprocess.Popen([self.program, *words], stdin=subprocess.DEVNULL, stdout=out,
                                       stderr=err if stderr is None else stderr, env={**os.environ, **(env or {})})
        self.processes.append(process)
        return process

    def started_by_shell(self, line):
        process = subprocess.Popen(["sh", "-c", line])
        self.processes.append(process)
        return process

    def start(self, *words, lines=1, **how):
        """Until it has printed `lines` places that it listens on."""
        process = self.spawn(*words, **how)
        eventually(lambda: self.text("out").count("\n") >= lines or process.poll() is not None,
                   f"{words[0]} does not listen")
        expect(process.poll() is None, f"{words[0]} ended: {self.text('err').strip()}")
        return process

    def places(self):
        """What stands behind " on " in the lines of standard output."""
        return [line.split(" on ", 1)[1] for line in self.text("out").splitlines() if " on " in line]

    def port(self):
        return int(self.places()[0].split(",")[0].rsplit(":", 1)[1])

    def check(self, path, env=None):
        """muxpro check: its status, and all that it prints."""
        done = subprocess.run([self.program, "check", "-c", path], capture_output=True, text=True, timeout=PATIENCE,
                              env={**os.environ, **(env or {})}, check=False)
        return done.returncode, without_positions(done.stdout + done.stderr)

    def ends_by_itself(self, *words, env=None):
        """The status and the standard error of a program that cannot start."""
        process = self.spawn(*words, env=env)
        try:
            status = process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise Failed(f"{words[0]} has started") from None
        return status, without_positions(self.text("err"))

    def certificate(self, name, subject=None, kind="ec"):
        """A self-signed certificate NAME.pem with its key NAME.key."""
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"] if kind == "ec" else ["-newkey", "rsa:2048"]
        subprocess.run(["openssl", "req", "-x509", *key, "-nodes", "-days", "2", "-keyout", self.path(f"{name}.key"),
                        "-out", self.path(f"{name}.pem"), "-subj", f"/CN={subject or name}", "-addext",
                        "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)

    def put(self, name, from_name):
        """As an operator does it: by a new file in the old one's place."""
        shutil.copy(self.path(from_name), self.path(f"{name}.new"))
        os.rename(self.path(f"{name}.new"), self.path(name))

    def shown_certificate(self, port):
        """The common name that a TLS listener shows to a new connection."""
        done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}"], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=PATIENCE, check=False)
        found = [line for line in done.stdout.splitlines() if line.startswith("subject=")]
        return found[0].replace(" ", "").rpartition("CN=")[2] if found else ""

    def ends_in_order(self, process):
        process.send_signal(signal.SIGTERM)
        expect(process.wait(PATIENCE) == 0, f"after SIGTERM it ends with {process.returncode}")

