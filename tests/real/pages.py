"""The status page in a browser, while there is something to see."""
import collections
import html.parser
import json
import os
import re
import socket
import struct
import threading
import zlib

from parts import BUILD, eventually, expect, free_port

UP, DOWN = (0xCC, 0x66, 0x00), (0x00, 0x77, 0xAA)  # the colours of the page's two directions


class Page(html.parser.HTMLParser):
    """What a dump of the page says: texts and points by id, the rows of its tables by theirs."""

    def __init__(self, dump):
        super().__init__()
        self.texts, self.points = collections.defaultdict(str), {}
        self.heads, self.rows = {}, {}
        self.id = self.table = self.cells = None
        self.feed(dump)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.id = attrs.get("id", self.id)
        if tag == "table":
            self.table, self.rows[attrs["id"]] = attrs["id"], []
        elif tag == "tr":
            self.cells = []
        elif tag in ("th", "td"):
            self.cells.append("")
        elif tag == "polyline":
            points = attrs.get("points", "").split()
            self.points[attrs["id"]] = [tuple(map(float, point.split(","))) for point in points]

    def handle_endtag(self, tag):
        if tag == "tr" and self.table in self.heads:
            self.rows[self.table].append(dict(zip(self.heads[self.table], self.cells)))
        elif tag == "tr":
            self.heads[self.table] = self.cells
        if tag in ("tr", "table"):
            self.cells = None
        self.id = None

    def handle_data(self, data):
        if self.cells:
            self.cells[-1] += data.strip()
        elif self.id:
            self.texts[self.id] += data


def unfiltered(kind, line, above, step):
    """A line of a PNG: what its filter has taken away is added again (RFC 2083, section 6)."""
    for i, byte in enumerate(line):
        left, up = line[i - step] if i >= step else 0, above[i]
        if kind == 4:
            corner = above[i - step] if i >= step else 0
            guess = left + up - corner
            nearest = min((left, up, corner), key=lambda one: abs(guess - one))  # the first one of several
        else:
            nearest = (0, left, up, (left + up) // 2)[kind]
        line[i] = byte + nearest & 255
    return line


def pixels(path):
    """The size of a PNG of 8 bits without interlacing, and the set of its colours."""
    with open(path, "rb") as file:
        data = file.read()
    expect(data[:8] == b"\x89PNG\r\n\x1a\n", f"{path} is no PNG")
    at, packed = 8, b""
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + size]
        if kind == b"IHDR":
            width, height, depth, colours, _, _, interlaced = struct.unpack(">IIBBBBB", body)
            expect(depth == 8 and colours in (2, 6) and not interlaced, f"{path} is a PNG of another kind")
        elif kind == b"IDAT":
            packed += body
        at += 12 + size
    raw, step = zlib.decompress(packed), 3 if colours == 2 else 4
    line, found = bytearray(width * step), set()
    for y in range(height):
        start = y * (1 + width * step)
        line = unfiltered(raw[start], bytearray(raw[start + 1:start + 1 + width * step]), line, step)
        found.update(zip(line[0::step], line[1::step], line[2::step]))
    return (width, height), found


def asked_for(log, origin):
    """The URLs that Chromium went to for the page, by its record of the network; it has more, of its own."""
    with open(log, encoding="utf-8") as file:
        record = json.load(file)
    start = record["constants"]["logEventTypes"]["URL_REQUEST_START_JOB"]
    return [event["params"]["url"] for event in record["events"] if event["type"] == start and
            event.get("params", {}).get("initiator") == origin]


def opened(scene, port, picture):
    """The page as its script has made it after some ten looks. It may connect only to its own origin."""
    origin, log = f"http://127.0.0.1:{port}", scene.path("net.json")
    # Its time is virtual: a second of it is over when nothing more is to be done.
    dump, said = scene.chromium(
        f"{origin}/", "--no-proxy-server", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        f"--log-net-log={log}", "--virtual-time-budget=10000", "--window-size=800,500", f"--screenshot={picture}")
    urls = asked_for(log, origin)
    expect(3 <= len(urls) <= 12, f"the page looks {len(urls)} times in 10 s")
    expect(set(urls) == {f"{origin}/status.json"}, f"the page asks for {sorted(set(urls))}")
    expect("Content Security Policy" not in said, "the page asks for what its own policy forbids")
    elsewhere = re.findall(r"(?:\w+:)?//\w[^\s\"'<]*", dump)
    expect(not elsewhere, f"the page names {elsewhere}")
    return Page(dump)


