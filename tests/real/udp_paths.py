"""UDP between real processes: by way of a SOCKS server, from the address that was asked, beyond what is allowed."""
import json
import re
import socket
import struct
import subprocess
import threading

from datagrams import Association, echo, udp_socket
from parts import DIRECT, eventually, expect, free_port, tool

SOCKS_UDP = {"protocol": "socks", "settings": {"udp": True}}


def by_server(port, user=None):
    server = {"address": "127.0.0.1", "port": port}
    if user:
        name, password = user.split(":")
        server["users"] = [{"user": name, "pass": password}]
    return {"tag": "far", "protocol": "socks", "settings": {"servers": [server]}}


def proxy_of(scene, name, inbounds, outbounds, port=None, **more):
    with open(scene.path(f"{name}.json"), "w", encoding="utf-8") as file:
        json.dump({"log": {"access": "none", "loglevel": "info"}, "inbounds": inbounds, "outbounds": outbounds,
                   **more}, file)
    process = scene.start(name, [scene.program, "run", "-c", scene.path(f"{name}.json")], port)
    eventually(lambda: " on " in scene.log(name), 10, f"{name} does not listen")
    return process


def name_server():
    target = udp_socket()
    target.settimeout(None)
    threading.Thread(target=echo, args=(target,), daemon=True).start()
    return target.getsockname()[1]


def udp_by_socks(scene, _):
    """dig by a door, two SOCKS servers after it, with a password: DNS and a full cone"""
    account, near, far, door = scene.account("alice", "jam tomorrow"), free_port(), free_port(), free_port()
    user, password = account.split(":")
    proxy_of(scene, "far", [{**SOCKS_UDP, "listen": "127.0.0.1", "port": far, "settings": {
        "udp": True, "accounts": [{"user": user, "pass": password}]}}], [DIRECT], far)
    proxy_of(scene, "near", [{**SOCKS_UDP, "listen": "127.0.0.1", "port": near}], [by_server(far, account)], near)
    proxy_of(scene, "door", [
        {"tag": "door", "protocol": "dokodemo-door", "listen": "127.0.0.1", "port": door,
         "settings": {"address": "127.0.0.1", "port": name_server(), "network": "udp"}},
        {**SOCKS_UDP, "listen": "127.0.0.1", "port": 0}], [by_server(near)])
    for _ in range(3):
        done = subprocess.run([tool("dig"), "+short", "+noedns", "@127.0.0.1", "-p", str(door), "example.com"],
                              capture_output=True, text=True, timeout=30, check=False)
        expect(done.stdout.strip() == "192.0.2.7", f"dig said {done.stdout.strip() or done.stderr.strip()}")
    association, first, stranger = Association(near), udp_socket(), udp_socket()
    association.send(first.getsockname()[1], b"hello")
    _, outside = first.recvfrom(100)
    stranger.sendto(b"unasked", outside)
    expect(association.receive() == (stranger.getsockname()[1], b"unasked"), "a stranger does not get through")
    again = Association(near)
    again.send(first.getsockname()[1], b"hello")
    expect(first.recvfrom(100)[1] != outside, "two associations of one client share an outside port")


def udp_from_the_asked(scene, _):
    """On 0.0.0.0 and [::] answers come from the address that was asked: a door, FakeDNS, both families"""
    fake = {"fakedns": {"ipPool": "198.18.0.0/15"}}
    query = b"\x12\x34\x01\x00\x00\x01" + bytes(6) + b"\x01x\x07example\x00\x00\x01\x00\x01"
    for number, listen in enumerate(("0.0.0.0", "::")):
        door, dns = free_port(socket.SOCK_DGRAM), free_port(socket.SOCK_DGRAM)
        proxy_of(scene, f"run{number}", [
            {"tag": "door", "protocol": "dokodemo-door", "listen": listen, "port": door,
             "settings": {"address": "127.0.0.1", "port": name_server(), "network": "udp"}},
            {"tag": "dns", "protocol": "dns", "listen": listen, "port": dns},
            {"tag": "socks", "protocol": "socks", "listen": "127.0.0.1", "port": 0,
             "sniffing": {"enabled": True, "destOverride": ["fakedns"]}}], [DIRECT], **fake)
        for address in ("127.0.0.1", "127.0.0.2") + (("::1",) if listen == "::" else ()):
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            for port in (door, dns):
                with socket.socket(family, socket.SOCK_DGRAM) as client:
                    client.settimeout(5)
                    client.connect((address, port))
                    client.send(query)
                    expect(client.recv(600)[:2] == query[:2], f"{address} answers something else")


