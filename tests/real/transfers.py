"""Downloads, uploads and pages through client and server."""
import os
import re
import subprocess

from parts import ends_within, eventually, expect, sha256_of


def each_way_in(scene, _):
    """curl by SOCKS 4, 4a, 5, 5 with names, HTTP CONNECT and a plain request; TLS inside"""
    wanted = scene.file("one", 300_000)
    scene.pair()
    for proxy in ("socks4", "socks4a", "socks5", "socks5h", "http"):
        scene.curl("-o", scene.path("got"), scene.url("one"), proxy=proxy)
        expect(sha256_of(scene.path("got")) == wanted, f"by {proxy} other bytes came")
        scene.curl("-o", scene.path("got"), "--cacert", scene.path("ca.pem"), scene.url("one", "https"), proxy=proxy)
        expect(sha256_of(scene.path("got")) == wanted, f"https by {proxy}: other bytes came")
    scene.curl("--proxytunnel", "-o", scene.path("got"), scene.url("one"), proxy="http")
    expect(sha256_of(scene.path("got")) == wanted, "by CONNECT other bytes came")
    eventually(lambda: scene.log("client").count(" -> ") == 11, 2, "11 connections have not 11 lines in the access log")


def large_download(scene, options):
    """curl takes 128 MiB (1 GiB with --long), and the checksum is right"""
    wanted = scene.file("large", 2**30 if options.long else 2**27)
    scene.pair()
    scene.curl("-o", scene.path("got"), scene.url("large"), limit=300)
    expect(sha256_of(scene.path("got")) == wanted, "other bytes came")


def hundred_at_once(scene, _):
    """100 parallel downloads, each with its checksum"""
    wanted = scene.file("one", 1_000_000)
    scene.pair()
    os.makedirs(scene.path("got"))
    scene.curl("--parallel", "--parallel-immediate", "--parallel-max", "100", "-o", scene.path("got/#1"),
               scene.url("one?[1-100]"), limit=120)
    got = [sha256_of(scene.path(f"got/{n}")) for n in range(1, 101)]
    expect(got == [wanted] * 100, f"{100 - got.count(wanted)} of 100 are not what was sent")


def users(scene, _):
    """Without the password nothing; with it curl is served by SOCKS and HTTP"""
    scene.file("one", 1000)
    scene.server()
    scene.client("--user", scene.account("alice", "wonder land"))
    for proxy in ("socks5h", "http"):
        scene.curl(scene.url("one"), proxy=proxy, user="alice:wonder%20land@")
        for user in ("", scene.account("alice", "looking-glass") + "@", "bob:wonder%20land@"):
            done = subprocess.run(["curl", "-s", "--fail", "--noproxy", "", "--proxy",
                                   f"{proxy}://{user}127.0.0.1:{scene.socks}", scene.url("one")],
                                  capture_output=True, timeout=30, check=False)
            expect(done.returncode != 0 and not done.stdout, f"'{user}' was served by {proxy}")
    expect(" user alice -> " in scene.log("client"), "the log does not name the user")


def certificates(scene, _):
    """TLS between client and server: with the right certificates only"""
    wanted = scene.file("one", 100_000)
    scene.server(None, "--tls-cert", scene.path("server.pem"), "--tls-key", scene.path("server.key"),
                 "--tls-client-ca", scene.path("ca.pem"))
    mine = ("--tls-cert", scene.path("client.pem"), "--tls-key", scene.path("client.key"))
    client = scene.client("--tls", "--tls-ca", scene.path("ca.pem"), *mine)
    scene.curl("-o", scene.path("got"), scene.url("one"))
    expect(sha256_of(scene.path("got")) == wanted, "other bytes came")
    for flags, why in ((("--tls", *mine), "an authority that is not trusted"), ((), "no TLS"),
                       (("--tls", "--tls-ca", scene.path("ca.pem")), "no client certificate")):
        scene.client(*flags)
        done = subprocess.run(["curl", "-s", "--max-time", "10", "--proxy", f"socks5h://127.0.0.1:{scene.socks}",
                               scene.url("one")], capture_output=True, timeout=30, check=False)
        expect(done.returncode != 0 and not done.stdout, f"{why}, and curl was served")
    client.terminate()
    expect(ends_within(client, 5, "the client") == 0, "the client's exit status is not 0")
    eventually(lambda: " user client: " in scene.log("server"), 2, "the log does not name the user of the certificate")


def many_small(scene, _):
    """wrk through the HTTP inbound: no errors"""
    scene.file("small", 1000)
    scene.pair()
    with open(scene.path("absolute.lua"), "w", encoding="utf-8") as file:
        file.write(f'wrk.path = "{scene.url("small")}"\n')
    done = subprocess.run(["wrk", "-t1", "-c20", "-d3", "-s", scene.path("absolute.lua"),
                           f"http://127.0.0.1:{scene.socks}/"], capture_output=True, text=True, timeout=60, check=True)
    requests = re.search(r"(\d+) requests in", done.stdout)
    expect(requests and int(requests[1]) > 100, f"wrk got through only {requests and requests[1]} requests")
    expect("Non-2xx" not in done.stdout and "Socket errors" not in done.stdout, done.stdout.strip())


def browser(scene, _):
    """Chromium loads a page with 60 resources by SOCKS"""
    for n in range(60):
        with open(scene.path(f"www/{n}.js"), "w", encoding="utf-8") as file:
            file.write(f"loaded.push({n});\n")
    with open(scene.path("www/page.html"), "w", encoding="utf-8") as file:
        file.write("<!doctype html><title>page</title><script>const loaded = [];</script>")
        file.write("".join(f"<script src='{n}.js'></script>" for n in range(60)))
        file.write("<script>document.title = loaded.length + ' loaded';</script>")
    scene.pair()
    page, _ = scene.chromium(scene.url("page.html"), "--proxy-bypass-list=<-loopback>",
                             f"--proxy-server=socks5://127.0.0.1:{scene.socks}")
    expect("<title>60 loaded</title>" in page, "not everything was loaded")
    expect(scene.log("client").count(" -> ") > 0, "it did not go through the tunnel")
