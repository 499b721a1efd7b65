"""gRPC with Python's grpcio at the other end, as the client and as the server."""
import concurrent.futures
import contextlib
import os
import queue

from carriers import start_server
from keyed import ID, vless
from parts import PATIENCE, expect, free_port
from traffic import by_socks, echo, receive, target

SERVICE = "chat"


def varint(number):
    return bytes([number]) if number < 128 else bytes([number & 127 | 128]) + varint(number >> 7)


def hunk(*pieces):
    """A message of gRPC: field 1, once with Tun, repeated with TunMulti."""
    return b"".join(b"\x0a" + varint(len(piece)) + piece for piece in pieces)


def content(message):
    out, at = b"", 0
    while at < len(message):
        expect(message[at] == 10, f"a message has the field {message[at]:#x}")
        size, shift, at = 0, 0, at + 1
        while message[at] & 128:
            size, shift, at = size | (message[at] & 127) << shift, shift + 7, at + 1
        size, at = size | message[at] << shift, at + 1
        out, at = out + message[at:at + size], at + size
    return out


class Messages:
    """What a call sends, until end()."""

    def __init__(self):
        self.waiting = queue.SimpleQueue()

    def send(self, *pieces):
        self.waiting.put(hunk(*pieces))

    def end(self):
        self.waiting.put(None)

    def __iter__(self):
        return iter(self.waiting.get, None)


def received(answers, size):
    out = b""
    while len(out) < size:
        out += content(next(answers))
    return out


def python_client(method):
    def run(scene, programs):
        import grpc  # pylint: disable=import-outside-toplevel

        port = free_port()
        start_server(scene, programs["muxpro"], port, "grpc", {"serviceName": SERVICE})
        with target(echo) as to, grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            messages = Messages()
            answers = channel.stream_stream(f"/{SERVICE}/{method}")(iter(messages), timeout=PATIENCE)
            messages.send(bytes(1) + bytes.fromhex(ID.replace("-", "")) + b"\0\1" + to.to_bytes(2, "big") + b"\1\x7f\0\0\1one ")
            messages.send(*([b"two ", b"", b"three"] if method == "TunMulti" else [b"two three"]))
            got = received(answers, 2 + 13)
            expect(got == b"\0\0one two three", f"the echo is {got!r}")
            large = os.urandom(900_000)
            messages.send(large)
            expect(received(answers, len(large)) == large, "a large message comes back wrong")
            messages.end()
            expect(not b"".join(map(content, answers)), "more comes than was sent")
            expect(answers.code() == grpc.StatusCode.OK, f"the call ends with {answers.code()}")
            other = channel.stream_stream("/other/Tun")(iter([hunk(b"hello")]), timeout=PATIENCE)
            with contextlib.suppress(grpc.RpcError):
                next(other)
            expect(other.code() == grpc.StatusCode.UNIMPLEMENTED, f"another service is answered with {other.code()}")

    run.__doc__ = f"Python's grpcio as a client, by {method}: small and large messages, the end of a call, another service"
    run.needs = ("grpc",)
    return run


def serve_vless(calls):
    """A call of VLESS whose bytes come back, whatever its target is."""
    head = b""
    for message in calls:
        head += content(message)
        size = 1 + 16 + 1 + 1 + 2 + 1 + 4
        if len(head) >= size:
            yield hunk(b"\0\0" + head[size:])
            break
    for message in calls:
        yield hunk(content(message))


def python_server(multi):
    def run(scene, programs):
        import grpc  # pylint: disable=import-outside-toplevel

        method = grpc.stream_stream_rpc_method_handler(lambda calls, _: serve_vless(calls))
        server = grpc.server(concurrent.futures.ThreadPoolExecutor(20))
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {"Tun" + "Multi" * multi: method}),))
        port, proxy = server.add_insecure_port("127.0.0.1:0"), free_port()
        server.start()
        local = {"tag": "local", "protocol": "socks", "listen": "127.0.0.1", "port": proxy}
        outbound = {"protocol": "vless", "settings": vless(port)[1], "streamSettings": {
            "network": "grpc", "grpcSettings": {"serviceName": SERVICE, "multiMode": multi}}}
        programs["muxpro"].start(scene, "client", local, outbound, timers=False)
        with contextlib.ExitStack() as opened:
            clients = [opened.enter_context(by_socks(proxy, 80)) for _ in range(10)]
            for size in (1, 100, 300_000):
                data = os.urandom(size)
                for client in clients:
                    client.sendall(data)
                for client in clients:
                    expect(receive(client, size) == data, f"{size} bytes come back wrong")
        server.stop(None)

    run.__doc__ = f"Python's grpcio as a server, by Tun{'Multi' * multi}: ten calls of one connection"
    run.needs = ("grpc",)
    return run


CASES = {"python_grpc_client": python_client("Tun"), "python_grpc_client_multi": python_client("TunMulti"),
         "python_grpc_server": python_server(False), "python_grpc_server_multi": python_server(True)}