def udp_port_changes(scene, _):
    """A client that changes its port keeps its association; another address gets nothing, and is counted"""
    proxy_of(scene, "run", [{**SOCKS_UDP, "listen": "127.0.0.1", "port": (port := free_port())}], [DIRECT], port)
    target = name_server()
    association, other = Association(port), udp_socket()
    query = b"\x12\x34\x01\x00\x00\x01" + bytes(6) + b"\x01x\x07example\x00\x00\x01\x00\x01"
    for client in (association.socket, other, association.socket, other):
        association.socket = client
        association.send(target, query)
        expect(association.receive()[1][:2] == query[:2], "no answer to the client's new port")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as foreign:
        foreign.bind(("127.0.0.2", 0))
        foreign.settimeout(0.2)
        association.socket = foreign
        for _ in range(5):
            association.send(target, query)
        try:
            foreign.recv(100)
            expect(False, "another address uses the association")
        except TimeoutError:
            pass
    eventually(lambda: "1 datagram of 127.0.0.1 dropped: the sender does not belong" in scene.log("run") and
               "4 more datagrams of 127.0.0.1 dropped: the sender does not belong" in scene.log("run"), 10,
               "the log does not count what was dropped")


def udp_refused(scene, _):
    """UDP ASSOCIATE is refused where no rule leads to UDP, and check points it out"""
    mute = {"tag": "far", "protocol": "socks", "settings": {"servers": [{"address": scene.path("none.sock")}]}}
    proxy_of(scene, "run", [{**SOCKS_UDP, "tag": "in", "listen": "127.0.0.1", "port": (port := free_port())}],
             [mute], port)
    with socket.create_connection(("127.0.0.1", port), 10) as control:
        control.sendall(b"\x05\x01\x00\x05\x03\x00\x01" + bytes(6))
        answer = b""
        while len(answer) < 4 and (data := control.recv(64)):
            answer += data
    expect(answer[3:4] == b"\x07", f"UDP ASSOCIATE was answered with {answer.hex()}")
    done = subprocess.run([scene.program, "check", "-c", scene.path("run.json")], capture_output=True, text=True,
                          check=False)
    expect(done.returncode == 0 and "warning: inbound in: UDP ASSOCIATE is refused" in done.stdout,
           f"check said {done.stdout}")


def udp_rate(scene, _):
    """Beyond its rate a user's datagrams are dropped: all are counted, in the log and on the status page"""
    status, port, target = free_port(), free_port(), udp_socket()
    direct = {**DIRECT, "settings": {"allowPrivate": True, "udpRate": 5}}
    process = proxy_of(scene, "run", [{**SOCKS_UDP, "listen": "127.0.0.1", "port": port}], [direct], port,
                       metrics={"listen": f"127.0.0.1:{status}"})
    association, sent = Association(port), 60
    for number in range(sent):
        association.send(target.getsockname()[1], struct.pack("!H", number))
        if number == 0:
            target.recv(10)  # the link has room for 64: the association is open now

    def counted(metric):
        return int(re.search(rf"^{metric} (\d+)$", scene.status(status, "metrics"), re.MULTILINE).group(1))

    def dropped():
        return counted('muxpro_datagram_drops_total{reason="over_rate"}')

    eventually(lambda: dropped() + counted("muxpro_sent_datagram_bytes_total") // 2 == sent, 10,
               "sent and dropped ones are not all")
    number = dropped()
    expect(number >= sent - 10, f"only {number} are dropped")
    association.control.close()
    process.terminate()
    process.wait(10)
    lines = re.findall(r"(\d+) (?:more )?datagrams? of 127\.0\.0\.1 \(at most 5 in a second\) dropped",
                       scene.log("run"))
    expect(sum(map(int, lines)) == number, f"the log has counted {lines}, {number} were dropped")
