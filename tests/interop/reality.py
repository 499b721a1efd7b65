"""REALITY in front of nginx, whose page strangers see."""
import contextlib
import ssl
import subprocess
import time

from browser import shown_page
from chains import PRIVATE, PUBLIC, Recorder
from keyed import FLOW, ID, vless
from parts import Failed, connect, eventually, expect, free_port
from peers import listens
from traffic import by_socks, receive, target


def start_nginx(scene):
    """The port of nginx with TLS 1.3 and a page."""
    scene.certificate("site", "site.test")
    port = free_port()
    with open(scene.path("page"), "w", encoding="utf-8") as page:
        page.write("the page of nginx")
    with open(scene.path("nginx.conf"), "w", encoding="utf-8") as file:
        file.write(f"""user root; daemon off; master_process off; worker_processes 1;
pid {scene.path("nginx.pid")}; error_log {scene.path("nginx.log")};
events {{ worker_connections 1024; }}
http {{ access_log off; client_body_temp_path {scene.path("body")}; proxy_temp_path {scene.path("proxy")};
  fastcgi_temp_path {scene.path("fastcgi")}; uwsgi_temp_path {scene.path("uwsgi")}; scgi_temp_path {scene.path("scgi")};
  server {{ listen 127.0.0.1:{port} ssl http2; ssl_certificate {scene.path("site.pem")};
    ssl_certificate_key {scene.path("site.key")}; ssl_protocols TLSv1.2 TLSv1.3; root {scene.directory}; }} }}
""")
    scene.processes.append(subprocess.Popen(["nginx", "-c", scene.path("nginx.conf")]))
    eventually(lambda: listens(port), f"nginx does not listen: {scene.text('nginx.log')}")
    return port


def reality_in_front_of(scene, muxpro, site):
    """The ports of a server of VLESS over REALITY, of a recorder in front of it, and of a SOCKS listener that goes by it."""
    port, proxy = free_port(), free_port()
    recorder = Recorder(port)
    reality_of_server = {"target": f"127.0.0.1:{site}", "serverNames": ["site.test"], "privateKey": PRIVATE,
                         "shortIds": ["0a1b"]}
    inbound = {"tag": "in", "protocol": "vless", "listen": "127.0.0.1", "port": port,
               "settings": vless(port, FLOW)[0],
               "streamSettings": {"security": "reality", "realitySettings": reality_of_server}}
    muxpro.start(scene, "server", inbound, {"protocol": "freedom"}, timers=False)

    def client(short_id, at, to=recorder.port):
        outbound = {"tag": "out", "protocol": "vless", "settings": {
            "address": "127.0.0.1", "port": to, "id": ID, "encryption": "none", "flow": FLOW},
            "streamSettings": {"security": "reality", "realitySettings": {
                "serverName": "site.test", "publicKey": PUBLIC, "shortId": short_id}}}
        local = {"tag": "local", "protocol": "socks", "listen": "127.0.0.1", "port": at}
        muxpro.start(scene, f"client-{short_id}-{to}", local, outbound, timers=False)

    return port, recorder, proxy, client


def fetch(*words):
    done = subprocess.run(["curl", "-sS", "--max-time", "20", *words], capture_output=True, check=False)
    return done.stdout.decode() or done.stderr.decode()


def records(data):
    """Type and length of each TLS record that is whole, without what is random in a ServerHello."""
    found = []
    while len(data) >= 5 and len(data) >= 5 + int.from_bytes(data[3:5], "big"):
        end = 5 + int.from_bytes(data[3:5], "big")
        found.append((data[0], end))
        data = data[end:]
    return found


def first_records(client, count):
    data = b""
    while len(records(data)) < count:
        piece = client.recv(65536)
        expect(piece, f"it ends after {records(data)}")
        data += piece
    return records(data)[:count]


