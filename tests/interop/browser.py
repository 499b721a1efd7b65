"""Chromium as a client: a page opens WebSockets to a server and speaks VLESS in them. `tests/interop/peers.sh chromium`
fetches it."""
import http.server
import json
import queue
import subprocess
import threading

from chains import Recorder
from keyed import ID, vless
from parts import PATIENCE, expect, free_port
from traffic import echo, target

PAGE = """<!doctype html><script>
const how = HOW;

function joined(...parts) {
  const all = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  parts.reduce((at, part) => (all.set(part, at), at + part.length), 0);
  return all;
}
const bytes = text => new TextEncoder().encode(text);
const text = all => new TextDecoder().decode(all);
const head = port => joined([0], how.id, [0, 1, port >> 8, port & 255, 1, 127, 0, 0, 1]);
const forUrls = all => btoa(String.fromCharCode(...all)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const request = bytes("GET / HTTP/1.1\\r\\nHost: target.test\\r\\n\\r\\n");
const pause = ms => new Promise(done => setTimeout(done, ms));

function expect(condition, sentence) {
  if (!condition) throw new Error(sentence);
}

class Line {
  constructor(url, protocols = []) {
    this.got = new Uint8Array();
    this.wake = () => {};
    this.socket = new WebSocket(url, protocols);
    this.socket.binaryType = "arraybuffer";
    this.opened = new Promise((done, failed) => {
      this.socket.onopen = done;
      this.socket.onerror = () => failed(new Error("it is not opened"));
    });
    this.opened.catch(() => {});
    this.closed = new Promise(done => this.socket.onclose = event => { this.end = event; this.wake(); done(event); });
    this.socket.onmessage = event => { this.got = joined(this.got, new Uint8Array(event.data)); this.wake(); };
  }
  async read(size) {
    while (this.got.length < size && !this.end) await new Promise(done => this.wake = done);
    expect(this.got.length >= size, `it ends after ${this.got.length} of ${size} bytes`);
    const part = this.got.slice(0, size);
    this.got = this.got.slice(size);
    return part;
  }
  async ends() {
    const end = await this.closed;
    expect(end.wasClean && end.code === 1000, `it ends with ${end.code}, ${end.wasClean ? "" : "not "}clean`);
  }
}

async function toEcho(first) {
  const line = new Line(how.url);
  await line.opened;
  line.socket.send(joined(head(how.echo), bytes(first)));
  const answer = text(await line.read(2 + first.length));
  expect(answer === "\\0\\0" + first, `the echo is ${answer}`);
  return line;
}

async function expectAnswer(line) {
  const answer = text(await line.read(2 + how.answer.length));
  expect(answer === "\\0\\0" + how.answer, `the answer is ${answer}`);
  await line.ends();
}

const cases = {
  async "a request of HTTP, whose answer ends with a Close of the server"() {
    const line = new Line(how.url);
    await line.opened;
    line.socket.send(joined(head(how.target), request));
    await expectAnswer(line);
  },
  async "a head and a request in messages of their own"() {
    const line = new Line(how.url);
    await line.opened;
    for (const part of [head(how.target).slice(0, 5), head(how.target).slice(5), request]) line.socket.send(part);
    await expectAnswer(line);
  },
  async "early data"() {
    const early = forUrls(joined(head(how.target), request));
    const line = new Line(how.url, [early]);
    await line.opened;
    expect(line.socket.protocol === early, `the server has chosen ${line.socket.protocol}`);
    await expectAnswer(line);
  },
  async "text, blobs and a large message"() {
    const line = await toEcho("one");
    line.socket.send("two");
    line.socket.send(new Blob(["th", "ree"]));
    expect(text(await line.read(8)) === "twothree", "the echo is wrong");
    const large = new Uint8Array(3_000_000);
    for (let at = 0; at < large.length; at += 65536) crypto.getRandomValues(large.subarray(at, at + 65536));
    line.socket.send(large);
    const back = await line.read(large.length);
    expect(back.every((byte, at) => byte === large[at]), "a large message comes back wrong");
    line.socket.close();
    await line.ends();
  },
  async "an idle connection, with pings"() {
    const line = await toEcho("one");
    await pause(3000);
    line.socket.send("two");
    expect(text(await line.read(3)) === "two", "the echo is wrong");
    line.socket.close(1000, "that is all");
    await line.ends();
  },
  async "a hundred at a time"() {
    const lines = await Promise.all(Array.from({length: 100}, (_, n) => toEcho(`this is ${n}`)));
    lines.forEach(line => line.socket.close());
    await Promise.all(lines.map(line => line.ends()));
  },
  async "another path is refused"() {
    const line = new Line(how.url.replace("/chat", "/other"));
    expect((await line.closed).code === 1006, "it is served");
  },
};

async function run() {
  const outcomes = {};
  for (const [name, work] of Object.entries(cases)) {
    const late = pause(how.patience).then(() => { throw new Error("it takes too long"); });
    late.catch(() => {});
    outcomes[name] = await Promise.race([work(), late]).then(() => "ok", why => why.message);
  }
  await fetch("/outcomes", {method: "POST", body: JSON.stringify(outcomes)});
}
run();
</script>"""
ANSWER = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


