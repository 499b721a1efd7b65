#!/usr/bin/env python3
"""Writes the seeds of the corpora from the conformance vectors: tests/fuzz/seed.py tests/conformance/cases.json.

An input of decoder, session_as_server, session_as_client, sniffers and router is a byte n, 2n bytes of choices, and the wire. session_pair,
nat_table and tls_stream are choices alone: the seeds of the first two are arbitrary. See fuzz.hpp. Those of fake_dns and dns_reply are DNS messages, those
of config are texts."""
import base64
import hashlib
import json
import pathlib
import re
import sys

LONGEST = 4096  # longer vectors are what the targets make of choices
CORPUS = pathlib.Path(__file__).parent / "corpus"

# Choices of one_session.hpp: agree, pipe, then the options, the ending and the handshake.
RAW = bytes([255])  # the wire holds the negotiation, too
AGREED = bytes(10)


def scripted(choices, wire):
    choices += bytes(len(choices) % 2)
    return bytes([len(choices) // 2]) + choices + wire


def write(target, data):
    directory = CORPUS / target
    directory.mkdir(parents=True, exist_ok=True)
    (directory / hashlib.sha1(data).hexdigest()[:12]).write_bytes(data)


def seed_mux_cool():
    """Choices as for a session, and frames of Mux.Cool on the wire."""
    tcp, data = "0014000101010101bb020b6578616d706c652e636f6d000568656c6c6f", "0004000102010005776f726c64"
    udp, there = "0014000001010200350101010101 9e59bb8dc7c4f98e0002abcd", "000c0000020102003501080808080002abcd"
    ends = ("0004000103 00", "0004000103 02", "0004000103 010002abcd", "0004000004 00", "0004000902 010001aa")
    for wire in (tcp, udp, tcp + data + ends[0], tcp + ends[1] + data, udp + there + there, tcp + data + udp + "".join(ends)):
        for side in ("server", "client"):
            write("mux_cool_as_" + side, scripted(AGREED, bytes.fromhex(wire)))
            write("mux_cool_as_" + side, scripted(bytes([0, 1] + [255] * 6 + list(range(40))), bytes.fromhex(wire * 3)))
        write("decoder", scripted(bytes([4, 1, 2, 3]), bytes.fromhex(wire)))


def seed_socks():
    """A byte that chooses what reads, a script."""
    server = ("050100 05010003 0b6578616d706c652e636f6d 0050", "050100 05030001 00000000 0000",
              "050100 05010004 20010db8000000000000000000000001 01bb 1603", "0401 0050 c0000201 7573657200",
              "0401 0050 00000001 00 6578616d706c652e636f6d00", "050102", "050100 05020001 c0000201 0050")
    closed = ("050102 0105616c6963650177 05010003 0161 0050", "050102 0105616c6963650178", "050102 05010001 7f000001 0050")
    datagrams = ("000000 01 c0000201 0035 cafe", "000000 03 0161 0035", "000000 04 20010db8000000000000000000000001 0035 00",
                 "000001 01 c0000201 0035 cafe")
    client = ("0502 0100 05000001 c0000201 1234 4849", "0500 05000003 0178 0001", "0500 0505", "0502 0101", "05ff")
    relays = ("0500 05000001 00000000 1234", "0500 05000003 0178 1234", "0500 05000001 7f000001 0000", "0500 0507")
    for choice, inputs in enumerate((server, closed, datagrams, client, relays)):
        for wire in inputs:
            write("socks", bytes([choice]) + scripted(bytes([0, 3]), bytes.fromhex(wire)))


def seed_vless():
    """A byte that chooses what reads, and the wire. The user is the phrase "alice"."""
    digest = bytearray(hashlib.sha1(bytes(16) + b"alice").digest()[:16])
    digest[6], digest[8] = digest[6] & 15 | 0x50, digest[8] & 0x3F | 0x80
    user = "00" + digest.hex()
    requests = ("00 01 01bb 01 c0000201 474554", "00 01 01bb 02 0c 6578616d706c652e74657374", "00 02 0035 03 20010db8000000000000000000000001 0001 78",
                "00 03", "12 0a10 78746c732d727072782d766973696f6e 01 0050 01 c0000201", "04 1202 0102 02 0050 02 01 61", "00 01 0000 01 c0000201")
    for request in requests:
        write("vless", b"\0" + bytes.fromhex(user + request))
    for choice, inputs in ((1, ("0000 68", "0002 1200 68", "01")), (2, ("0005 68656c6c6f 0001 78", "0000 0001 78"))):
        for wire in inputs:
            write("vless", bytes([choice]) + bytes.fromhex(wire))


def seed_vision():
    """A byte: 0: blocks behind the UUID. 1: choices, which are the content as well."""
    for wire in ("00 0000 0004 00000000 01 0005 0002 68656c6c6f 0000 78", "02 0001 0000 78 170303", "03 0000 0000", "00 ffff ffff"):
        write("vision", b"\0" + bytes.fromhex(wire))
    hello = bytes.fromhex("160301000501000001 00")
    for content in (hello + bytes.fromhex("1703030001ff"), b"SSH-2.0-x\r\n" * 20):
        write("vision", b"\1" + content)


def seed_reality():
    """A byte that chooses what reads, and the wire."""
    extensions = "002b 0003 020304 0033 0026 0024 001d 0020" + "09" * 32
    body = "0303" + "07" * 32 + "20" + "05" * 32 + "0002 1301 0100" + f"{len(bytes.fromhex(extensions)):04x}" + extensions
    message = bytes.fromhex("01" + f"{len(bytes.fromhex(body)):06x}" + body)
    record = bytes.fromhex("160301") + len(message).to_bytes(2, "big") + message
    for wire in (record, record[:40], record + b"x", b"GET / HTTP/1.1\r\n"):
        write("reality", b"\0" + wire)
    write("reality", b"\1" + message)
    server = "0303" + "07" * 32 + "00 1301 00 002e 002b 0002 0304 0033 0024 001d 0020" + "09" * 32
    answer = bytes.fromhex("02" + f"{len(bytes.fromhex(server)):06x}" + server)
    sealed = b"".join(bytes.fromhex("170303") + n.to_bytes(2, "big") + bytes(n) for n in (23, 100, 96, 53))
    flight = bytes.fromhex("160303") + len(answer).to_bytes(2, "big") + answer + bytes.fromhex("140303000101")
    for wire in (flight + sealed, flight + bytes.fromhex("170303 0201") + bytes(513), bytes.fromhex("15030300020228")):
        write("reality", b"\2" + wire)
def seed_websocket():
    """A byte that chooses what reads, the size of the pieces less one, and the wire."""
    masked = ("82850102030469676f686e", "01870102030449676f686e2e23898d0102030460706624786d7624756a667664008001020304808501020304766d7165"
              "6588820102030402ea", "c28000000000", "89fe007e00000000", "82ff800000000000000000000000")
    plain = ("820568656c6c6f", "0203616263 8903646566 0001 67 8000 8201 68", "820161 8a03656f66 8900 880203e8", "827e0003616263")
    for choice, wires in ((0, masked), (1, plain)):
        for wire in wires:
            write("websocket", bytes([choice, 2]) + bytes.fromhex(wire))
    head = (b"GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")
    write("websocket", b"\2\0" + head + b"\r\n")
    write("websocket", b"\2\0" + head + b"Sec-WebSocket-Protocol: AGatRUC1\r\nX-Forwarded-For: 192.0.2.1, ::1\r\n\r\n")
    write("websocket", b"\3\0HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")


def seed_proxy_header():
    """A byte that chooses what reads, the size of the pieces less one, and the wire; or choices of two ends."""
    binary = bytes.fromhex("0d0a0d0a000d0a515549540a")
    lines = (b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\nGET", b"PROXY TCP6 2001:db8::1 ::ffff:192.0.2.2 1 65535\r\n", b"PROXY UNKNOWN\r\nx",
             b"PROXY UNKNOWN \r" + b"x" * 90 + b"\r\n", b"PROXY UNKNOWN \r" + b"x" * 91 + b"\r\n", b"PROXY TCP4 192.0.2.1\0 192.0.2.2 1 2\r\n",
             b"PROXY TCP6 fe80::1%lo fe80::2 1 2\r\n", b"PROXY TCP4 0.0.0.0 192.0.2.2 1 2\r\n", b"PROXY A\r\n\r\n\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n")
    blocks = ("2111000c c0000201 c6336402 dc04 01bb 474554", "21210026 20010db8000000000000000000000001 20010db8000000000000000000000002 0001 ffff 0400 61",
              "20000000 61", "2131000a 00000000000000000000 61", "2111000b c0000201 c6336402 dc04 01", "2111", "21110ff1", "1111000c")
    for wire in (*lines, *(binary + bytes.fromhex(block) for block in blocks)):
        write("proxy_header", b"\0\2" + wire)
    v4, v6, mapped = b"\0" + bytes([192, 0, 2, 1]), b"\1\1" + bytes(range(16)), b"\2" + bytes([192, 0, 2, 2])
    for ends in (v4 + b"\1\2" + v4, v6 + b"\1\2" + v6, v4 + b"\0\0" + mapped + b"\1\2", mapped + b"\1\2" + v6, b"\0" + bytes(6) + v4):
        for version in (b"\0", b"\1"):
            write("proxy_header", b"\1\2" + version + ends)


def seed_vmess():
    """A byte that chooses what reads: a request on the wire, a head that is sealed first, chunks, text. Before the last two
    are four bytes for the security, the options, datagrams and the answer."""
    keys = "01" + "11" * 16 + "22" * 16
    heads = ("77 0d 03 00 01 01bb 02 0c 6578616d706c652e74657374", "77 05 24 00 02 0035 01 c0000201 cccc", "77 01 05 00 03", "00 09 03 00 01 0050 01 c0000201",
             "00 00 05 00 02 0035 01 c0000201", "00 01 06 00 01 0050 01 c0000201", "00 01 03 00 09 0050 01 c0000201")
    for head in heads:
        content = bytes.fromhex(keys + head)
        checksum = 0x811C9DC5
        for b in content:
            checksum = (checksum ^ b) * 0x01000193 & 0xFFFFFFFF
        write("vmess", b"\1" + content + checksum.to_bytes(4, "big"))
    write("vmess", b"\0" + bytes(100))
    for wire in ("02010077 0005 68656c6c6f 0000", "02050077 fc84 68656c6c6f", "02010177 0001 61 0002 6263", "020000aa 616263", "000d0077 8e65 00112233445566778899aabbccddeeff",
                 "011d0077 00112233445566778899aabbccddeeff0011"):
        write("vmess", b"\2" + bytes.fromhex(wire))
        write("vmess", b"\3" + bytes.fromhex(wire))


def seed_shadowsocks():
    for method in range(5):
        for reader in (0, 2):
            write("shadowsocks", bytes((reader, method)) + bytes(range(120)))
        # Targets with what follows, as a text of a chunk, and as the head of a method of 2022.
        for text in ("030b6578616d706c652e636f6d01bb", "010102030400500001006869", "04", "0100000000000000"):
            write("shadowsocks", bytes((1, method)) + bytes.fromhex(text))


def seed_grpc():
    """Messages."""
    for wire in ("00 00000007 0a05 68656c6c6f", "00 0000000b 0a02 6162 0a00 0a03 636465 00 00000000", "00 0000000c 19 0102030405060708 0a01 61",
                 "00 00000006 10 ffff03 0a00", "01 00000000", "00 00000006 0a05 68656c6c6f"):
        write("grpc", bytes.fromhex(wire))


def seed_api():
    """A form and a message; a call; a path."""
    def field(number, content):
        return bytes((number << 3 | 2, len(content))) + content

    user = field(2, b"ann") + field(3, field(1, b"xray.proxy.trojan.Account") + field(2, field(1, b"secret")))
    proxy = field(1, b"xray.proxy.trojan.ServerConfig") + field(2, field(1, user))
    receiver = field(1, b"xray.app.proxyman.ReceiverConfig") + field(2, field(1, field(1, b"\x08\x50\x10\x50")) + field(2, field(1, bytes((127, 0, 0, 1)))))
    write("api", b"\0" + field(1, b"in") + field(2, receiver) + field(3, proxy))
    freedom = field(1, b"xray.proxy.freedom.Config") + field(2, b"\x08\x01")
    write("api", b"\1" + field(1, b"out") + field(3, freedom))
    write("api", b"\2" + user)
    rule = field(1, b"out") + field(2, b"\x08\x03" + field(2, b"a.example")) + field(10, field(2, field(1, bytes((10, 0, 0, 0))) + b"\x10\x08")) + b"\x68\x02"
    write("api", b"\3" + field(2, rule))
    operation = field(1, b"xray.app.proxyman.command.AddUserOperation") + field(2, field(1, user))
    write("api", b"\4" + operation)
    write("api", b"\5\0\0\0\0\2ab")
    write("api", b"\6/xray.app.stats.command.StatsService/QueryStats")
    write("api", b"\7" + field(1, b"in") + b"\x10\x03" + field(4, bytes((10, 0, 0, 1))) + b"\x30\x35")


def seed_xhttp():
    """Choices and a request."""
    referer = b"Referer: http://a.example/up/?x_padding=XXXXXXXXXX\r\n"
    for line in (b"POST /up/", b"GET /up/some-session", b"POST /up/some-session", b"POST /up/some-session/7", b"OPTIONS /up/",
                 b"GET /up/%73/18446744073709551615?x_padding=XXXX", b"POST /up/" + b"s" * 200, b"GET /"):
        head = line + b" HTTP/1.1\r\nHost: a.example\r\n" + referer + b"Origin: https://b.example\r\nContent-Length: 3\r\n\r\n"
        for choices in (bytes([0, 1, 1]), bytes([0, 0, 0, 2, 0, 1, 0, 0, 1, 1, 1, 0, 1]), bytes([1, 1, 1] + list(range(40)))):
            write("xhttp", scripted(choices, head))
    # Mode, padding's form, place and method, places of the session, the number and data, then host and path: each place is there.
    wire = (b"POST /up/some/7?s=some&n=7&x_padding=XXXX HTTP/1.1\r\nHost: a.example\r\ns: some\r\nn: 7\r\nd-0: aGVs\r\nd-1: bG8\r\n"
            b"X-Padding: /?x_padding=aB9z\r\nCookie: s=some; n=7; d_0=aGVs; d_1=bG8; x_padding=XXXX\r\n\r\n")
    for place in range(4):
        for tokenish in (0, 1):
            write("xhttp", scripted(bytes([0, 1, place, tokenish, place, (place + tokenish) % 4, place, 1, 1, 1, 0, 2, 1]), wire))


def seed_http2():
    """A script: whether it is a server, then what to leave out; for a client whether it sends a request. The wire begins behind SETTINGS."""
    def frame(kind, flags, stream, payload=b""):
        return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload

    post = bytes.fromhex("83 84 86 4101 61")
    request, answer = frame(1, 4, 1, post), frame(1, 4, 1, bytes([0x88]))
    hello, end, reset = frame(0, 0, 1, b"hello" * 20), frame(0, 1, 1), frame(3, 0, 1, bytes([0, 0, 0, 8]))
    ping, window, goaway = frame(6, 0, 0, bytes(8)), frame(8, 0, 1, bytes([0, 0, 16, 0])), frame(7, 0, 0, bytes(8))
    for wire in (request + hello + end, request + reset, request + hello * 40, (request + reset) * 3, ping * 5 + window + goaway,
                 request + frame(1, 5, 1, post), frame(1, 0, 1, post[:2]) + frame(9, 4, 1, post[2:]), frame(0x55, 0, 3, b"x") + request):
        for acts in (bytes(13), bytes([0, 255, 0, 1, 200, 0, 2, 200, 0, 3, 200, 0, 4])):
            write("http2", scripted(bytes([1, 0, 0]) + acts, wire))
    for wire in (answer + hello + end, answer + frame(1, 5, 1, bytes([0x88])), frame(1, 5, 1, bytes([0x8d])), goaway, reset):
        write("http2", scripted(bytes([0, 1, 0, 0]) + bytes(12), wire))


def seed_trojan():
    """A byte that chooses what reads, and the wire. The password is "alice"."""
    line = hashlib.sha224(b"alice").hexdigest().encode() + b"\r\n"
    for request in ("01 03 0b 6578616d706c652e636f6d 01bb 0d0a 474554", "03 01 01010101 0035 0d0a 01 01010101 0035 0004 0d0a 61626364",
                    "01 04 20010db8000000000000000000000001 0050 0d0a", "7f 01 01010101 0035 0d0a", "01 01 01010101 0035 0d0d"):
        write("trojan", b"\0" + line + bytes.fromhex(request))
    for wire in ("01 01010101 0035 0004 0d0a 61626364 03 01 61 0035 0000 0d0a", "04 20010db8000000000000000000000001 0035 0001 0d0a 78", "02"):
        write("trojan", b"\1" + bytes.fromhex(wire))


def seed_http():
    """A byte that chooses what reads, a script."""
    field = {"length": "Content-Length: 5\r\n", "chunked": "Transfer-Encoding: chunked\r\n", "user": "Proxy-Authorization: Basic YTpi\r\n",
             "upgrade": "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n", "hop": "Connection: close, X\r\nX: y\r\nTE: trailers\r\n"}
    heads = ["CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n" + field["user"] + "\r\n\x16\x03\x01",
             "CONNECT [2001:db8::1]:443 HTTP/1.0\r\n\r\n", "OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n",
             "GET http://[::1]:8080?x HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"]
    heads += [f"POST http://example.com:81/x?y HTTP/1.1\r\nHost: a\r\n{f}\r\nhello" for f in field.values()]
    heads += [f"GET http://a/ HTTP/1.1\r\nHost: a\r\n{field[f]}\r\n" for f in ("upgrade", "user", "hop")]
    chunked = ("0\r\n\r\nX", "5;a=b\r\nhello\r\n0A\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\nGET", "5\nhello", "fffffffffffffffff\r\n")
    for choice, inputs in enumerate((heads, chunked, ("hello",))):
        for wire in inputs:
            write("http_request", bytes([choice]) + scripted(bytes([0, 3]), wire.encode("latin-1")))


def seed_http_answers():
    """A byte that chooses the method and the client, a script."""
    ok, length, chunks = "HTTP/1.1 200 OK\r\n", "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"
    hop = "Connection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nUpgrade: h2c\r\n"
    answers = (ok + length + "\r\nhello", ok + chunks + "Trailer: X\r\n\r\n5;a=b\r\nhello\r\n0\r\nX: 1\r\n\r\nHTTP/1.1", ok + "\r\nhello",
               ok + hop + length + "\r\nhello", ok + length + chunks + "\r\n", ok + length + length + "\r\nhello", ok + "X: y\r\n z\r\n\r\n",
               "HTTP/1.0 200\r\nConnection: keep-alive\r\n" + length + "\r\nhello", "HTTP/1.1 204 No Content\r\n\r\n",
               "HTTP/1.1 304 Not Modified\r\n" + length + "\r\n", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 403 No\r\n\r\n",
               "HTTP/1.1 101 Switching Protocols\r\nUpgrade: tcp\r\nConnection: Upgrade\r\n\r\n",
               "HTTP/1.1 401 x\r\nWWW-Authenticate: Basic realm=x, NTLM\r\nContent-Length : 0\r\n\r\n")
    for choice in range(4):
        for wire in answers[choice % 2::2] if choice < 2 else answers[:2]:
            write("http_response", bytes([choice]) + scripted(bytes([0, 3]), wire.encode("latin-1")))


def prefix(data):
    """The block behind an addressed Keep, or nothing."""
    at = data.find(bytes([2, 0x1B, 0x5F]))
    return data[at:] if at >= 0 else b""


def counted(octets, data):
    return len(data).to_bytes(octets, "big") + data


def client_hello(name):
    server_name = bytes(2) + counted(2, counted(2, b"\0" + counted(2, name)))
    share = bytes([0, 0x33]) + counted(2, bytes(40))
    body = b"\3\3" + bytes(32) + counted(1, bytes(32)) + counted(2, b"\x13\1") + b"\1\0"
    return b"\1" + counted(3, body + counted(2, share + server_name))


def captures(name):
    """The byte strings of a file of tests/proxy/rules/captures."""
    text = (pathlib.Path(__file__).parent.parent / "proxy/rules/captures" / name).read_text()
    return [bytes.fromhex(block) for block in re.findall(r'R"\((.*?)\)"', text, re.DOTALL)]


def captured_sniffer_seeds():
    for name in ("tls_openssl.hex", "tls_curl.hex", "tls_chromium.hex"):
        write("sniffers", scripted(bytes(8), captures(name)[0]))
    # A piece of that size has a multiple of 17 bytes: what it takes behind a packet is no packet.
    first, second = captures("quic_chromium.hex")[:2]
    size = -(-len(first) // 17)
    write("sniffers", scripted(bytes([1, 127 + size]), first + bytes(size * 17 - len(first)) + second))


def sniffer_seeds():
    """The first choice says where the bytes go: stream, datagrams, QUIC frames, TLS records."""
    captured_sniffer_seeds()
    hello = client_hello(b"www.example.com")
    utp = bytes.fromhex("41000000fffffff00000000000100000004d0000")
    for request in (b"GET / HTTP/1.1\r\nHost: example.com:80\r\nAccept: *\r\n\r\n", b"connect [::1]:1 http/1.1\nhost: [::1]:1\n\n"):
        write("sniffers", scripted(bytes(8), request))
    write("sniffers", scripted(bytes(8), b"\x13BitTorrent protocol"))
    write("sniffers", scripted(bytes(8), b"\x16\3\1" + counted(2, hello)))
    write("sniffers", scripted(bytes([1, 20, 20]), utp + b"\1" + utp[1:]))
    write("sniffers", scripted(bytes([2, 0, 255, 0, 0]), b"\6\0" + bytes([0x40, len(hello)]) + hello))
    halves = [b"\6\x40\x32" + bytes([0x40, len(hello) - 50]) + hello[50:], b"\1\0\6\0" + bytes([0x32]) + hello[:50]]
    write("sniffers", scripted(bytes([2, 1, 200, 0, 0, 0, 255, 1, 1]), b"".join(halves)))
    write("sniffers", scripted(bytes([3, 30, 60, 255]), hello))


def fake_dns_seeds():
    name = b"\7example\3com\0"
    for kind in (1, 28, 65):
        write("fake_dns", bytes.fromhex("beef01000001000000000000") + name + bytes([0, kind, 0, 1]))
    write("fake_dns", bytes.fromhex("beef01000001000000000001") + name + bytes([0, 1, 0, 1]) + bytes.fromhex("00002904d0000000000000"))
    write("fake_dns", bytes.fromhex("beef81800001000000000000") + name + bytes([0, 1, 0, 1]))


def dns_reply_seeds():
    question = b"\1a\7example\0"
    def reply(head, kind, records):
        write("dns_reply", bytes.fromhex(head) + question + bytes([0, kind, 0, 1]) + bytes.fromhex(records))
    reply("beef81800001000100000000", 1, "c00c000100010000003c0004c0000201")
    reply("beef81800001000200000000", 1, "c00c000500010000001e00040163c00ec027000100010000003c0004c0000202")
    reply("beef81800001000100000001", 28, "c00c001c000100000001001020010db8000000000000000000000001" "00002904d0000000000000")
    reply("beef83800001000200000000", 1, "c00c000100010000003c0004c0000201c00c0001")
    reply("beef81830001000000000000", 1, "")
    write("dns_reply", bytes.fromhex("beef81810000000000000000"))


def field(number, data):
    if isinstance(data, int):
        return bytes([number << 3, data])
    return bytes([number << 3 | 2, len(data)]) + data


def router_seeds():
    """Rules are lines; the choices say which field of which rule each is. Geo data comes as it lies in its files."""
    def rules(*fields):
        choices = b"\1\1" + b"".join(bytes(([] if i == 0 else [1]) + [1, number]) for i, (number, _) in enumerate(fields))
        return scripted(choices + bytes(24), b"\n".join(text for _, text in fields))

    for texts in ((b"domain:example.com", b"full:www.example.com", b"keyword:ample", b"regexp:^w+\\."), (b"dotless:a", b"xampl")):
        write("router", rules(*((0, text) for text in texts)))
    write("router", rules((2, b"10.0.0.0/8"), (2, b"!2001:db8::/32"), (3, b"192.0.2.1")))
    write("router", rules((4, b"53,443,1000-2000"), (5, b"0-65535"), (6, b"tcp,udp"), (7, b"regexp:^a"), (8, b"tls"), (10, b"x:.*")))
    site = field(2, field(1, 2) + field(2, b"example.cn") + field(3, field(1, b"ads") + field(2, 1)))
    for flags in (1, 0):
        write("router", scripted(bytes([0, 1, flags]) + bytes(40), field(1, field(1, b"CN") + site)))
        write("router", scripted(bytes([0, 0, flags]) + bytes(40), field(1, field(1, b"CN") + field(2, field(1, bytes([10, 1, 0, 0])) + field(2, 16)))))


def config_seeds():
    socks = {"protocol": "socks", "listen": "127.0.0.1", "port": 1080}
    own = {"certificateFile": "a.pem", "keyFile": "a.key"}
    authority = {"certificateFile": "ca.pem", "usage": "verify"}
    server = {"protocol": "mux.pro", "settings": {"address": "proxy.example", "port": 9527}}
    sniffing = {"enabled": True, "destOverride": ["http", "tls"], "domainsExcluded": ["full:a.example"], "ipsExcluded": ["10.0.0.0/8"],
                "portsExcluded": "25", "metadataOnly": False, "routeOnly": True}
    account = {"auth": "password", "accounts": [{"user": "a", "pass": "b"}], "userLevel": 1, "udp": False}

    def tls(**settings):
        return {"network": "tcp", "security": "tls", "tlsSettings": settings}

    def text(inbound=socks, *outbounds, **more):
        return json.dumps({"inbounds": [inbound], "outbounds": list(outbounds) or [{"protocol": "freedom"}], **more}).encode()

    seeds = [text(), text({**socks, "listen": "/run/s", "sniffing": sniffing}), text({**socks, "listen": "::", "settings": account}),
             text({**socks, "listen": "::", "streamSettings": tls(certificates=[own, authority], alpn=["h2"], minVersion="1.3")}),
             text({**socks, "listen": "0.0.0.0", "openToAll": True, "tag": "x",
                   "streamSettings": {"network": "raw", "sockopt": {"tcpNoDelay": True, "tcpFastOpen": True, "tcpKeepAliveIdle": 9,
                                                                    "tcpKeepAliveInterval": 9, "tcpUserTimeout": 9}}}),
             text(socks, {**server, "mux": {"enabled": True, "protocol": "mux.pro", "concurrency": 8, "maxConnections": 4}}),
             text(socks, {**server, "streamSettings": tls(serverName="x", pinnedPeerCertSha256="a" * 64, allowInsecure=False)}),
             text(socks, {"tag": "a", "protocol": "freedom", "settings": {"domainStrategy": "AsIs", "allowPrivate": True}},
                  {"tag": "b", "protocol": "blackhole", "settings": {"response": {"type": "none"}}},
                  routing={"domainStrategy": "IPOnDemand", "balancers": [{"tag": "c", "selector": ["a"], "fallbackTag": "b",
                                                                          "strategy": {"type": "roundRobin"}}],
                           "rules": [{"type": "field", "domain": ["full:a"], "network": ["tcp"], "outboundTag": "b"},
                                     {"ip": "10.0.0.0/8,!10.1.0.0/16", "source": ["::/0"], "port": 53, "sourcePort": "1-2", "user": ["u"],
                                      "inboundTag": ["socks"], "protocol": ["tls"], "attrs": {":method": "GET"}, "balancerTag": "c"}]}),
             text(log={"loglevel": "none", "error": "/dev/null", "access": ""}, stats={},
                  policy={"levels": {"0": {"handshake": 4, "connIdle": 9, "uplinkOnly": 1, "downlinkOnly": 1.5, "bufferSize": 4}, "1": {}},
                          "system": {"statsInboundUplink": True}}),
             b"// a\n{\"inbouns\": [7], /* b */ \"dns\": {}}", b"[" * 40, b"{\"a\": 1, \"a\": 2}", b"{\"inbounds\": [{\"port\": 1e999}]}"]
    for seed in seeds:
        write("config", seed)


def link_seeds():
    encoded = base64.b64encode(b'{"v":2,"ps":"n","add":"a.example","port":"443","id":"i","aid":0,"net":"ws","path":"/p","tls":"tls"}')
    for link in (b"vless://id@[2001:db8::1]:443?encryption=none&type=ws&security=tls&sni=a&path=%2Fa&alpn=h2,http%2F1.1#n%20a",
                 b"trojan://p%20q@a.example:443?type=grpc&serviceName=s&mode=multi#x", b"vmess://" + encoded,
                 b"ss://YWVzLTI1Ni1nY206eCB5@h.example:8388#s\nsocks://YW5uOng@h.example:1080",
                 base64.b64encode(b"ss://a:b@c:1\ntrojan://d@e:2"), b'{"outbounds": [{"settings": {"vnext": [1, {"users": []}]}}]}'):
        write("link", link)


def seed_tls_stream():
    """Choices: the mode, two sizes of reads, what the mode needs, and acts of tls_stream.cpp."""
    apart, old, early, records, garbage, openssl_client, openssl_server = 1, 2, 4, 8, 16, 32, 64  # bits of the mode; apart: no handshake is passed on first
    write_up, write_down, up, down = (bytes([act, 200]) for act in (0, 8, 1, 2))
    rest = bytes([1, 255, 2, 255])
    talk = write_up + write_down + bytes([1, 50, 2, 50]) + rest + bytes([0, 5, 8, 250]) + rest
    ends = bytes([6, 14])
    keys, keys_down = bytes([7, 0, 10]) + rest, bytes([15, 8, 10]) + rest
    for version in (0, old, openssl_client, openssl_server, openssl_client | openssl_server):
        for mode, more in ((0, b""), (early, bytes([0])), (early, bytes([200])), (records, b""), (early | records, bytes([20]))):
            for size in (0, 40, 255):
                write("tls_stream", bytes([version | mode, size, size]) + more + bytes([250]) + talk + ends)
        # New keys in TLS 1.3, a new handshake in TLS 1.2.
        for acts in (keys + talk + ends, keys_down + talk + ends, keys + keys_down + keys + talk, write_up + keys + bytes([6]) + keys_down + rest):
            write("tls_stream", bytes([version, 255, 255, 100]) + acts)
        # What is changed, inserted and cut behind the handshake, towards either end.
        for direction in (0, 8):
            text = bytes([direction, 200, direction, 30, 1 + direction // 8, 90])
            for harm in (bytes([3 + direction, 1]), bytes([4 + direction, 5, 23, 3, 3, 0, 9]), bytes([5 + direction]),
                         *(bytes([20 + direction, *alert]) for alert in ((1, 0), (2, 0), (2, 40), (1, 90), (1, 100)))):
                write("tls_stream", bytes([version, 255, 255, 100]) + text + harm + rest + talk + ends)
                write("tls_stream", bytes([version | apart, 255, 255]) + up + harm + rest * 3 + talk + ends)
                write("tls_stream", bytes([version | apart, 255, 255]) + rest + up + harm + rest * 3 + talk + ends)
            # A reader of records stops behind one, with the next ones whole, in part or not there.
            three = bytes([direction, 20]) * 3
            for first in (255, 40, 60, 5):
                stop = bytes([23 + direction, 1 + direction // 8, first])
                write("tls_stream", bytes([version | records, 255, 255, 100]) + three + stop + rest + talk + ends)
                write("tls_stream", bytes([version | records | early, 10, 10, 3, 100]) + three + stop + bytes([5 + direction]) + talk)
        for acts in (rest * 4 + talk + ends, bytes([1, 20, 1, 3]) * 8 + rest * 4 + talk):
            write("tls_stream", bytes([version | apart, 255, 255]) + acts)
            write("tls_stream", bytes([version | apart | early, 255, 255, 30]) + acts)
        for bytes_behind in (b"\x05\x15\x03\x03\x00\x02", b"\x07\x15\x03\x03\x00\x02\x01\x00", b"\x10GET / HTTP/1.1\r\n"):
            write("tls_stream", bytes([version | apart | early | garbage, 255, 255, 255]) + bytes_behind + rest * 4 + talk)


def main(cases):
    for case in cases:
        wire = bytes.fromhex(case["input_hex"] or "")
        if not wire or len(wire) > LONGEST:
            continue
        group = case["id"].split("-")[0]
        choices = RAW if group in ("NEG", "NGC") else AGREED
        write("decoder", scripted(bytes([0, 3, 9]), wire))
        if case["role"] in "SB":
            write("session_as_server", scripted(choices, wire))
        if case["role"] in "CB":
            write("session_as_client", scripted(choices, wire))
        if group == "UDP" and prefix(wire):
            write("udp_prefix", prefix(wire))
    # Answers to sub-streams that the client opened, one of TCP and one of UDP.
    for reply in ("0004000102010002616200040001030000", "000400010201000568656c6c6f000400010300", "00060001030100050006000103010002"):
        write("session_as_client", scripted(AGREED + bytes([8, 0, 0, 0, 0, 0, 0, 0, 5]), bytes.fromhex(reply)))
    for text in (b"\x00\x35example.com", b"\x01\xbb[2001:db8::1]", b"\x00\x50192.0.2.1", b"\x00\x00no name"):
        write("udp_prefix", text)
    seed_socks()
    seed_vless()
    seed_vision()
    seed_reality()
    seed_mux_cool()
    seed_vmess()
    seed_shadowsocks()
    seed_trojan()
    seed_websocket()
    seed_proxy_header()
    seed_grpc()
    seed_api()
    seed_xhttp()
    seed_http2()
    seed_http()
    seed_http_answers()
    for seed in range(8):
        lives = b"".join(hashlib.sha256(bytes([seed, i])).digest() for i in range(8))
        write("session_pair", bytes(8) + lives)
        write("nat_table", lives)
    sniffer_seeds()
    fake_dns_seeds()
    dns_reply_seeds()
    router_seeds()
    config_seeds()
    link_seeds()
    seed_tls_stream()
    write("session_pair", bytes(8) + bytes([0, 1, 0, 1, 1, 9, 0, 0, 100, 1, 5, 0, 1, 50, 1, 13, 0, 0, 1]))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(json.loads(pathlib.Path(sys.argv[1]).read_text()))
