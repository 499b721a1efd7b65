"""What the log says of a connection, and what it never says."""
import re
import subprocess

from parts import DIRECT, eventually, expect, free_port, in_url

STAMP = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}"


def numbers(said, line, what):
    """What stands in the parentheses of `line`, which is the whole of one line among those that were said."""
    found = []

    def there():
        found[:] = [match for match in (re.fullmatch(line, text) for text in said()) if match]
        return found

    eventually(there, 2, f"no line is {what}: {line}")
    expect(len(found) == 1, f"{len(found)} lines are {what}: {line}")
    return [float(number) for number in found[0].groups()]


def get(scene, port, user="", proxy="socks5h"):
    """The port that curl has called from, whatever becomes of it."""
    done = subprocess.run(["curl", "-s", "-o", "/dev/null", "-w", "%{local_port}", "--noproxy", "", "--proxy",
                           f"{proxy}://{user}127.0.0.1:{scene.socks}", f"http://127.0.0.1:{port}/small"],
                          capture_output=True, text=True, timeout=30, check=False)
    return done.stdout


def lines(scene, _):
    """Each connection has a line: source, user, target, route, sub-stream, bytes, time, end; the server's too"""
    scene.file("small", 100_000)
    closed, user = free_port(), scene.account("alice", "off-with-her-head")
    host, sizes = r"127\.0\.0\.1", r"(\d+) bytes up, (\d+) down, (\d+\.\d{3}) s"
    scene.server()
    scene.client("--user", user)
    source = get(scene, scene.port, in_url(user))

    def client():
        return scene.log("client").splitlines()

    def server():
        return scene.log("server").splitlines()

    stream, up, down, took = numbers(
        client, rf"{STAMP} info \d+ {host}:{source} socks user alice -> tcp:{host}:{scene.port} via server "
        rf"sub-stream (\d+): {sizes}, done", "the client's about a download")
    expect(50 < up < 500 and 100_000 < down < 101_000 and took < 5, f"{up} bytes up, {down} down, {took} s")
    theirs = numbers(server, rf"{STAMP} info sub-stream {stream:.0f} of main connection 1 of {host} to "
                     rf"tcp:{host}:{scene.port}: {sizes}, done", "the server's about it")
    expect(theirs[:2] == [up, down], f"the server has counted {theirs[:2]} bytes, the client {[up, down]}")
    source = get(scene, closed, in_url(user))
    other, _, down, _ = numbers(
        client, rf"{STAMP} info \d+ {host}:{source} socks user alice -> tcp:{host}:{closed} via server "
        rf"sub-stream (\d+): {sizes}, the peer reports that the destination is unreachable",
        "the client's about one that refuses")
    expect(other != stream and down == 0, f"sub-stream {other}, {down} bytes down")
    numbers(server, rf"{STAMP} info sub-stream {other:.0f} of main connection 1 of {host} to "
            rf"tcp:{host}:{closed}: {sizes}, the destination is unreachable", "the server's about it")

    outbounds = [{"tag": "far", "protocol": "mux.pro",
                  "settings": {"address": "127.0.0.1", "port": scene.server_port}},
                 DIRECT, {"tag": "nowhere", "protocol": "blackhole"}]
    rules = [{"port": str(port), "outboundTag": tag}
             for port, tag in ((scene.port, "direct"), (closed, "nowhere"))]
    scene.configured({}, outbounds, routing={"rules": rules})
    source = get(scene, scene.port, proxy="http")
    up, down, took = numbers(
        scene.lines, rf"{STAMP} \d+ {host}:{source} in -> tcp:{host}:{scene.port} \(http/1\.1\) via direct: "
        rf"{sizes}, done", "that of `run` about a download")
    expect(50 < up < 500 and 100_000 < down < 101_000 and took < 5, f"{up} bytes up, {down} down, {took} s")
    source = get(scene, closed)
    numbers(scene.lines, rf"{STAMP} \d+ {host}:{source} in -> tcp:{host}:{closed} via nowhere: {sizes}, "
            "the destination was rejected", "that of `run` about a target that a rule refuses")
    source = get(scene, scene.tls_port)
    stream, _, _, _ = numbers(
        scene.lines, rf"{STAMP} \d+ {host}:{source} in -> tcp:{host}:{scene.tls_port} via far sub-stream "
        rf"(\d+): {sizes}, done", "that of `run` about a sub-stream")
    numbers(server, rf"{STAMP} info sub-stream {stream:.0f} of main connection 2 of {host} to "
            rf"tcp:{host}:{scene.tls_port}: {sizes}, done", "the server's about it")


def secrets(scene, _):
    """Passwords, right and wrong ones, by SOCKS and HTTP, by run, client and server: no log shows them"""
    scene.file("small", 1000)
    outer, inner = scene.account("alice", "curiouser and curiouser"), scene.account("hatter", "no room")
    wrong = scene.account("alice", "sentence first")
    scene.server(None, "--log-level", "debug")
    scene.client("--log-level", "debug", "--user", inner)
    behind = [{"tag": "next", "protocol": "socks", "settings": {"servers": [
        {"address": "127.0.0.1", "port": scene.socks, "users": [{"user": "hatter", "pass": "no room"}]}]}}]
    accounts = [{"user": "alice", "pass": "curiouser and curiouser"}]
    scene.configured({"settings": {"accounts": accounts}}, behind)
    for proxy in ("socks5h", "http"):
        scene.curl("-o", scene.path("got"), scene.url("small"), proxy=proxy, user=in_url(outer))
        get(scene, scene.port, in_url(wrong), proxy)
    for name, user in (("client.log", "hatter"), ("run.access.txt", "alice")):
        def named():
            with open(scene.path(name), encoding="utf-8") as file:
                return f" user {user} -> " in file.read()
        eventually(named, 2, f"{name} does not name the user")
    expect(scene.log("server").count("sub-stream ") > 0, "the server's log says nothing")
