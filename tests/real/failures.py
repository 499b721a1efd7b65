"""Somebody dies in the middle of a transfer: errors arrive, nothing hangs, the next one is served."""
import resource
import signal
import socket
import struct
import subprocess
import time

from parts import Failed, ends_within, eventually, expect, free_port


def served_again(scene):
    def works():
        try:
            scene.curl("-o", scene.path("again"), scene.url("small"), limit=5)
            return True
        except (Failed, subprocess.TimeoutExpired):
            return False
    eventually(works, 2, "the next request is not served within 2 s")


def server_killed(scene, _):
    """The server is killed: the download fails at once; with a new one the pool works within 2 s"""
    scene.file("large", 2**26)
    scene.file("small", 1000)
    server, _ = scene.pair()
    download = scene.curl_later(scene.url("slow/large"))
    server.kill()
    server.wait()
    expect(ends_within(download, 5, "curl") != 0, "curl took a cut for the end")
    scene.server(scene.server_port)
    served_again(scene)


def target_killed(scene, _):
    """The target is killed: the download fails, the tunnel serves others"""
    scene.file("large", 2**26)
    scene.pair()
    download = scene.curl_later(scene.url("slow/large"))
    scene.web.terminate()
    scene.web.wait()
    expect(ends_within(download, 5, "curl") != 0, "curl took a cut for the end")
    scene.file("small", 1000)
    scene.start("nginx", ["nginx", "-p", scene.run, "-c", scene.path("nginx.conf")], scene.port)
    served_again(scene)


def client_killed(scene, _):
    """The client program is killed: the download fails, the server serves the next one"""
    scene.file("large", 2**26)
    scene.file("small", 1000)
    _, client = scene.pair()
    download = scene.curl_later(scene.url("slow/large"))
    client.kill()
    client.wait()
    expect(ends_within(download, 5, "curl") != 0, "curl took a cut for the end")
    scene.client()
    served_again(scene)


def drained(scene, _):
    """SIGTERM to both: a download goes on to its end, then they exit with 0"""
    scene.file("large", 2**23)
    server, client = scene.pair()
    download = scene.curl_later(scene.url("slow/large"))
    client.send_signal(signal.SIGTERM)
    server.send_signal(signal.SIGTERM)
    expect(ends_within(download, 20, "curl") == 0, "the download was cut")
    expect(ends_within(client, 5, "the client") == 0, "the client's exit status is not 0")
    expect(ends_within(server, 5, "the server") == 0, "the server's exit status is not 0")


def nobody_there(scene, _):
    """No server, no target, a refused one: each is told in its protocol's words"""
    scene.server()
    scene.client()
    closed = free_port()

    def status(proxy, url, *words):
        done = subprocess.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code} %{http_connect}", "--noproxy", "",
                               "--proxy", f"{proxy}://127.0.0.1:{scene.socks}", *words, url], capture_output=True,
                              text=True, timeout=30, check=False)
        return done.returncode, done.stdout

    code, said = status("http", f"http://127.0.0.1:{closed}/")
    expect(said.startswith("502"), f"HTTP said {said} of a target that refuses")
    code, _ = status("socks5h", f"http://127.0.0.1:{closed}/")
    expect(code != 0, "SOCKS served a target that refuses")
    scene.processes[1].kill()
    scene.processes[1].wait()
    code, said = status("http", scene.url("small"))
    expect(said.startswith("502") or said.startswith("504"), f"HTTP said {said} without a server")


def memory(process, what):
    """Bytes, from the lines of /proc/PID/status."""
    with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(f"{what}:"))


def stuck_upload(scene, target, block):
    """A connection through the tunnel to one that reads nothing, with all the bytes in it that it takes."""
    s = socket.create_connection(("127.0.0.1", scene.socks), 5)
    s.sendall(b"\x05\x01\x00" + b"\x05\x01\x00\x01\x7f\x00\x00\x01" + struct.pack(">H", target))
    s.settimeout(0.2)
    try:
        while True:
            s.sendall(block)
    except OSError:
        return s


def little_memory(scene, _):
    """The server's address space is nearly used up (RLIMIT_AS) while uploads to a target that reads nothing fill it: it goes on"""
    scene.file("small", 1000)
    server, _ = scene.pair()
    served_again(scene)
    limit = memory(server, "VmSize") + 24 * 2**20
    resource.prlimit(server.pid, resource.RLIMIT_AS, (limit, limit))
    with socket.create_server(("127.0.0.1", 0), backlog=128) as deaf:
        stuck = [stuck_upload(scene, deaf.getsockname()[1], bytes(2**16)) for _ in range(48)]
        expect(server.poll() is None, f"the server ended: {scene.log('server')[-500:]}")
        expect(memory(server, "VmPeak") > limit - 2**21, "the memory was not used up, so this shows nothing")
        for s in stuck:
            s.close()
    time.sleep(0.2)
    expect(server.poll() is None, f"the server ended: {scene.log('server')[-500:]}")
    served_again(scene)
