"""What a configuration file says, and what happens when it changes."""
import json
import os
import re
import signal
import subprocess

from parts import DIRECT, Failed, ends_within, eventually, expect, free_port, in_url, sha256_of


def rotated(scene, _):
    """Log files are moved away and SIGHUP comes: lines go to new ones, none is lost"""
    scene.file("small", 1000)
    scene.socks = free_port()
    access, log = scene.path("access.txt"), scene.path("log.txt")
    with open(scene.path("config.json"), "w", encoding="utf-8") as file:
        json.dump({"log": {"access": access, "error": log, "loglevel": "info"},
                   "inbounds": [{"tag": "in", "protocol": "mixed", "port": scene.socks, "listen": "127.0.0.1"}],
                   "outbounds": [{"tag": "direct", "protocol": "freedom",
                                  "settings": {"allowPrivate": True}}]}, file)
    proxy = scene.start("client", [scene.program, "run", "-c", scene.path("config.json")], scene.socks)

    def lines(name):
        with open(name, encoding="utf-8") as file:
            return file.read().count(f"127.0.0.1:{scene.port} ")

    def ask():
        scene.curl("-o", scene.path("taken"), scene.url("small"))

    ask()
    eventually(lambda: lines(access) == 1, 2, "the access log has no line")
    os.rename(access, access + ".1")
    os.rename(log, log + ".1")
    ask()
    eventually(lambda: lines(access + ".1") == 2, 2, "the file that was moved away has not the second line")
    proxy.send_signal(signal.SIGHUP)
    eventually(lambda: os.path.exists(access) and os.path.exists(log), 2, "there are no new files")
    ask()
    eventually(lambda: lines(access) == 1, 2, "the new access log has no line")
    expect(lines(access + ".1") == 2, "the old access log has more lines")

    def reloaded():
        with open(log, encoding="utf-8") as file:
            return "reloaded" in file.read()

    eventually(reloaded, 2, "the new log does not say that the file was read again")


def reloaded(scene, _):
    """SIGHUP: other users and rules from then on, open downloads go on; a file with mistakes does nothing"""
    scene.file("small", 1000)
    wanted = scene.file("large", 2**23)
    alice, bob = scene.account("alice", "rabbit hole"), scene.account("bob", "tea party")
    outbounds = [DIRECT, {"tag": "nowhere", "protocol": "blackhole"}]

    def inbound(account):
        user, password = account.split(":")
        return {"settings": {"accounts": [{"user": user, "pass": password}]}}

    def served(user, scheme):
        try:
            scene.curl("-k", "-o", scene.path("got"), scene.url("small", scheme), user=in_url(user))
            return True
        except Failed:
            return False

    def all_served():
        """Both users by both schemes."""
        return [[served(user, scheme) for scheme in ("http", "https")] for user in (alice, bob)]

    proxy = scene.configured(inbound(alice), outbounds)
    expect(all_served() == [[True, True], [False, False]], "before, it is not alice alone who is served")
    download = scene.curl_later(scene.url("slow/large"), user=in_url(alice))

    rule = {"port": str(scene.port), "outboundTag": "nowhere"}
    scene.config(inbound(bob), outbounds, routing={"rules": [rule]})
    expect(all_served() == [[True, True], [False, False]], "the file is read without SIGHUP")
    proxy.send_signal(signal.SIGHUP)
    eventually(lambda: "run.json reloaded" in scene.log("run"), 2, "the log does not say that it was read")
    expect(all_served() == [[False, False], [False, True]], "then not bob alone is served, or the rule fails")

    scene.config(inbound(alice), outbounds, routing={"rules": [{**rule, "outboundTag": "nowere"}]})
    proxy.send_signal(signal.SIGHUP)
    eventually(lambda: "run.json has mistakes and is not reloaded" in scene.log("run"), 2,
               "the log says nothing of mistakes")
    expect(re.search(r"routing\.rules\[0\]\.outboundTag, line 1, column \d+: is 'nowere'", scene.log("run")), "the log does not name it")
    expect(all_served() == [[False, False], [False, True]], "a file with mistakes has changed something")
    expect(download.poll() is None, "the download is over, so this shows nothing")
    expect(ends_within(download, 20, "curl") == 0, "the download was cut")
    expect(sha256_of(scene.path("taken")) == wanted, "other bytes came")


