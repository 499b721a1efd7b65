"""muxpro in front of nginx: its fallbacks take browsers to pages, and WebSocket and HTTPUpgrade by way of nginx back to
muxpro."""
import subprocess
from types import SimpleNamespace

import trials
from keyed import trojan, vless
from parts import eventually, expect, free_port
from peers import listens
from reality import fetch
from traffic import files

NGINX = """
daemon off; master_process off; error_log {error}; pid {pid}; worker_processes 1;
events {{}}
http {{
  access_log off; root {directory};
  server {{
    listen 127.0.0.1:{http1} proxy_protocol;
    listen 127.0.0.1:{http2} http2 proxy_protocol;
    add_header X-Source $proxy_protocol_addr always;
  }}
  server {{
    listen 127.0.0.1:{upgrades} proxy_protocol;
    location / {{ return 404; }}
    location /chat {{
      proxy_pass http://127.0.0.1:{ws};
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection upgrade;
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_protocol_addr;
    }}
  }}
}}
"""


def start_nginx(scene, ports):
    with open(scene.path("page"), "w", encoding="utf-8") as page:
        page.write("the page of nginx")
    with open(scene.path("nginx.conf"), "w", encoding="utf-8") as out:
        out.write(NGINX.format(error=scene.path("nginx.log"), pid=scene.path("nginx.pid"), directory=scene.directory, **ports))
    scene.processes.append(subprocess.Popen(["nginx", "-p", scene.directory, "-c", scene.path("nginx.conf")],
                                            stderr=subprocess.DEVNULL))
    eventually(lambda: listens(ports["http1"]), f"nginx does not listen: {scene.text('nginx.log')}")


def front(scene, protocol, make, ports):
    """An inbound with TLS, whose fallbacks are nginx, by path and by ALPN."""
    scene.certificate("server", "127.0.0.1")
    certificate = {"certificateFile": scene.path("server.pem"), "keyFile": scene.path("server.key")}
    settings = {**make(ports["front"])[0], "fallbacks": [
        {"dest": ports["http1"], "xver": 1}, {"alpn": "h2", "dest": ports["http2"], "xver": 2},
        {"path": "/chat", "dest": ports["upgrades"], "xver": 2}]}
    return {"tag": "front", "protocol": protocol, "listen": "127.0.0.1", "port": ports["front"], "settings": settings,
            "streamSettings": {"security": "tls", "tlsSettings": {"certificates": [certificate], "alpn": ["h2", "http/1.1"]}}}


def behind(network, ports):
    """The inbound to which nginx passes upgrades of HTTP."""
    return {"tag": "behind", "protocol": "vless", "listen": "127.0.0.1", "port": ports["ws"], "settings": vless(0)[0],
            "streamSettings": {"network": network, f"{network}Settings": {"path": "/chat"},
                               "sockopt": {"trustedXForwardedFor": ["X-Forwarded-For"]}}}


def start_client(scene, muxpro, name, protocol, settings, stream, through):
    trust = [{"certificateFile": scene.path("server.pem"), "usage": "verify"}]
    stream = {**stream, "security": "tls", "tlsSettings": {
        "serverName": "127.0.0.1", "certificates": trust, "alpn": ["http/1.1"]}}
    local = {"tag": "local", "protocol": "socks", "listen": "127.0.0.1", "port": through, "settings": {"udp": True}}
    outbound = {"protocol": protocol, "settings": settings, "sendThrough": "127.0.0.77", "streamSettings": stream}
    muxpro.start(scene, name, local, outbound, timers=False)


def in_front_of_nginx(protocol, make, network):
    def run(scene, programs):
        ports = {name: free_port() for name in ("front", "http1", "http2", "upgrades", "ws")}
        start_nginx(scene, ports)
        config = scene.config(front(scene, protocol, make, ports), behind(network, ports),
                              outbounds=({"protocol": "freedom", "settings": {"allowPrivate": True}},))
        with open(scene.path("server.log"), "w", encoding="utf-8") as log:
            scene.start("run", "-c", config, lines=2, stderr=log)

        for version in ("--http1.1", "--http2"):
            answer = fetch(version, "-k", "-i", "--interface", "127.0.0.77", f"https://127.0.0.1:{ports['front']}/page")
            expect("the page of nginx" in answer, f"curl {version} does not see nginx: {answer}")
            expect("127.0.0.77" in answer, f"nginx has not the address of curl {version}: {answer}")
        refused = fetch("-k", "--http1.1", "-o", "/dev/null", "-w", "%{http_code}", f"https://127.0.0.1:{ports['front']}/chat")
        expect(refused == "400", f"what is no upgrade gets {refused}")

        own, upgraded = free_port(), free_port()
        start_client(scene, programs["muxpro"], "own", protocol, make(ports["front"])[1], {}, own)
        start_client(scene, programs["muxpro"], "upgraded", "vless", vless(ports["front"])[1],
                     {"network": network, f"{network}Settings": {"path": "/chat"}}, upgraded)
        for proxy in (own, upgraded):
            files(proxy)
            for kind in (trials.target_first, trials.datagrams):
                kind(SimpleNamespace(proxy=proxy))
        lines = [line for line in scene.text("server.log").splitlines() if " behind" in line]
        expect(any("127.0.0.77" in line for line in lines), f"the client's address is lost on its way: {lines[:3]}")

    run.__doc__ = (f"{protocol} over TLS in front of nginx: curl sees nginx, clients of {protocol} get through, and so do "
                   f"those of vless in {network} by way of nginx")
    run.needs = ("nginx",)
    return run


CASES = {"front_vless_ws": in_front_of_nginx("vless", vless, "ws"),
         "front_trojan_httpupgrade": in_front_of_nginx("trojan", trojan, "httpupgrade")}
