"""Who is measured: how server and client of each are started, and what brings those that are missing."""
import os
import shutil
from dataclasses import dataclass

from workloads import STREAM_POINTS

OURS = "muxpro"
RAW = "raw asio"
PEERS = ("yamux", "smux", "nghttp2")

# Served to nghttp2's client: one file for bulk, one for the smallest answer.
BIG_FILE = 256 * 2**20


@dataclass(frozen=True)
class Program:
    name: str
    server: tuple  # {port}, {chunk} and {keys} are replaced
    client: tuple  # the workload and its keys follow
    workloads: frozenset  # empty: all
    needs: tuple  # files or commands
    packages: str

    def knows(self, workload):
        return not self.workloads or workload.name in self.workloads

    def missing(self):
        return [n for n in self.needs if not (os.path.exists(n) if "/" in n else shutil.which(n))]


def programs(root):
    ours = os.path.join(root, "build/release/bin/mux_bench")
    raw = os.path.join(root, "build/release/bin/raw_asio")
    go = os.path.join(root, "build/bench/peers")
    h2 = os.path.join(root, "tests/bench/peers/nghttp2.py")
    files = www(root)
    tcp = frozenset("W1 W1-256k W2 W2-32 W4-1 W4-64 W7".split()) | {f"streams-{n}" for n in STREAM_POINTS}
    mux = frozenset("W1 W1-256k W2 W2-32 W3-seq W3-64 W4-1 W4-64 W5-1k W5-10k W7".split())
    http = frozenset("W1 W2 W2-32 W3-seq W3-64".split())
    go_packages = "golang-go golang-github-hashicorp-yamux-dev golang-github-xtaci-smux-dev"
    return [
        Program(OURS, (ours, "server", "{port}", "chunk={chunk}", "{keys}"), (ours, "client", "{port}"), frozenset(),
                (ours,), ""),
        Program(RAW, (raw, "server", "{port}", "chunk={chunk}"), (raw, "client", "{port}"), tcp, (raw,), ""),
        Program("yamux", (go, "server", "{port}", "yamux"), (go, "client", "{port}", "yamux"), mux, (go,),
                go_packages),
        Program("smux", (go, "server", "{port}", "smux"), (go, "client", "{port}", "smux"), mux, (go,),
                go_packages),
        Program("nghttp2", ("nghttpd", "-a", "127.0.0.1", "-d", files, "--no-tls", "{port}"),
                ("python3", h2, "{port}", files), http, ("nghttpd", "h2load"), "nghttp2-server nghttp2-client"),
    ]


def www(root):
    return os.path.join(root, "build/bench/www")


def write_files(root):
    """What nghttpd serves."""
    os.makedirs(www(root), exist_ok=True)
    big = os.path.join(www(root), "big")
    if not os.path.exists(big) or os.path.getsize(big) != BIG_FILE:
        block = os.urandom(2**20)
        with open(big, "wb") as file:
            for _ in range(BIG_FILE // len(block)):
                file.write(block)
    with open(os.path.join(www(root), "small"), "wb") as file:
        file.write(b"x")
