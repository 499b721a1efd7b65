"""The parts around the program: processes that do not outlive a case, ports, the target's files."""
import base64
import hashlib
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request

BUILD = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", "build", "tests"))
DIRECT = {"tag": "direct", "protocol": "freedom", "settings": {"allowPrivate": True}}

NGINX = """
master_process off;
daemon off;
pid {run}/nginx.pid;
error_log stderr crit;
events {{ worker_connections 1024; }}
http {{
  access_log off; default_type application/octet-stream; types {{ text/html html; }}
  client_body_temp_path {run}/t1; proxy_temp_path {run}/t2; fastcgi_temp_path {run}/t3; uwsgi_temp_path {run}/t4;
  scgi_temp_path {run}/t5;
  server {{
    listen 127.0.0.1:{port}; listen 127.0.0.1:{tls_port} ssl;
    ssl_certificate {run}/server.pem; ssl_certificate_key {run}/server.key;
    root {run}/www;
    location /slow/ {{ alias {run}/www/; limit_rate 4m; }}
  }}
}}
"""


class Failed(Exception):
    """What is wrong, in one sentence."""


def expect(condition, sentence):
    if not condition:
        raise Failed(sentence)


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def eventually(condition, seconds, sentence):
    """The time is for all attempts together: one that succeeds too late has failed as well."""
    end = time.monotonic() + seconds
    while True:
        met = condition()
        expect(time.monotonic() < end, sentence)
        if met:
            return
        time.sleep(0.02)


def tool(name):
    """Where it is. run.sh has installed all that the cases need, so that none is left out."""
    path = shutil.which(name)
    expect(path, f"{name} is not installed")
    return path


def in_url(account):
    """"user:password" as it stands in front of a host."""
    return urllib.parse.quote(account, safe=":") + "@"


def listens(port):
    with open("/proc/net/tcp", encoding="ascii") as file:
        return any(f[1].endswith(f":{port:04X}") and f[3] == "0A" for f in map(str.split, file))