MISTAKES = """{
  // comments are allowed
  "log": {"loglevel": "loud"},
  "inbounds": [{"tag": "in", "protocl": "socks", "listen": "127.0.0.1", "port": 99999}],
  "outbounds": [{"tag": "direct", "protocol": "fredom"}],
  "routing": {"rules": [{"domain": ["regexp:("], "outboundTag": "direct"},
                        {"port": "80", "outboundTag": "direkt"}]}
}"""


TOLD = {
    "log.loglevel": "is 'loud'; it must be one of debug, info, warning, error, none",
    "inbounds[0].protocl": "there is no such key; did you mean 'protocol'?",
    "inbounds[0].protocol": "is missing; it must be the name of a protocol",
    "inbounds[0].port": "is '99999'; it must be a port from 0 to 65535",
    "outbounds[0].protocol": "is 'fredom'; it must be one of freedom, direct, blackhole, block, dns, mux.pro, socks, http, "
                             "vless, vmess, trojan, shadowsocks; did you mean 'freedom'?",
    "routing.rules[0].domain": "is 'regexp:(', it must be a regular expression in RE2's syntax",
    "routing.rules[1].outboundTag": "is 'direkt', it must be one of direct"}
MEANT = {"loud": "info", "protocl": "protocol", "99999": "9999", "fredom": "freedom", "regexp:(": "regexp:",
         "direkt": "direct"}


def checked(scene, _):
    """muxpro check: every mistake with its place and what was meant, and 1; a good file, and 0"""
    def check(text):
        with open(scene.path("config.json"), "w", encoding="utf-8") as file:
            file.write(text)
        done = subprocess.run([scene.program, "check", "-c", scene.path("config.json")], capture_output=True,
                              text=True, timeout=10, check=False)
        return done.returncode, done.stdout.splitlines(), done.stderr.splitlines()

    status, said, mistakes = check(MISTAKES)
    expect(status == 1 and not said, f"of a file with mistakes it says {said}, and ends with {status}")
    for place, what in TOLD.items():
        at = re.compile(re.escape(place) + r'( "\w+")?, line \d+, column \d+: ' + re.escape(what))
        found = [line for line in mistakes if at.match(line)]
        expect(len(found) == 1, f"of {place} it says {mistakes}")
    expect(len(mistakes) == len(TOLD), f"there are {len(TOLD)} mistakes, and it says {mistakes}")

    status, said, mistakes = check('{"inbounds": [')
    expect(status == 1 and len(mistakes) == 1 and mistakes[0].startswith(f"{scene.path('config.json')}: "),
           f"of a file that ends in the middle it says {mistakes}, and ends with {status}")
    good = MISTAKES
    for wrong, right in MEANT.items():
        good = good.replace(wrong, right)
    status, said, mistakes = check(good)
    summary = f"{scene.path('config.json')}: good, 1 inbounds, 1 outbounds, 2 rules"
    expect((status, said, mistakes) == (0, [summary], []),
           f"of a good file it says {said + mistakes}, and ends with {status}")


# The first one is for what no rule names.
BY_NAME = {"outbounds": [{"tag": "nowhere", "protocol": "blackhole"}, DIRECT,
                         {**DIRECT, "tag": "also_direct"}],
           "routing": {"rules": [{"domain": ["full:direct.test"], "outboundTag": "direct"},
                                 {"domain": ["domain:also.test"], "outboundTag": "also_direct"}]}}


def goes_by(scene, port, content, tag):
    """Whether the access log has such a line; the target stays the address that was asked for."""
    line = rf".* in -> tcp:127\.0\.0\.1:{port} \({content}\) via {tag}: .*"
    return any(re.fullmatch(line, said) for said in scene.lines())


