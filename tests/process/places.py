"""Places to listen on: ports in all their forms, unix sockets with a mode or without a file, the address told for UDP."""
import os
import socket
import stat

from parts import connect, expect, free_port, socks

GREETING, ACCEPTED = b"\x05\x01\x00", b"\x05\x00"


def serves(client):
    with client:
        client.settimeout(20)
        client.sendall(GREETING)
        return client.recv(2) == ACCEPTED


def at_path(path):
    client = socket.socket(socket.AF_UNIX)
    client.connect(path)
    return client


def several_ports(scene):
    """A list of ports, and ports from the environment: a listener for each of them"""
    a, b, c = (free_port() for _ in range(3))
    path = scene.config(socks(port=f"{a},{b}-{b},env:MUXPRO_TEST_PORT"))
    process = scene.start("run", "-c", path, lines=3, env={"MUXPRO_TEST_PORT": str(c)})
    for port in (a, b, c):
        expect(serves(connect(port)), f"port {port} does not serve")
    expect(sorted(scene.places()) == sorted(f"127.0.0.1:{p}" for p in (a, b, c)), f"it prints {scene.text('out')}")
    scene.ends_in_order(process)


def unset_variable(scene):
    """A variable that is not set: check points it out, run ends with one sentence; bad content is a mistake"""
    path = scene.config(socks(port="env:MUXPRO_TEST_PORT"))
    sentence = "names the environment variable MUXPRO_TEST_PORT, which is not set"
    status, told = scene.check(path)
    expect(status == 0 and f"{sentence} here; muxpro run needs it" in told, f"check says {status} {told}")
    status, told = scene.ends_by_itself("run", "-c", path)
    expect(status == 23 and told == f"inbounds[0].port: {sentence}", f"run says {status} {told}")
    for command, bad in (("check", 1), ("run", 23)):
        status, told = scene.ends_by_itself(command, "-c", path, env={"MUXPRO_TEST_PORT": "http"})
        expect(status == bad and "which is 'http'; it must be ports such as" in told, f"{command} says {status} {told}")


def modes(scene):
    """PATH,MODE: the file has the mode, whatever the umask, and goes in the end"""
    for mode in (0o666, 0o600, 0o070):
        path = scene.path("x.sock")
        places = {"run": ["run", "-c", scene.config({"protocol": "socks", "listen": f"{path},{mode:04o}"})],
                  "server": ["server", "--listen", f"unix:{path},{mode:o}"],
                  "client": ["client", "--socks", f"unix:{path},{mode:o}", "--connect", "127.0.0.1:1"]}
        for name, words in places.items():
            process = scene.start(*words)
            found = stat.S_IMODE(os.stat(path).st_mode)
            expect(found == mode, f"{name} makes a socket of mode {found:o}, not {mode:o}")
            scene.ends_in_order(process)
            expect(not os.path.exists(path), f"{name} leaves its socket")
    expect(sorted(os.listdir(scene.directory)) == ["config.json", "err", "out"],
           f"these files are left: {os.listdir(scene.directory)}")


def abstract_names(scene):
    """@NAME and @@NAME: sockets without a file"""
    name = f"muxpro-test-{os.getpid()}"
    room = 108
    for listen, address in ((f"@{name}", f"\0{name}".encode()), (f"@@{name}", f"\0{name}".encode().ljust(room, b"\0"))):
        process = scene.start("run", "-c", scene.config({"protocol": "socks", "listen": listen}))
        expect(scene.places() == [f"unix:{listen}"], f"it prints {scene.text('out')}")
        expect(serves(at_path(address)), f"{listen} does not serve")
        scene.ends_in_order(process)
    process = scene.start("server", "--listen", f"unix:@{name}")
    at_path(f"\0{name}".encode()).close()
    status, told = scene.ends_by_itself("server", "--listen", f"unix:@{name}")
    expect(status == 1 and "Address already in use" in told, f"a second one says {status} {told}")


def address_for_datagrams(scene):
    """settings.ip: the address in the reply to UDP ASSOCIATE; datagrams to the listener's own address are served"""
    process = scene.start("run", "-c", scene.config(socks(settings={"udp": True, "ip": "192.0.2.7"})))
    with connect(scene.port()) as client, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as origin, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        client.sendall(GREETING + b"\x05\x03\x00\x01\0\0\0\0\0\0")
        reply = b""
        while len(reply) < 12:
            reply += client.recv(100)
        expect(reply[2:6] == b"\x05\x00\x00\x01", f"it replies {reply.hex()}")
        expect(socket.inet_ntoa(reply[6:10]) == "192.0.2.7", f"it tells {reply.hex()}")
        origin.bind(("127.0.0.1", 0))
        origin.settimeout(20)
        port = origin.getsockname()[1]
        datagram = b"\0\0\0\x01\x7f\0\0\1" + port.to_bytes(2, "big") + b"hello"
        udp.sendto(datagram, ("127.0.0.1", int.from_bytes(reply[10:12], "big")))
        expect(origin.recv(100) == b"hello", "the datagram is another one")
    scene.ends_in_order(process)


def shared_places(scene):
    """check finds two listeners on one place, as run would"""
    port = free_port()
    for other in ("127.0.0.1", "0.0.0.0", "::"):
        pair = (socks("a", port=port), {**socks("b", port=port, openToAll=True), "listen": other})
        status, told = scene.check(scene.config(*pair))
        expect(status == 1 and "where inbounds[0] listens already" in told, f"of {other} it says {status} {told}")
