"""Servers and clients of VLESS, VMess, Trojan and Shadowsocks: their settings, by the names of protocols in cells.py."""
import base64

ID = "66ad4540-b58c-4ad2-9926-ea63445a9b57"
FLOW = "xtls-rprx-vision"


def vless(port, flow=""):
    server = {"clients": [{"id": ID, "email": "alice", "flow": flow}], "decryption": "none"}
    client = {"vnext": [{"address": "127.0.0.1", "port": port, "users": [{"id": ID, "encryption": "none", "flow": flow}]}]}
    return server, client


def trojan(port):
    server = {"clients": [{"password": "secret", "email": "alice"}]}
    client = {"servers": [{"address": "127.0.0.1", "port": port, "password": "secret"}]}
    return server, client


def vmess(port, security):
    user = {"id": ID, "alterId": 0, "security": security}
    return ({"clients": [{"id": ID, "alterId": 0, "email": "alice"}]},
            {"vnext": [{"address": "127.0.0.1", "port": port, "users": [user]}]})


def key(method, first):
    size = 16 if "128" in method else 32
    return base64.b64encode(bytes(range(first, first + size))).decode()


def shadowsocks(port, method, users=None):
    """With `users` the key of the server is for all, and each client has one of its own besides."""
    password = key(method, 0) if method.startswith("2022") else "secret"
    server = {"method": method, "password": password, "network": "tcp,udp"}
    if users:
        server["clients"] = [{"password": key(method, 100), "email": "bob"}, {"password": key(method, 50), "email": "alice"}]
        password = f"{password}:{key(method, 50)}"
    return server, {"servers": [{"address": "127.0.0.1", "port": port, "method": method, "password": password}]}


def settings(protocol, port):
    """Of the server and of the client; `port` is the server's."""
    name, *how = protocol.split("/")
    if name == "vless+vision":
        return vless(port, FLOW)
    return {"vless": vless, "trojan": trojan, "vmess": vmess, "shadowsocks": shadowsocks}[name](port, *how)


CARRIERS = {"raw": {},
            "ws": {"network": "ws", "wsSettings": {"path": "/chat"}},
            "ws+early": {"network": "ws", "wsSettings": {"path": "/chat?ed=2048"}},
            "httpupgrade": {"network": "httpupgrade", "httpupgradeSettings": {"path": "/chat"}},
            "grpc": {"network": "grpc", "grpcSettings": {"serviceName": "some service"}},
            "grpc+multi": {"network": "grpc", "grpcSettings": {"serviceName": "some service", "multiMode": True}},
            "xhttp": {"network": "xhttp", "xhttpSettings": {"path": "/chat"}},
            "xhttp+forms": {"network": "xhttp", "xhttpSettings": {
                "path": "/chat", "mode": "packet-up", "sessionPlacement": "cookie", "seqPlacement": "header",
                "xPaddingObfsMode": True, "xPaddingPlacement": "query", "xPaddingKey": "page", "xPaddingMethod": "tokenish",
                "uplinkHTTPMethod": "PUT"}},
            # Parts that stand in heads, which are large so that uploads last seconds and not minutes.
            "xhttp+heads": {"network": "xhttp", "xhttpSettings": {
                "path": "/chat", "mode": "packet-up", "sessionPlacement": "query", "seqPlacement": "cookie",
                "uplinkDataPlacement": "header", "uplinkHTTPMethod": "GET", "scMaxEachPostBytes": 30000,
                "serverMaxHeaderBytes": 65536, "scMinPostsIntervalMs": 1, "xPaddingObfsMode": True,
                "xPaddingPlacement": "header", "xPaddingHeader": "X-Page"}}}


ENABLED = {"enabled": True, "concurrency": 8}
MUXES = {"none": {"enabled": False}, "mux.cool": ENABLED, "xudp": {**ENABLED, "xudpConcurrency": 8},
         "mux.pro": {**ENABLED, "protocol": "mux.pro"}}
