"""Shadowsocks with each method, and the methods of 2022 with several users."""
import base64

from keyed import chain
from parts import expect
from peers import Peer
from traffic import datagrams, files, half_close, target_speaks_first

METHODS = ("aes-128-gcm", "aes-256-gcm", "chacha20-ietf-poly1305", "xchacha20-ietf-poly1305", "2022-blake3-aes-128-gcm",
           "2022-blake3-aes-256-gcm", "2022-blake3-chacha20-poly1305")


class ShadowsocksLibev(Peer):
    """ss-server and ss-local, which have options instead of a configuration."""

    def start(self, scene, inbound, outbound):
        if inbound["protocol"] == "shadowsocks":
            words = ["ss-server", "-s", "127.0.0.1", "-p", str(inbound["port"])]
            settings = inbound["settings"]
        else:
            settings = outbound["settings"]["servers"][0]
            words = ["ss-local", "-b", "127.0.0.1", "-l", str(inbound["port"]), "-s", settings["address"],
                     "-p", str(settings["port"])]
        words += ["-k", settings["password"], "-m", settings["method"], "-u"]
        self.run(scene, words, inbound["port"])


LIBEV = ShadowsocksLibev("ss-server", [])
# To the others the end of one direction is that of the connection, also between two of them.
HALF_CLOSE = ("v2ray", "xray")
LACK = {"v2ray": ("2022", "xchacha20"), "ss-server": ("2022",)}


def key(method, first):
    size = 16 if "128" in method else 32
    return base64.b64encode(bytes(range(first, first + size))).decode()


def one_user(method):
    password = key(method, 0) if method.startswith("2022") else "secret"

    def settings(port):
        server = {"method": method, "password": password, "network": "tcp,udp"}
        client = {"servers": [{"address": "127.0.0.1", "port": port, "method": method, "password": password}]}
        return server, client

    return settings


def several_users(method):
    def settings(port):
        server = {"method": method, "password": key(method, 0), "network": "tcp,udp",
                  "clients": [{"password": key(method, 100), "email": "bob"}, {"password": key(method, 50), "email": "alice"}]}
        client = {"servers": [{"address": "127.0.0.1", "port": port, "method": method,
                               "password": f"{key(method, 0)}:{key(method, 50)}"}]}
        return server, client

    return settings


def case(method, settings):
    def run(scene, peer, role):
        proxy = chain(scene, peer, role, "shadowsocks", settings, False)
        files(proxy, 8 << 20, 1)
        files(proxy, 100_000, 100)
        if peer.name in HALF_CLOSE:
            half_close(proxy)
        target_speaks_first(proxy)
        datagrams(proxy, (1, 2, 100, 512, 1200, 1400))
        log = scene.text("err")
        expect("authentication failed" not in log and "refused" not in log, "a request was refused")

    run.__doc__ = f"{method}: files, 100 at a time, half-closed requests, datagrams"
    return run


def is_for(name, peer):
    return not name.split("/")[1].startswith(LACK.get(peer.name, ("none",)))


CASES = {f"shadowsocks/{method}": case(method, one_user(method)) for method in METHODS}
CASES.update({f"shadowsocks/{method}/users": case(method, several_users(method)) for method in METHODS
              if "2022-blake3-aes" in method})