def behind_handshake(port, silence=1):
    """Type and length of the records that a TLS server sends behind the handshake, before it is asked, until it has sent
    nothing for so many seconds: tickets, and settings of HTTP/2."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2", "http/1.1"])
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls, data = context.wrap_bio(incoming, outgoing, server_hostname="site.test"), b""
    with connect(port) as client:
        client.settimeout(silence)
        with contextlib.suppress(TimeoutError):
            while True:
                with contextlib.suppress(ssl.SSLWantReadError):
                    tls.do_handshake()
                client.sendall(outgoing.read())
                piece = client.recv(65536)
                incoming.write(piece)
                data += piece
    return records(data)[6:]


def tickets_of(port):
    return [r for r in behind_handshake(port) if r[0] == 23 and r[1] >= 200]  # and no message of HTTP/2


def alike(records_of_one, records_of_other):
    """A signature of nginx has 70 to 72 bytes."""
    pairs = list(zip(records_of_one, records_of_other))
    return len(records_of_one) == len(records_of_other) and all(a[0] == b[0] and abs(a[1] - b[1]) <= 2 for a, b in pairs)


def in_front_of_nginx(scene, programs):
    """REALITY in front of nginx: strangers, a replay and a wrong short id see nginx, its own client gets through"""
    site = start_nginx(scene)
    port, recorder, proxy, client = reality_in_front_of(scene, programs["muxpro"], site)
    by_name = ("-k", "--resolve", f"site.test:{port}:127.0.0.1", f"https://site.test:{port}/page")
    for words in (("--http1.1",), ("--http2",), ("--tls-max", "1.2")):
        page = fetch(*words, *by_name)
        expect(page == "the page of nginx", f"curl {' '.join(words)} does not see nginx: {page}")
    shown = [scene.shown_certificate(at) for at in (site, port)]
    expect(shown == ["site.test"] * 2, f"openssl s_client sees {shown}")
    with connect(port) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
        expect(b"400 Bad Request" in plain.recv(1000), "a request without TLS is not answered by nginx")

    with target(lambda c: (c.sendall(b"220 hello\r\n"), c.close())) as greeting:
        client("0a1b", proxy)
        with by_socks(proxy, greeting) as through:
            expect(receive(through, 11) == b"220 hello\r\n", "its own client does not get through")
    hello = recorder.sent[-1][0]
    with connect(port) as replay, connect(site) as direct:
        for stranger in (replay, direct):
            stranger.sendall(hello)
        answer = first_records(direct, 6)
        expect(alike(first_records(replay, 6), answer), "a replay does not see nginx")
    own = records(b"".join(recorder.answers[-1]))
    expect(alike(own[:6], answer), f"the answer to its own client has records {own}, nginx's {answer}")
    # The server has measured the tickets by now.
    time.sleep(3)
    with target(lambda c: (c.sendall(b"220 hello\r\n"), c.close())) as greeting, by_socks(proxy, greeting) as through:
        receive(through, 11)
    own, tickets = records(b"".join(recorder.answers[-1])), tickets_of(site)
    expect(own[6:6 + len(tickets)] == tickets, f"its own client gets tickets {own[6:]}, nginx sends {tickets}")
    eventually(lambda: "its session id was used before" in scene.text("server.log"), "the log has no line about the replay")

    wrong = free_port()
    client("0a1c", wrong)
    by_socks_or_not(wrong, site)
    eventually(lambda: "its short id is not in shortIds" in scene.text("server.log"), "the log has no line about the short id")


def by_socks_or_not(proxy, port):
    with contextlib.suppress(Failed, OSError):
        by_socks(proxy, port).close()


def chromium(scene, programs):
    """Chromium sees nginx at a server of REALITY, and through its client a page behind the server"""
    site = start_nginx(scene)
    port, recorder, proxy, client = reality_in_front_of(scene, programs["muxpro"], site)
    page = shown_page(scene, f"https://site.test:{port}/page", "--no-proxy-server", "--host-resolver-rules=MAP site.test 127.0.0.1")
    expect("the page of nginx" in page, f"Chromium does not see nginx at the server of REALITY: {page}")
    eventually(lambda: "its session id was not sealed" in scene.text("server.log"), "Chromium was not at the server of REALITY")

    client("0a1b", proxy)
    page = shown_page(scene, f"https://127.0.0.1:{site}/page", f"--proxy-server=socks5://127.0.0.1:{proxy}",
                      "--proxy-bypass-list=<-loopback>")
    expect("the page of nginx" in page, f"Chromium gets no page through REALITY: {page}")
    expect(recorder.answers, "Chromium has not gone through REALITY")


in_front_of_nginx.needs = ("nginx",)
chromium.needs = ("nginx", "chromium")
CASES = {"reality_nginx": in_front_of_nginx, "chromium_reality": chromium}