def serve_page(how):
    """A server of the page, and the queue that gets what the page has found."""
    outcomes = queue.Queue()

    class Site(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            page = PAGE.replace("HOW", json.dumps(how), 1).encode() if self.path == "/page" else b""
            self.answer("text/html", page)

        def do_POST(self):
            outcomes.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.answer("text/plain", b"")

        def answer(self, kind, body):
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    site = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=site.serve_forever, daemon=True).start()
    return site, outcomes


def chromium(scene, *words):
    return ["chromium", "--headless", "--no-sandbox", "--no-first-run", "--disable-gpu", "--disable-dev-shm-usage",
            "--disable-background-networking", "--disable-component-update", "--ignore-certificate-errors",
            f"--user-data-dir={scene.path('browser')}", *words]


def open_page(scene, url):
    with open(scene.path("browser.log"), "w", encoding="utf-8") as log:
        scene.processes.append(subprocess.Popen(chromium(scene, url), stdin=subprocess.DEVNULL, stdout=log, stderr=log))


def shown_page(scene, url, *words):
    """The elements of a page."""
    done = subprocess.run(chromium(scene, *words, "--dump-dom", url), stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=4 * PATIENCE, check=False)
    return done.stdout or done.stderr[-500:]


def frames_of(parts):
    """The types of the frames of WebSocket behind a head."""
    data, found = b"".join(parts).partition(b"\r\n\r\n")[2], []
    while len(data) >= 10:
        short, masked = data[1] & 127, data[1] >> 7
        wide = {126: 2, 127: 8}.get(short, 0)
        size = int.from_bytes(data[2:2 + wide], "big") if wide else short
        found.append(data[0] & 15)
        data = data[2 + wide + 4 * masked + size:]
    return found


def answer_request(client):
    with client:
        request = b""
        while not request.endswith(b"\r\n\r\n"):
            request += client.recv(1000)
        client.sendall(ANSWER.encode())


def page_with_websockets(secure):
    def run(scene, programs):
        port = free_port()
        stream = {"network": "ws", "wsSettings": {"path": "/chat", "heartbeatPeriod": 1}}
        if secure:
            scene.certificate("site", "127.0.0.1")
            stream |= {"security": "tls", "tlsSettings": {"certificates": [
                {"certificateFile": scene.path("site.pem"), "keyFile": scene.path("site.key")}]}}
        inbound = {"tag": "in", "protocol": "vless", "listen": "127.0.0.1", "port": port, "settings": vless(port)[0],
                   "streamSettings": stream}
        programs["muxpro"].start(scene, "server", inbound, {"protocol": "freedom"}, timers=False)
        between = Recorder(port)
        with target(echo) as echo_port, target(answer_request) as target_port:
            site, outcomes = serve_page({
                "url": f"{'wss' if secure else 'ws'}://127.0.0.1:{between.port}/chat",
                "id": list(bytes.fromhex(ID.replace("-", ""))), "echo": echo_port, "target": target_port, "answer": ANSWER, "patience": int(PATIENCE * 1000)})
            with site:
                open_page(scene, f"http://127.0.0.1:{site.server_port}/page")
                try:
                    found = outcomes.get(timeout=4 * PATIENCE)
                except queue.Empty:
                    found = {"the page": f"is not opened: {scene.text('browser.log')[-500:]}"}
                site.shutdown()
        wrong = {name: outcome for name, outcome in found.items() if outcome != "ok"}
        expect(not wrong, str(wrong))
        if not secure:
            pairs = [(frames_of(a), frames_of(b)) for a, b in zip(between.answers, between.sent)]
            expect(any(9 in a and 10 in b for a, b in pairs), "no ping was answered")

    run.__doc__ = f"a page in Chromium speaks VLESS over ws{'s' if secure else ''}://: early data, messages, pings, Closes"
    run.needs = ("chromium",)
    return run


CASES = {"chromium_ws": page_with_websockets(False), "chromium_wss": page_with_websockets(True)}
