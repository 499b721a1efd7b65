"""One run: a fresh server on one processor, a client on another, and how much others disturbed them."""
import os
import socket
import subprocess
import tempfile
import time

TICKS = os.sysconf("SC_CLK_TCK")
PROCESSORS = sorted(os.sched_getaffinity(0))


class Failed(Exception):
    """What went wrong, in one sentence."""


class Disturbance:
    """The share of the machine that programs other than ours and our children use, in per cent."""

    def __init__(self):
        self.begin = time.monotonic()
        self.busy, self.own = self._busy(), self._own()

    def per_cent(self):
        passed = (time.monotonic() - self.begin) * os.cpu_count()
        return max(0.0, (self._busy() - self.busy) - (self._own() - self.own)) / passed * 100

    @staticmethod
    def _busy():
        with open("/proc/stat", encoding="ascii") as file:
            user, nice, system, _, _, irq, softirq, stolen = map(int, file.readline().split()[1:9])
        return (user + nice + system + irq + softirq + stolen) / TICKS

    @staticmethod
    def _own():
        t = os.times()
        return t.user + t.system + t.children_user + t.children_system


def pinned(command, place):
    """The command on one processor: the first for servers, the second, if there is one, for clients."""
    return ["taskset", "-c", str(PROCESSORS[place % len(PROCESSORS)])] + command


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listens(port):
    """Whether somebody listens there, without a connection that the server would see."""
    with open("/proc/net/tcp", encoding="ascii") as file:
        return any(f[1].endswith(f":{port:04X}") and f[3] == "0A" for f in map(str.split, file))


def wait_until_listening(port, server):
    end = time.monotonic() + 5
    while not listens(port):
        if server.poll() is not None:
            raise Failed(f"the server ended with status {server.returncode} before it listened")
        if time.monotonic() > end:
            raise Failed("the server does not listen")
        time.sleep(0.02)


def metrics(text):
    lines = (line.split("\t") for line in text.splitlines())
    return {f[0]: float(f[1]) for f in lines if len(f) == 3}


def call(command, place, time_limit):
    try:
        done = subprocess.run(pinned(command, place), capture_output=True, text=True, timeout=time_limit, check=False)
    except subprocess.TimeoutExpired as e:
        raise Failed(f"not done after {time_limit:.0f} s") from e
    if done.returncode != 0:
        raise Failed((done.stderr.strip() or f"status {done.returncode}").splitlines()[-1])
    return metrics(done.stdout)


def stop(server):
    server.terminate()
    try:
        server.wait(3)
    except subprocess.TimeoutExpired:
        server.kill()


def measure_pair(program, workload, keys, time_limit):
    port = free_port()
    chunk = next((k.split("=")[1] for k in keys if k.startswith("chunk=")), "65536")
    command = []
    for word in program.server:
        command += workload.server_keys if word == "{keys}" else [word.format(port=port, chunk=chunk)]
    with tempfile.TemporaryFile("w+") as said, \
            subprocess.Popen(pinned(command, 0), stdout=subprocess.DEVNULL, stderr=said) as server:
        try:
            wait_until_listening(port, server)
            client = [word.format(port=port) for word in program.client]
            return call([*client, workload.kind, *keys, f"serverpid={server.pid}"], 1, time_limit)
        except Failed as why:
            time.sleep(0.2)  # the server may have more to say
            said.seek(0)
            lines = said.read().strip().splitlines()
            raise Failed("; ".join([str(why), *lines[-1:]])) from why
        finally:
            stop(server)


def measure(program, workload, keys):
    """One run; returns the metrics, with the disturbance as one of them."""
    disturbance = Disturbance()
    time_limit = 10 * workload.seconds + 60
    if workload.local:
        result = call([program.server[0], workload.kind, *keys], 1, time_limit)
    else:
        result = measure_pair(program, workload, keys, time_limit)
    result["others_per_cent"] = disturbance.per_cent()
    return result
