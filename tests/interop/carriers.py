"""Carriers with nginx or HAProxy between the client and the server, one of which may be Xray, and Python's client of WebSocket."""
import asyncio
import os
import subprocess
from types import SimpleNamespace

import trials
from keyed import ID, vless
from parts import eventually, expect, free_port
from peers import listens
from traffic import echo, files, target

NGINX = """
daemon off; master_process off; error_log {error}; pid {pid}; worker_processes 1;
events {{}}
http {{
  access_log off;
  server {{
    listen 127.0.0.1:{port};
    location /chat {{
      proxy_pass http://127.0.0.1:{server};
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection upgrade;
      proxy_set_header Host $host;
    }}
  }}
  server {{
    listen 127.0.0.1:{secure} ssl http2;
    ssl_certificate {certificate}; ssl_certificate_key {key};
    client_max_body_size 0; client_body_timeout 300;
    location /chat {{ grpc_pass grpc://127.0.0.1:{server}; grpc_set_header Host $host; }}
    location /parts/chat {{ proxy_pass http://127.0.0.1:{server}/chat; proxy_http_version 1.1; proxy_set_header Host $host; }}
  }}
}}
"""


PATHS = {"grpc": {"serviceName": "chat"}}


def start_server(scene, program, port, network, settings=None, **more):
    settings = PATHS.get(network, {"path": "/chat", "host": "127.0.0.1"}) if settings is None else settings
    inbound = {"tag": "in", "protocol": "vless", "listen": "127.0.0.1", "port": port, "settings": vless(port)[0],
               "streamSettings": {"network": network, f"{network}Settings": settings, **more}}
    program.start(scene, "server", inbound, {"protocol": "freedom"}, timers=False)


def start_nginx(scene, port, server):
    """Returns the port with TLS."""
    scene.certificate("site", "127.0.0.1")
    secure = free_port()
    with open(scene.path("nginx.conf"), "w", encoding="utf-8") as out:
        out.write(NGINX.format(error=scene.path("nginx.log"), pid=scene.path("nginx.pid"), port=port, server=server,
                               secure=secure, certificate=scene.path("site.pem"), key=scene.path("site.key")))
    scene.processes.append(subprocess.Popen(["nginx", "-p", scene.directory, "-c", scene.path("nginx.conf")],
                                            stderr=subprocess.DEVNULL))
    eventually(lambda: listens(port), "nginx does not listen")
    return secure


def behind_nginx(network, kinds, settings=None, secure=False, client="muxpro", server="muxpro"):
    """`settings`: of the client, if they are others than the server's. `secure`: over TLS."""
    def run(scene, programs):
        port, web, proxy = free_port(), free_port(), free_port()
        start_server(scene, programs[server], port, network)
        with_tls = start_nginx(scene, web, port)
        stream = {"network": network, f"{network}Settings": settings or PATHS.get(network, {"path": "/chat"})}
        if secure:
            stream |= {"security": "tls", "tlsSettings": {"serverName": "127.0.0.1", "certificates": [
                {"certificateFile": scene.path("site.pem"), "usage": "verify"}]}}
        local = {"tag": "local", "protocol": "socks", "listen": "127.0.0.1", "port": proxy, "settings": {"udp": True}}
        outbound = {"protocol": "vless", "settings": vless(with_tls if secure else web)[1], "streamSettings": stream}
        # With full cone Xray wraps datagrams of VLESS for a multiplexer.
        programs[client].start(scene, "client", local, outbound, timers=False, env={"XRAY_CONE_DISABLED": "true"})
        files(proxy)
        chain = SimpleNamespace(proxy=proxy)
        for kind in kinds:
            kind(chain)

    what = f"{network}, {settings['mode']}," if settings else network
    run.__doc__ = f"vless in {what} from {client} through nginx to {server}: files, 100 at a time, datagrams"
    run.needs = ("nginx", *({client, server} - {"muxpro"}))
    return run


HAPROXY = """
defaults
  timeout connect 5s
  timeout client 60s
  timeout server 60s
listen as_it_comes
  mode tcp
  bind 127.0.0.1:{tcp}
  server one 127.0.0.1:{raw} send-proxy-v2
listen as_http
  mode http
  bind 127.0.0.1:{http}
  option forwardfor
  server one 127.0.0.1:{ws}
"""


def start_haproxy(scene, ports):
    with open(scene.path("haproxy.cfg"), "w", encoding="utf-8") as out:
        out.write(HAPROXY.format(**ports))
    scene.processes.append(subprocess.Popen(["haproxy", "-f", scene.path("haproxy.cfg")], stderr=subprocess.DEVNULL))
    eventually(lambda: listens(ports["tcp"]) and listens(ports["http"]), "HAProxy does not listen")


