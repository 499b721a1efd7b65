"""WebSocket and HTTPUpgrade with nginx in front of the server, and with Python's client of WebSocket."""
import asyncio
import importlib.util
import os
import shutil
import subprocess

from keyed import ID, vless
from parts import DIRECT, connect, eventually, expect, free_port
from traffic import datagrams, files, half_close, target, target_speaks_first

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
}}
"""


class Tool:
    """Something that a case needs."""

    def __init__(self, name, is_there):
        self.name = name
        self.is_there = is_there


def inbound_at(port, network):
    return {"tag": "in", "protocol": "vless", "listen": "127.0.0.1", "port": port, "settings": vless(port)[0],
            "streamSettings": {"network": network, f"{network}Settings": {"path": "/chat", "host": "127.0.0.1"}}}


def start_server(scene, port, network):
    direct = {**DIRECT, "settings": {"allowPrivate": True}}
    scene.start("run", "-c", scene.config(inbound_at(port, network), outbounds=(direct,)))


def start_nginx(scene, port, server):
    with open(scene.path("nginx.conf"), "w", encoding="utf-8") as out:
        out.write(NGINX.format(error=scene.path("nginx.log"), pid=scene.path("nginx.pid"), port=port, server=server))
    scene.processes.append(subprocess.Popen(["nginx", "-p", scene.directory, "-c", scene.path("nginx.conf")],
                                            stderr=subprocess.DEVNULL))

    def listens():
        try:
            connect(port).close()
            return True
        except OSError:
            return False

    eventually(listens, "nginx does not listen")


def behind_nginx(network, half_closes):
    def run(scene, *_):
        server, web, proxy = free_port(), free_port(), free_port()
        start_server(scene, server, network)
        start_nginx(scene, web, server)
        local = {"tag": "local", "protocol": "socks", "listen": "127.0.0.1", "port": proxy, "settings": {"udp": True}}
        outbound = {"protocol": "vless", "settings": vless(web)[1],
                    "streamSettings": {"network": network, f"{network}Settings": {"path": "/chat"}}}
        scene.start("run", "-c", scene.config(local, outbounds=(outbound,)))
        files(proxy, 8 << 20, 1)
        files(proxy, 100_000, 100)
        if half_closes:
            half_close(proxy)
        target_speaks_first(proxy)
        datagrams(proxy, (1, 100, 1400))

    run.__doc__ = f"vless in {network} through nginx: files, 100 at a time, datagrams"
    run.peer = Tool("nginx", lambda: shutil.which("nginx") is not None)
    return run


def python_client(scene, *_):
    """Python's websockets as a client: binary and text messages, fragments, pings, a Close in good order"""
    import websockets  # pylint: disable=import-outside-toplevel

    port = free_port()
    start_server(scene, port, "ws")

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

    def echo(client):
        with client:
            while piece := client.recv(65536):
                client.sendall(piece)

    with target(echo) as to:
        asyncio.run(talk(to))


python_client.peer = Tool("python3-websockets", lambda: importlib.util.find_spec("websockets") is not None)
CASES = {"python_websockets": python_client, "nginx_ws": behind_nginx("ws", True),
         "nginx_httpupgrade": behind_nginx("httpupgrade", False)}
