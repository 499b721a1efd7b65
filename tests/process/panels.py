"""Panels as they start the core and call its API: Marzban, 3x-ui and v2rayN, with a client of gRPC that is just enough."""
import json
import os
import struct
import subprocess

from parts import PATIENCE, Failed, connect, eventually, expect, free_port

ID = "66ad4540-b58c-4ad2-9926-ea63445a9b57"
COUNTED = {"levels": {"0": {"statsUserUplink": True, "statsUserDownlink": True}},
           "system": {"statsInboundUplink": True, "statsInboundDownlink": True, "statsOutboundUplink": True}}
SERVICES = ["HandlerService", "LoggerService", "StatsService"]


def varint(n):
    out = b""
    while n > 127:
        out += bytes((n & 127 | 128,))
        n >>= 7
    return out + bytes((n,))


def field(number, content):
    """A field of protobuf: a text, bytes, or a number."""
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    content = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(content)) + content


def typed(name, message):
    return field(1, name) + field(2, message)


def frame(kind, flags, stream, payload):
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def literal(name, value):
    """A field of HPACK that is not indexed."""
    return b"\0" + bytes((len(name),)) + name.encode() + bytes((len(value),)) + value.encode()


def receive(client, size):
    out = b""
    while len(out) < size:
        piece = client.recv(size - len(out))
        expect(piece, "the API ends the connection")
        out += piece
    return out


def call(port, service, method, message=b""):
    """The answer's message; None if its trailers report a failure."""
    data, headers, settings, ack, end_stream, end_headers = 0, 1, 4, 1, 1, 4
    head = b"".join(literal(name, value) for name, value in (
        (":method", "POST"), (":scheme", "http"), (":path", f"/xray.app.{service}/{method}"), (":authority", "127.0.0.1"),
        ("content-type", "application/grpc"), ("te", "trailers")))
    with connect(port) as client:
        client.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(settings, 0, 0, b"") + frame(headers, end_headers, 1, head)
                       + frame(data, end_stream, 1, b"\0" + struct.pack(">I", len(message)) + message))
        heard = b""
        while True:
            size, kind, flags = struct.unpack(">I", b"\0" + receive(client, 3))[0], *receive(client, 2)
            receive(client, 4)
            payload = receive(client, size)
            if kind == settings and not flags & ack:
                client.sendall(frame(settings, ack, 0, b""))
            if kind == data:
                heard += payload
            if kind in (data, headers) and flags & end_stream:
                return heard[5:] if len(heard) >= 5 else None


STATS, HANDLER, LOGGER = "stats.command.StatsService", "proxyman.command.HandlerService", "log.command.LoggerService"


def answers(port):
    try:
        return call(port, STATS, "GetSysStats") is not None
    except (OSError, Failed):
        return False


def add_user(tag, email, account_type, account):
    user = field(1, 0) + field(2, email) + field(3, typed(account_type, account))
    return field(1, tag) + field(2, typed("xray.app.proxyman.command.AddUserOperation", field(1, user)))


def remove_user(tag, email):
    return field(1, tag) + field(2, typed("xray.app.proxyman.command.RemoveUserOperation", field(1, email)))


def behind_rule(tag, port, **more):
    """A configuration whose API is an outbound that a rule leads an inbound to."""
    door = {"tag": more.pop("door"), "listen": "127.0.0.1", "port": port, "protocol": more.pop("protocol", "dokodemo-door"),
            "settings": {"address": "127.0.0.1"}}
    rule = {"type": "field", "inboundTag": [door["tag"]], "outboundTag": tag}
    server = {"tag": "server", "listen": "127.0.0.1", "port": free_port(), "protocol": "vless",
              "settings": {"clients": [], "decryption": "none"}}
    return {"log": {"loglevel": "warning"}, "api": {"tag": tag, "services": SERVICES}, "stats": {}, "policy": COUNTED,
            "inbounds": [door, server], "outbounds": [{"tag": "direct", "protocol": "freedom"}, {"tag": "blocked", "protocol": "blackhole"}],
            "routing": {"rules": [rule]}, **more}


