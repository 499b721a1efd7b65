"""A client of a server's name that has several addresses, one of which goes away with its record left in DNS."""
import socket
import subprocess

from names import greeting_target, in_a_network, main, seconds_to_be_greeted
from parts import expect

DIAL = 10  # seconds that a dial may take


def ip(*words):
    subprocess.run(["ip", *words], check=True)


def start_several(scene):
    """Servers at both addresses of several.test, by their addresses, and the SOCKS port of a client of that name."""
    servers = {at: scene.start("server", "--listen", f"{at}:9527", "--open-to-all", "--allow-private", "--threads", "1")
               for at in ("10.0.0.1", "10.0.0.2")}
    scene.start("client", "--socks", "127.0.0.1:0", "--connect", "several.test:9527", "--threads", "1")
    return servers, scene.port()


def connected():
    """The server's address of each main connection of a client."""
    with open("/proc/net/tcp", encoding="utf-8") as table:
        lines = [line.split() for line in table.readlines()[1:]]
    return {socket.inet_ntoa(bytes.fromhex(line[2].split(":")[0])[::-1])
            for line in lines if line[2].endswith(f":{9527:04X}") and line[3] == "01"}


def one_of_several(scene, away):
    """The server that a client has goes away, with its record left in DNS."""
    servers, port = start_several(scene)
    target = greeting_target()
    seconds_to_be_greeted(port, "first.good.test", target)
    gone = connected().pop()
    servers[gone].kill()
    servers[gone].wait()
    away(gone)
    took = seconds_to_be_greeted(port, "second.good.test", target)
    print(f"{took * 1000:.0f} ms until the other server serves")
    expect(took < DIAL, f"without {gone} it takes {took:.1f} s")
    expect(connected() - {gone}, "no main connection goes to the other server")


def one_refuses(scene):
    one_of_several(scene, lambda _: None)


def one_is_unreachable(scene):
    def away(at):
        ip("addr", "del", f"{at}/32", "dev", "lo")
        ip("route", "add", "unreachable", at)

    one_of_several(scene, away)


def one_is_silent(scene):
    def away(at):
        ip("addr", "del", f"{at}/32", "dev", "lo")
        ip("route", "add", at, "dev", "lo")

    one_of_several(scene, away)


INSIDE = {case.__name__: case for case in (one_refuses, one_is_unreachable, one_is_silent)}


def several_servers(scene):
    """Of a name with two addresses one refuses, is unreachable, or is silent: the client goes to the other one"""
    for name in INSIDE:
        in_a_network(scene, name, __file__)


if __name__ == "__main__":
    main(INSIDE)
