#!/usr/bin/env python3
"""nghttp2.py PORT DIRECTORY W1|W2|W3 key=value ...: h2load against nghttpd, without TLS, over one connection.

Bulk is a download of DIRECTORY/big, and a sub-stream of W3 a GET of DIRECTORY/small, which has one byte.
"""
import os
import re
import resource
import subprocess
import sys
from time import monotonic

WINDOW_BITS = "30"


def print_metric(name, value, unit):
    print(f"{name}\t{value:.6g}\t{unit}", flush=True)


def server_time(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def client_time():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def load(url, requests, at_once, pid):
    """Seconds that so many requests take, and the processor time of client and server."""
    client, server = client_time(), server_time(pid)
    command = ["h2load", "-c", "1", "-t", "1", "-n", str(requests), "-m", str(at_once), "-w", WINDOW_BITS,
               "-W", WINDOW_BITS, url]
    begin = monotonic()
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    took = monotonic() - begin
    if f"{requests} succeeded" not in text:
        sys.exit("h2load: not all requests succeeded")
    finished = re.search(r"finished in ([\d.]+)(us|ms|s),", text)
    if finished:
        took = float(finished[1]) * {"us": 1e-6, "ms": 1e-3, "s": 1}[finished[2]]
    return took, client_time() - client, server_time(pid) - server


def bulk(base, directory, values, at_once):
    size = os.path.getsize(os.path.join(directory, "big"))
    url, pid = base + "/big", int(values["serverpid"])
    warm_up = max(2, at_once)
    took, _, _ = load(url, warm_up, at_once, pid)
    wanted = max(float(values["secs"]) / took * warm_up, float(values["mingib"]) * 2**30 / size)
    requests = -(-int(wanted) // at_once) * at_once
    took, client, server = load(url, max(requests, at_once), at_once, pid)
    gibibytes = requests * size / 2**30
    print_metric("MBps", requests * size / 1e6 / took, "MB/s")
    print_metric("secs", took, "s")
    print_metric("cpu_client_per_GiB", client / gibibytes, "s/GiB")
    print_metric("cpu_server_per_GiB", server / gibibytes, "s/GiB")
    print_metric("cpu_per_GiB", (client + server) / gibibytes, "s/GiB")


def visits(base, values, at_once):
    url, pid = base + "/small", int(values["serverpid"])
    took, _, _ = load(url, 2000, at_once, pid)
    requests = int(float(values["secs"]) / took * 2000)
    took, client, server = load(url, requests, at_once, pid)
    print_metric("streams_per_s", requests / took, "1/s")
    print_metric("cpu_us_per_stream", (client + server) * 1e6 / requests, "us")


def main():
    if len(sys.argv) < 4:
        sys.exit("usage: nghttp2.py PORT DIRECTORY WORKLOAD key=value ...")
    port, directory, workload = sys.argv[1:4]
    values = {"secs": "5", "mingib": "4", **dict(word.split("=", 1) for word in sys.argv[4:])}
    base = f"http://127.0.0.1:{port}"
    if workload in ("W1", "W2"):
        bulk(base, directory, values, int(values.get("streams", 1 if workload == "W1" else 64)))
    elif workload == "W3":
        visits(base, values, int(values.get("streams", 1)))
    else:
        sys.exit(f"'{workload}' is no workload here; it is W1, W2 or W3")


main()