def sniffed(scene, _):
    """All names have one address; rules use curl's SNI and Host; the target may be replaced by them"""
    wanted = scene.file("small", 1000)
    sniffing = {"enabled": True, "destOverride": ["http", "tls"]}

    def get(name, scheme):
        """Whether it is served. The proxy is asked for an address, whatever the name."""
        port = scene.tls_port if scheme == "https" else scene.port
        try:
            scene.curl("-k", "--resolve", f"{name}:{port}:127.0.0.1", "-o", scene.path("got"),
                       f"{scheme}://{name}:{port}/small", proxy="socks5")
        except Failed:
            return False
        expect(sha256_of(scene.path("got")) == wanted, "other bytes came")
        return True

    proxy = scene.configured({"sniffing": {**sniffing, "routeOnly": True}}, **BY_NAME)
    for scheme, port, content in (("https", scene.tls_port, "tls"), ("http", scene.port, "http1")):
        for name, tag in (("direct.test", "direct"), ("www.also.test", "also_direct"),
                          ("www.direct.test", "nowhere")):
            expect(not goes_by(scene, port, content, tag), f"something went by {tag} before {name}")
            expect(get(name, scheme) == (tag != "nowhere"), f"{scheme}://{name} should go by {tag}")
            eventually(lambda: goes_by(scene, port, content, tag), 2, f"no line has {name} by {tag}")
    proxy.terminate()
    expect(ends_within(proxy, 5, "run") == 0, "its exit status is not 0")

    scene.configured({"sniffing": {**sniffing, "routeOnly": False}}, [DIRECT], name="renaming")
    expect(get("localhost", "https"), "a name in place of the address is not served")
    renamed = f" -> tcp:localhost:{scene.tls_port} (tls) via direct: "
    eventually(lambda: any(renamed in line for line in scene.lines("renaming")), 2,
               "the target did not become the name")


def sniffed_in_browser(scene, _):
    """The same with Chromium: a page from one name has scripts from two others, one of which goes nowhere"""
    names = ("direct.test", "also.test", "nowhere.test")
    for name in names:
        with open(scene.path(f"www/{name}.js"), "w", encoding="utf-8") as file:
            file.write(f"document.title += ' {name}';\n")
    with open(scene.path("www/page.html"), "w", encoding="utf-8") as file:
        file.write("<!doctype html><title>from</title>")
        for name in names:
            file.write(f"<script src='https://{name}:{scene.tls_port}/{name}.js'></script>")
    scene.configured({"sniffing": {"enabled": True, "destOverride": ["tls"], "routeOnly": True}}, **BY_NAME)
    # By SOCKS 4 it asks for addresses.
    page, _ = scene.chromium(f"https://direct.test:{scene.tls_port}/page.html", "--ignore-certificate-errors",
                             f"--proxy-server=socks4://127.0.0.1:{scene.socks}",
                             "--host-resolver-rules=MAP *.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
    expect("<title>from direct.test also.test</title>" in page, f"the page is {page[:300]}")
    for tag in ("direct", "also_direct", "nowhere"):
        eventually(lambda: goes_by(scene, scene.tls_port, "tls", tag), 5, f"no line has something by {tag}")


def open_to_nobody(scene, _):
    """An open address needs accounts, or openToAll: otherwise it does not start"""
    def start(*words):
        return scene.start("client", [scene.program, *words])

    def config(**more):
        with open(scene.path("config.json"), "w", encoding="utf-8") as file:
            json.dump({"inbounds": [{"tag": "in", "protocol": "mixed", "port": free_port(), "listen": "0.0.0.0", **more}],
                       "outbounds": [{"protocol": "freedom"}]}, file)
        return "-c", scene.path("config.json")

    everywhere = f"0.0.0.0:{free_port()}"
    cases = {"server": lambda: ("server", "--listen", everywhere),
             "client": lambda: ("client", "--connect", "127.0.0.1:1", "--socks", everywhere),
             "run": lambda: ("run", *config()), "check": lambda: ("check", *config())}
    for name, words in cases.items():
        status = {"server": 2, "client": 2, "run": 23, "check": 1}[name]  # 23: as Xray
        expect(ends_within(start(*words()), 5, name) == status, f"{name} starts")
    expect(ends_within(start("check", *config(openToAll=True)), 5, "check") == 0, "it was meant, and check refuses")
    for words in (cases["server"]() + ("--open-to-all",), cases["client"]() + ("--open-to-all",),
                  ("run", *config(openToAll=True))):
        process = start(*words)
        try:
            process.wait(0.3)
        except subprocess.TimeoutExpired:
            process.terminate()
            expect(ends_within(process, 5, words[0]) == 0, f"{words[0]} ends badly")
        else:
            expect(False, f"{words[0]} does not start, and it was meant")
