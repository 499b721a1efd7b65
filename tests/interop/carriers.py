"""WebSocket, HTTPUpgrade and XHTTP with nginx in front of the server, and with Python's client of WebSocket."""
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


def start_server(scene, programs, port, network):
    stream = {"network": network, f"{network}Settings": {"path": "/chat", "host": "127.0.0.1"}}
    inbound = {"tag": "in", "protocol": "vless", "listen": "127.0.0.1", "port": port, "settings": vless(port)[0],
               "streamSettings": stream}
    programs["muxpro"].start(scene, "server", inbound, {"protocol": "freedom"}, timers=False)


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


def behind_nginx(network, half_closes):
    def run(scene, programs):
        server, web, proxy = free_port(), free_port(), free_port()
        start_server(scene, programs, server, network)
        start_nginx(scene, web, server)
        local = {"tag": "local", "protocol": "socks", "listen": "127.0.0.1", "port": proxy, "settings": {"udp": True}}
        outbound = {"protocol": "vless", "settings": vless(web)[1],
                    "streamSettings": {"network": network, f"{network}Settings": {"path": "/chat"}}}
        programs["muxpro"].start(scene, "client", local, outbound, timers=False)
        files(proxy)
        chain = SimpleNamespace(proxy=proxy)
        for kind in (trials.target_first, trials.datagrams, *((trials.half_closed,) if half_closes else ())):
            kind(chain)

    run.__doc__ = f"vless in {network} through nginx: files, 100 at a time, datagrams"
    run.needs = ("nginx",)
    return run


def xhttp_behind_nginx(mode, http2):
    """`http2`: nginx passes streams on by HTTP/2, else parts by HTTP/1.1."""
    def run(scene, programs):
        server, web, proxy = free_port(), free_port(), free_port()
        start_server(scene, programs, server, "xhttp")
        secure = start_nginx(scene, web, server)
        local = {"tag": "local", "protocol": "socks", "listen": "127.0.0.1", "port": proxy, "settings": {"udp": True}}
        tls = {"serverName": "127.0.0.1", "certificates": [{"certificateFile": scene.path("site.pem"), "usage": "verify"}]}
        stream = {"network": "xhttp", "security": "tls", "tlsSettings": tls,
                  "xhttpSettings": {"path": "/chat" if http2 else "/parts/chat", "mode": mode}}
        outbound = {"protocol": "vless", "settings": vless(secure)[1], "streamSettings": stream}
        programs["muxpro"].start(scene, "client", local, outbound, timers=False)
        files(proxy)
        chain = SimpleNamespace(proxy=proxy)
        for kind in (trials.target_first, trials.datagrams, trials.half_closed):
            kind(chain)

    run.__doc__ = f"vless in xhttp, {mode}, through nginx: files, 100 at a time, datagrams"
    run.needs = ("nginx",)
    return run


def python_client(scene, programs):
    """Python's websockets as a client: binary and text messages, fragments, pings, a Close in good order"""
    import websockets  # pylint: disable=import-outside-toplevel

    port = free_port()
    start_server(scene, programs, port, "ws")

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
CASES = {"python_websockets": python_client, "nginx_ws": behind_nginx("ws", True),
         "nginx_httpupgrade": behind_nginx("httpupgrade", False), "nginx_xhttp_packets": xhttp_behind_nginx("packet-up", False),
         "nginx_xhttp_one": xhttp_behind_nginx("stream-one", True), "nginx_xhttp_up": xhttp_behind_nginx("stream-up", True)}
