"""Somebody dies in the middle of a transfer: errors arrive, nothing hangs, the next one is served."""
import re
import resource
import signal
import socket
import struct
import subprocess
import time

from parts import DIRECT, Failed, ends_within, eventually, expect, free_port


def served_again(scene, since):
    """Within 2 s from `since`, all attempts and what starts in between included."""
    end = since + 2

    def works():
        left = end - time.monotonic()
        try:
            scene.curl("--max-time", f"{max(left, 0.001):.3f}", "-o", scene.path("again"), scene.url("small"))
            return True
        except Failed:
            return False
    eventually(works, end - time.monotonic(), "the next request is not served within 2 s")


def server_killed(scene, _):
    """The server is killed: the download fails at once; with a new one the pool works within 2 s"""
    scene.file("large", 2**26)
    scene.file("small", 1000)
    server, _ = scene.pair()
    download = scene.curl_later(scene.url("slow/large"))
    server.kill()
    server.wait()
    expect(ends_within(download, 5, "curl") != 0, "curl took a cut for the end")
    again = time.monotonic()
    scene.server(scene.server_port)
    served_again(scene, again)


def server_away(scene, _):
    """The server is away for 10 s while clients go on asking: back again, it is found within 2 s"""
    scene.file("small", 1000)
    server, _ = scene.pair()
    server.kill()
    server.wait()
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            scene.curl("--max-time", "0.5", "-o", scene.path("never"), scene.url("small"))
        except Failed:
            time.sleep(0.1)
    again = time.monotonic()
    scene.server(scene.server_port)
    served_again(scene, again)


def target_killed(scene, _):
    """The target is killed: the download fails, the tunnel serves others"""
    scene.file("large", 2**26)
    scene.pair()
    download = scene.curl_later(scene.url("slow/large"))
    scene.web.terminate()
    scene.web.wait()
    expect(ends_within(download, 5, "curl") != 0, "curl took a cut for the end")
    scene.file("small", 1000)
    again = time.monotonic()
    scene.start("nginx", ["nginx", "-p", scene.run, "-c", scene.path("nginx.conf")], scene.port)
    served_again(scene, again)


def client_killed(scene, _):
    """The client program is killed: the download fails, the server lets go of it all, serves the next one"""
    scene.file("large", 2**26)
    scene.file("small", 1000)
    status = free_port()
    scene.server(None, "--status", f"127.0.0.1:{status}")
    client = scene.client()

    def held():
        """Main connections and sub-streams, by both of its reports."""
        mains = scene.status(status)["inbounds"][0]["main_connections"]
        metrics = scene.status(status, "metrics")
        gauges = [int(re.search(rf"^muxpro_{name}{{.*}} (\d+)$", metrics, re.M)[1])
                  for name in ("main_connections", "sub_streams", "connections")]
        return [len(mains), sum(m["streams"] for m in mains), *gauges]

    download = scene.curl_later(scene.url("slow/large"))
    expect(held() == [1, 1, 1, 1, 1], f"one download, and the server holds {held()}")
    client.kill()
    client.wait()
    eventually(lambda: held() == [0, 0, 0, 0, 0], 2, "the server still holds what is gone")
    expect(ends_within(download, 5, "curl") != 0, "curl took a cut for the end")
    again = time.monotonic()
    scene.client()
    served_again(scene, again)


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


def refusals(scene, port):
    """What curl makes of a target that refuses, by each way in: its exit status, its words, the status codes
    of the answer and of CONNECT's."""
    def ask(proxy, *words):
        done = subprocess.run(["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code} %{http_connect}",
                               "--noproxy", "", "--proxy", f"{proxy}://127.0.0.1:{scene.socks}", *words,
                               f"http://127.0.0.1:{port}/"],
                              capture_output=True, text=True, timeout=30, check=False)
        return done.returncode, done.stderr.strip(), done.stdout

    return {**{proxy: ask(proxy) for proxy in ("socks4", "socks4a", "socks5", "socks5h")},
            "CONNECT": ask("http", "--proxytunnel"), "plain": ask("http")}


def are_told(said, socks5):
    """That nothing was reached, in the words of each way in; `socks5` is the reply of SOCKS 5."""
    for name in ("socks4", "socks4a"):
        expect(said[name][0] == 97 and "(91)" in said[name][1], f"{name} said {said[name]}")
    for name in ("socks5", "socks5h"):
        expect(said[name][0] == 97 and said[name][1].endswith(f"({socks5})"), f"{name} said {said[name]}")
    expect(said["CONNECT"][2] == "000 502", f"CONNECT said {said['CONNECT']}")
    expect(said["plain"] == (0, "", "502 000"), f"a plain request said {said['plain']}")


def target_refuses(scene, _):
    """No target: a direct outbound reports it to all clients; mux, whose protocol confirms no target, lets SOCKS and
    CONNECT succeed and cuts them without a byte, and plain requests get their 502"""
    closed = free_port()
    scene.configured({}, [DIRECT])
    are_told(refusals(scene, closed), 5)
    scene.pair()
    said = refusals(scene, closed)
    for name in ("socks4", "socks4a", "socks5", "socks5h"):
        # It sends its request, or does not get so far.
        expect(said[name][0] in (52, 55, 56) and said[name][2] == "000 000", f"{name} said {said[name]}")
    status, _, codes = said["CONNECT"]
    expect(status in (52, 55, 56) and codes == "000 200", f"CONNECT said {said['CONNECT']}")
    expect(said["plain"] == (0, "", "502 000"), f"a plain request said {said['plain']}")
    eventually(lambda: scene.log("server").count(f"to tcp:127.0.0.1:{closed}: 0 bytes up, 0 down") == 6, 2,
               "the server's log does not have the six dials")


def nobody_there(scene, _):
    """No server: all clients get an error"""
    scene.server_port = free_port()
    scene.client()
    are_told(refusals(scene, scene.port), 4)


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
    served_again(scene, time.monotonic())
    limit = memory(server, "VmSize") + 24 * 2**20
    resource.prlimit(server.pid, resource.RLIMIT_AS, (limit, limit))
    with socket.create_server(("127.0.0.1", 0), backlog=128) as deaf:
        stuck = [stuck_upload(scene, deaf.getsockname()[1], bytes(2**16)) for _ in range(48)]
        expect(server.poll() is None, f"the server ended: {scene.log('server')[-500:]}")
        expect(memory(server, "VmPeak") > limit - 2**21, "the memory was not used up, so this shows nothing")
        for s in stuck:
            s.close()
    free = time.monotonic()
    served_again(scene, free)
    time.sleep(0.2)
    expect(server.poll() is None, f"the server ended: {scene.log('server')[-500:]}")
