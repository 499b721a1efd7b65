"""The loopback network that the programs are measured on."""
import ctypes
import os
import shutil
import subprocess

CLONE_NEWNET = 0x40000000
CONTROL = "cubic"  # the kernel's own default; BBR paces what never leaves the machine


def enter():
    """As root: a network of this process and its children alone, whose connections use CONTROL."""
    if os.geteuid() != 0 or not shutil.which("ip"):
        return
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        return
    ip("link", "set", "lo", "up")
    for target in ("127.0.0.0/8", "127.0.0.1"):
        ip("route", "change", "local", target, "dev", "lo", "table", "local", "proto", "kernel", "scope", "host",
           "src", "127.0.0.1", "congctl", CONTROL)


def ip(*words):
    subprocess.run(["ip", *words], check=True)


def congestion_control():
    """What a connection over loopback uses."""
    if shutil.which("ip"):
        shown = subprocess.run(["ip", "route", "show", "table", "local", "127.0.0.1"], capture_output=True, text=True,
                               check=False).stdout.split()
        if "congctl" in shown:
            return shown[shown.index("congctl") + 1]
    with open("/proc/sys/net/ipv4/tcp_congestion_control", encoding="ascii") as file:
        return file.read().strip()
