"""One client that takes what others need: places of connections, look-ups of names."""
import resource
import socket
import time

from mux_client import MainConnection
from parts import PATIENCE, connect, expect, expect_undisturbed, p99, socks

def is_closed(client, seconds):
    client.settimeout(seconds)
    try:
        return client.recv(1) == b""
    except socket.timeout:
        return False
    except OSError:
        return True


def negotiates(port):
    """How long a main connection takes to be agreed."""
    begun = time.monotonic()
    with MainConnection(port, "127.0.0.1"):
        return time.monotonic() - begun


def silent_crowd(scene):
    """1,504 silent connections from 94 addresses: newcomers and the status page are served as before"""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    process = scene.start("server", "--listen", "127.0.0.1:0", "--status", "127.0.0.1:0", lines=2)
    port, status = (int(place.rsplit(":", 1)[1]) for place in scene.places())
    alone = p99(lambda: negotiates(port))
    crowd = [connect(port, f"127.0.1.{1 + n % 94}") for n in range(94 * 16)]
    negotiates(port)  # behind the whole crowd in the queue of the listener
    expect_undisturbed(alone, p99(lambda: negotiates(port)))
    with connect(status) as page:
        page.sendall(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        expect(page.recv(8).startswith(b"HTTP/1.1"), "the status page gives no answer")
    expect(sum(is_closed(client, 0.001) for client in crowd) >= 94 * 16 - 1024, "no silent connection has gone")
    for client in crowd:
        client.close()
    scene.ends_in_order(process)


def first_byte(scene):
    """A connection that sends nothing is closed after 3 s, one that has begun to speak is not"""
    process = scene.start("run", "-c", scene.config(socks()))
    begun = time.monotonic()
    with connect(scene.port()) as silent, connect(scene.port()) as slow:
        slow.sendall(b"\x05")
        expect(is_closed(silent, PATIENCE), "the silent connection stays")
        took = time.monotonic() - begun
        expect(took > 2.5, f"the silent connection is closed after {took:.1f} s")
        expect(took > 9 or not is_closed(slow, 0.2), "the slow connection is closed, too")
    scene.ends_in_order(process)