def behind_haproxy(network, name, more, sockopt):
    """The source of a client, which stands in the server's access log, comes by way of HAProxy."""
    def run(scene, programs):
        ports, proxy = {word: free_port() for word in ("tcp", "http", "raw", "ws")}, free_port()
        start_server(scene, programs["muxpro"], ports[network], network, {"path": "/chat"} if network == "ws" else {},
                     sockopt=sockopt)
        start_haproxy(scene, ports)
        local = {"tag": "local", "protocol": "socks", "listen": "127.0.0.1", "port": proxy, "settings": {"udp": True}}
        outbound = {"protocol": "vless", "settings": vless(ports[name])[1], "sendThrough": "127.0.0.77",
                    "streamSettings": {"network": network, **more}}
        programs["muxpro"].start(scene, "client", local, outbound, timers=False)
        files(proxy)
        chain = SimpleNamespace(proxy=proxy)
        for kind in (trials.target_first, trials.datagrams, trials.half_closed):
            kind(chain)
        expect("127.0.0.77" in scene.text("server.log"), "the server's log has not the client's address")

    run.__doc__ = f"vless in {network} through HAProxy by {name}: files, 100 at a time, datagrams, the client's address"
    run.needs = ("haproxy",)
    return run


def python_client(scene, programs):
    """Python's websockets as a client: binary and text messages, fragments, pings, a Close in good order"""
    import websockets  # pylint: disable=import-outside-toplevel

    port = free_port()
    start_server(scene, programs["muxpro"], port, "ws")

    async def talk(to):
        head = bytes(1) + bytes.fromhex(ID.replace("-", "")) + b"\0\1" + to.to_bytes(2, "big") + b"\1\x7f\0\0\1"
        async with websockets.connect(f"ws://127.0.0.1:{port}/chat") as client:
            await client.send(head + b"one ")
            await client.send("two ")
            await client.send([b"th", b"ree ", os.urandom(0), b"four"])
            await asyncio.wait_for(await client.ping(b"are you there?"), 10)
            got = b""
            while len(got) < 2 + 18:
                got += await asyncio.wait_for(client.recv(), 10)
            expect(got == b"\0\0one two three four", f"the echo is {got!r}")
            large = os.urandom(900_000)
            await client.send(large)
            got = b""
            while len(got) < len(large):
                got += await asyncio.wait_for(client.recv(), 10)
            expect(got == large, "a large message comes back wrong")
        expect(client.close_code == 1000, f"the connection ends with {client.close_code}")
        try:
            async with websockets.connect(f"ws://127.0.0.1:{port}/other"):
                expect(False, "another path is served")
        except websockets.InvalidStatusCode as refused:
            expect(refused.status_code == 404, f"another path gets {refused.status_code}")

    with target(echo) as to:
        asyncio.run(talk(to))


python_client.needs = ("websockets",)


def curl_client(scene, programs):
    """curl's change to WebSocket: the key of RFC 6455 and its answer; another path. Its frames need curl 8"""
    port = free_port()
    start_server(scene, programs["muxpro"], port, "ws")

    def head_of(path):
        fields = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
        words = [word for field in fields for word in ("-H", field)]
        return subprocess.run(["curl", "-s", "-i", "-N", "-m", "1", "--http1.1", *words, f"http://127.0.0.1:{port}{path}"],
                              capture_output=True, check=False).stdout.decode()

    changed = head_of("/chat")
    expect(changed.startswith("HTTP/1.1 101 "), f"curl gets {changed!r}")
    expect("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in changed, "the key has another answer")
    expect(head_of("/other").startswith("HTTP/1.1 404 "), "another path is served")


curl_client.needs = ("curl",)
FULL = (trials.target_first, trials.datagrams, trials.half_closed)
PACKETS = {"path": "/parts/chat", "mode": "packet-up"}  # nginx passes these on by HTTP/1.1, and streams by HTTP/2
XHTTP = {"xhttp_packets": PACKETS, "xhttp_one": {"path": "/chat", "mode": "stream-one"},
         "xhttp_up": {"path": "/chat", "mode": "stream-up"}}
BY_PROXY_PROTOCOL = {"acceptProxyProtocol": True, "trustedProxies": ["127.0.0.1"]}
CASES = {"haproxy_tcp": behind_haproxy("raw", "tcp", {}, BY_PROXY_PROTOCOL),
         "haproxy_ws": behind_haproxy("ws", "http", {"wsSettings": {"path": "/chat"}}, {"trustedXForwardedFor": ["X-Forwarded-For"]}),
         "python_websockets": python_client, "curl_websocket": curl_client, "nginx_ws": behind_nginx("ws", FULL),
         "nginx_httpupgrade": behind_nginx("httpupgrade", FULL[:2]), "nginx_grpc": behind_nginx("grpc", FULL[:2], None, True),
         **{f"nginx_{name}": behind_nginx("xhttp", FULL, settings, True) for name, settings in XHTTP.items()}}
for way, ends in {"from_xray": {"client": "xray"}, "to_xray": {"server": "xray"}}.items():
    CASES |= {f"nginx_ws_{way}": behind_nginx("ws", FULL[:2], **ends),
              f"nginx_httpupgrade_{way}": behind_nginx("httpupgrade", FULL[:2], **ends),
              f"nginx_grpc_{way}": behind_nginx("grpc", FULL[:2], None, True, **ends),
              **{f"nginx_{name}_{way}": behind_nginx("xhttp", FULL[:2], settings, True, **ends)
                 for name, settings in XHTTP.items()}}