class Scene:
    """A directory, a web server, and whatever a case starts; with `with`, nothing is left."""

    def __init__(self, program):
        self.program = os.path.abspath(program)
        self.run = tempfile.mkdtemp(prefix="muxpro-real-")
        self.processes = []
        self.secrets = []
        self.port, self.tls_port = free_port(), free_port()
        os.makedirs(self.path("www"))

    def __enter__(self):
        self.certificates()
        with open(self.path("nginx.conf"), "w", encoding="utf-8") as file:
            file.write(NGINX.format(run=self.run, port=self.port, tls_port=self.tls_port))
        self.web = self.start("nginx", ["nginx", "-p", self.run, "-c", self.path("nginx.conf")], self.port)
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.kill()
            process.wait()
        shutil.rmtree(self.run, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.run, name)

    def certificates(self):
        """An authority, and certificates from it for the server and for a client."""
        def openssl(*words):
            subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=self.run)

        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")
        openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=authority")
        for name, alternative in (("server", "IP:127.0.0.1,DNS:localhost"), ("client", "DNS:client")):
            openssl("req", "-x509", *key, "-CA", "ca.pem", "-CAkey", "ca.key", "-keyout", f"{name}.key", "-out",
                    f"{name}.pem", "-subj", f"/CN={name}", "-addext", f"subjectAltName={alternative}", "-addext",
                    "basicConstraints=critical,CA:FALSE")

    def start(self, name, command, port=None):
        with open(self.path(f"{name}.log"), "ab") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        self.processes.append(process)
        if port:
            eventually(lambda: listens(port) or process.poll() is not None, 10, f"{name} does not listen")
            expect(process.poll() is None, f"{name} ended: {self.log(name).strip()}")
        return process

    def account(self, user, password):
        """"user:password"; no log may hold the password, in whatever form it came."""
        both = f"{user}:{password}"
        self.secrets += [password, urllib.parse.quote(password), base64.b64encode(both.encode()).decode()]
        return both

    def tells_no_secrets(self):
        """What all parts have written, in this case's directory."""
        for name in os.listdir(self.run):
            if name.endswith((".log", ".txt")):
                with open(self.path(name), encoding="utf-8", errors="replace") as file:
                    said = file.read()
                expect(not any(secret in said for secret in self.secrets), f"{name} shows a password")

    def log(self, name):
        with open(self.path(f"{name}.log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def file(self, name, size):
        """A file for the web server; its SHA-256."""
        digest = hashlib.sha256()
        with open(self.path(f"www/{name}"), "wb") as file:
            for start in range(0, size, 2**20):
                block = os.urandom(min(2**20, size - start))
                digest.update(block)
                file.write(block)
        return digest.hexdigest()

    def server(self, port=None, *flags):
        self.server_port = port or free_port()
        return self.start("server", [self.program, "server", "--listen", f"127.0.0.1:{self.server_port}",
                                     "--allow-private", *flags], self.server_port)

    def client(self, *flags):
        self.socks = free_port()
        return self.start("client", [self.program, "client", "--socks", f"127.0.0.1:{self.socks}", "--connect",
                                     f"127.0.0.1:{self.server_port}", *flags], self.socks)

    def pair(self):
        return self.server(), self.client()

    def configured(self, inbound, outbounds, name="run", **more):
        """`muxpro run`, with one inbound for SOCKS and HTTP; its access log is the file NAME.access.txt."""
        self.socks = free_port()
        self.config(inbound, outbounds, name, **more)
        return self.start(name, [self.program, "run", "-c", self.path(f"{name}.json")], self.socks)

    def config(self, inbound, outbounds, name="run", **more):
        with open(self.path(f"{name}.json"), "w", encoding="utf-8") as file:
            json.dump({"log": {"access": self.path(f"{name}.access.txt"), "accessFormat": "muxpro", "loglevel": "debug"},
                       "inbounds": [{"tag": "in", "protocol": "mixed", "listen": "127.0.0.1",
                                     "port": self.socks, **inbound}], "outbounds": outbounds, **more}, file)

    def lines(self, name="run"):
        """Of the access log of `muxpro run`."""
        with open(self.path(f"{name}.access.txt"), encoding="utf-8") as file:
            return file.read().splitlines()

    def status(self, port, path="status.json"):
        """What the status port at `port` says."""
        straight = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with straight.open(f"http://127.0.0.1:{port}/{path}", timeout=5) as answer:
            said = answer.read().decode()
        return json.loads(said) if path.endswith(".json") else said

    def chromium(self, url, *words):
        """The page's elements as its scripts have left them, and what the browser said about it."""
        done = subprocess.run([tool("chromium"), "--headless", "--no-sandbox", "--disable-gpu",
                               "--enable-logging=stderr", f"--user-data-dir={self.path('chromium')}", *words,
                               "--dump-dom", url], capture_output=True, text=True, timeout=120, check=False)
        expect(done.returncode == 0, f"chromium ended with {done.returncode}")
        return done.stdout, done.stderr

    def url(self, path, scheme="http"):
        return f"{scheme}://127.0.0.1:{self.tls_port if scheme == 'https' else self.port}/{path}"

    def curl(self, *words, proxy="socks5h", user="", limit=60):
        """Its output. Fails with its sentence if it does."""
        at = f"{proxy}://{user}127.0.0.1:{self.socks}"
        done = subprocess.run(["curl", "-sS", "--fail", "--noproxy", "", "--proxy", at, *words], capture_output=True,
                              timeout=limit, check=False)
        expect(done.returncode == 0, f"curl: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout

    def curl_later(self, *words, user=""):
        """One that runs while other things happen."""
        at = f"socks5h://{user}127.0.0.1:{self.socks}"
        process = subprocess.Popen(["curl", "-sS", "--noproxy", "", "--proxy", at, "-o", self.path("taken"),
                                    *words], stderr=subprocess.PIPE)
        self.processes.append(process)
        eventually(lambda: os.path.exists(self.path("taken")) and os.path.getsize(self.path("taken")) > 2**20, 10,
                   "the download does not get on")
        return process


def sha256_of(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def ends_within(process, seconds, what):
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        raise Failed(f"{what} still hangs after {seconds} s") from None