def manage_a_user(port):
    added = add_user("server", "1.ann", "xray.proxy.vless.Account", field(1, ID))
    expect(call(port, HANDLER, "AlterInbound", added) == b"", "the user is not added")
    expect(call(port, HANDLER, "AlterInbound", added) is None, "the user is added twice")
    expect(call(port, HANDLER, "AlterInbound", remove_user("server", "1.ann")) == b"", "the user is not removed")
    expect(call(port, HANDLER, "AlterInbound", remove_user("server", "1.ann")) is None, "the user is removed twice")
    expect(b"direct" in call(port, HANDLER, "ListOutbounds"), "the outbounds are not listed")
    expect(call(port, STATS, "QueryStats", field(1, "user>>>") + field(2, 1)) == b"", "there is traffic of users")


def marzban(scene):
    """Marzban: the configuration comes by standard input, and users come by the API behind a rule, also of Shadowsocks"""
    port = free_port()
    whole = behind_rule("API", port, door="API_INBOUND")
    whole["inbounds"].append({"tag": "Shadowsocks TCP", "listen": "0.0.0.0", "port": free_port(), "protocol": "shadowsocks",
                              "settings": {"clients": [], "network": "tcp,udp"}})
    with open(scene.path("out"), "w", encoding="utf-8") as out, open(scene.path("err"), "w", encoding="utf-8") as err:
        process = subprocess.Popen([scene.program, "run", "-config", "stdin:"], stdin=subprocess.PIPE, stdout=out, stderr=err)
    scene.processes.append(process)
    process.stdin.write(json.dumps(whole).encode())
    process.stdin.close()
    eventually(lambda: answers(port), "the API does not answer")
    manage_a_user(port)
    chacha20_poly1305 = 7
    added = add_user("Shadowsocks TCP", "1.ann", "xray.proxy.shadowsocks.Account", field(1, "secret") + field(2, chacha20_poly1305))
    expect(call(port, HANDLER, "AlterInbound", added) == b"", "the user of Shadowsocks is not added")
    expect(call(port, HANDLER, "AlterInbound", remove_user("Shadowsocks TCP", "1.ann")) == b"", "nor removed")
    scene.ends_in_order(process)


def three_x_ui(scene):
    """3x-ui: its template, with the API and a page, users and inbounds that come and go, and the log opened again"""
    port, page, added = free_port(), free_port(), free_port()
    whole = behind_rule("api", port, door="api", metrics={"tag": "metrics_out", "listen": f"127.0.0.1:{page}"},
                        log={"access": "none", "dnsLog": False, "error": scene.path("log"), "loglevel": "warning", "maskAddress": ""})
    with open(scene.path("config.json"), "w", encoding="utf-8") as file:
        json.dump(whole, file)
    process = scene.start("run", "-c", scene.path("config.json"), lines=3)
    eventually(lambda: answers(port), "the API does not answer")
    manage_a_user(port)
    at = field(1, field(1, field(1, added) + field(2, added))) + field(2, field(1, b"\x7f\0\0\1"))
    config = field(1, field(2, "ann") + field(3, typed("xray.proxy.trojan.Account", field(1, "secret"))))
    handler = field(1, "inbound-1") + field(2, typed("xray.app.proxyman.ReceiverConfig", at)) + field(3, typed("xray.proxy.trojan.ServerConfig", config))
    expect(call(port, HANDLER, "AddInbound", field(1, handler)) == b"", "the inbound is not added")
    connect(added).close()
    expect(call(port, HANDLER, "RemoveInbound", field(1, "inbound-1")) == b"", "the inbound is not removed")

    def refuses():
        try:
            connect(added).close()
            return False
        except OSError:
            return True

    eventually(refuses, "the inbound still listens")
    os.rename(scene.path("log"), scene.path("log.1"))
    expect(call(port, LOGGER, "RestartLogger") == b"", "the log is not opened again")
    expect(os.path.exists(scene.path("log")), "the log is not there")
    scene.ends_in_order(process)


def v2rayn(scene):
    """v2rayN: run -c with an API that has counters alone"""
    port = free_port()
    whole = behind_rule("api", port, door="api", api={"tag": "api", "services": ["StatsService"]})
    with open(scene.path("config.json"), "w", encoding="utf-8") as file:
        json.dump(whole, file)
    process = scene.start("run", "-c", scene.path("config.json"), lines=2)
    eventually(lambda: b"inbound>>>api>>>traffic>>>uplink" in (call(port, STATS, "QueryStats") or b""), "there are no counters")
    expect(call(port, HANDLER, "ListInbounds") is None, "a service that is not listed answers")
    process.terminate()
    expect(process.wait(PATIENCE) == 0, "it does not end in order")