def dripping():
    """A web server whose answer never ends, and of which there is always some more; its port."""
    door = socket.create_server(("127.0.0.1", 0))

    def answer(client):
        pause = threading.Event()
        try:
            client.recv(4096)
            client.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + bytes(2**21))
            while not pause.wait(0.002):
                client.sendall(bytes(4096))
        except OSError:
            client.close()

    def serve():
        while True:
            threading.Thread(target=answer, args=(door.accept()[0],), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    return door.getsockname()[1]


def one_main_connection(page, other_end):
    """What both pages have to show of two downloads over one main connection."""
    for name, wanted in (("live", "2"), ("mains", "1"), ("streams", "2"), ("gone", "")):
        expect(page.texts[name].strip() == wanted, f"'{name}' is '{page.texts[name]}', not '{wanted}'")
    expect(re.fullmatch(r"[\d.]+ [kM]?B/s", page.texts["down"]), f"the rate is '{page.texts['down']}'")
    expect(int(page.texts["timers"]) > 0, "there are no timers")
    for name in ("line_up", "line_down"):
        expect(len(page.points[name]) >= 2, f"{name} has the points {page.points[name]}")
    expect(len({y for _, y in page.points["line_down"]}) > 1, "the line of what comes down is flat")
    head, rows = page.heads["main_table"], page.rows["main_table"]
    for name in ("with", "sub-streams", "opened", "sent", "received", "window", "stalls", "stalled"):
        expect(name in head, f"the table of main connections has no column '{name}': {head}")
    expect(len(rows) == 1 and re.fullmatch(other_end, rows[0]["with"]), f"the main connections are {rows}")
    row = rows[0]
    expect((row["sub-streams"], row["opened"]) == ("2", "2"), f"the main connection is {row}")
    expect(re.fullmatch(r"\d+", row["stalls"]), f"the stalls are '{row['stalls']}'")
    expect(re.fullmatch(r"[\d.]+ s", row["stalled"]), f"they took '{row['stalled']}'")
    expect(re.fullmatch(r"[\d.]+ [kM]?B", row["window"]), f"the window is '{row['window']}'")
    return row


def picture_shows_something(path):
    size, colours = pixels(path)
    expect(size == (800, 500), f"{path} is of {size[0]} by {size[1]} pixels")
    expect(len(colours) > 20, f"{path} has {len(colours)} colours")
    for name, wanted in (("up", UP), ("down", DOWN)):
        expect(wanted in colours, f"{path} has nothing in the colour of '{name}'")


def status_page(scene, _):
    """The status page of client and server in Chromium, with two downloads: it shows them, and connects to no other host"""
    target, at = dripping(), {"client": free_port(), "server": free_port()}
    scene.server(None, "--status", f"127.0.0.1:{at['server']}")
    scene.client("--threads", "1", "--status", f"127.0.0.1:{at['client']}")
    for _ in range(2):
        scene.curl_later(f"http://127.0.0.1:{target}/")
    eventually(lambda: scene.status(at["client"])["live"] == 2, 5, "there are not two downloads")
    os.makedirs(BUILD, exist_ok=True)
    picture = {part: os.path.join(BUILD, name)
               for part, name in (("client", "status.png"), ("server", "status_server.png"))}
    pages = {part: opened(scene, port, picture[part]) for part, port in at.items()}

    row = one_main_connection(pages["client"], "server")
    expect(row["received"].endswith(" MB"), f"the client has received {row['received']}")
    expect(re.fullmatch(r"[\d.]+ ms", row["round trip"]), f"the round trip takes {row['round trip']}")
    connections = pages["client"].rows["table"]
    expect(len(connections) == 2, f"the connections are {connections}")
    for c in connections:
        way = (c["inbound"], c["target"], c["outbound"])
        expect(way == ("socks", f"tcp:127.0.0.1:{target}", "server"), f"a connection goes by {way}")
        expect(re.fullmatch(r"127\.0\.0\.1:\d+", c["source"]), f"it is from {c['source']}")
        expect(c["down"].endswith(" MB"), f"down came {c['down']}")

    row = one_main_connection(pages["server"], r"127\.0\.0\.1:\d+")
    expect(row["sent"].endswith(" MB"), f"the server has sent {row['sent']}")
    for path in picture.values():
        picture_shows_something(path)
