"""ClientHellos of TLS as bytes: the usual one of OpenSSL, its parts, and the odd ones of a probe."""
import contextlib
import dataclasses
import os
import ssl

NAME, GROUPS, POINTS, ALPN, VERSIONS, SHARE = 0, 10, 11, 16, 43, 51  # types of extensions (RFC 8446 section 4.2)
PAUSE, END = object(), object()


def counted(size, data):
    return len(data).to_bytes(size, "big") + data


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        self.at += size
        return self.data[self.at - size:self.at]

    def number(self, size):
        return int.from_bytes(self.take(size), "big")

    def counted(self, size):
        return self.take(self.number(size))

    def extensions(self):
        """Pairs of type and body, in order."""
        inner, found = Reader(self.counted(2)), []
        while inner.at < len(inner.data):
            found.append((inner.number(2), inner.counted(2)))
        return found


@dataclasses.dataclass
class Hello:
    random: bytes
    session: bytes
    suites: bytes
    methods: bytes
    extensions: list
    version: bytes = b"\3\3"

    @staticmethod
    def read(record):
        r = Reader(record)
        r.take(5 + 4)
        version, random = r.take(2), r.take(32)
        return Hello(random, r.counted(1), r.counted(2), r.counted(1), r.extensions(), version)

    def message(self):
        extensions = b"".join(kind.to_bytes(2, "big") + counted(2, body) for kind, body in self.extensions)
        body = (self.version + self.random + counted(1, self.session) + counted(2, self.suites) + counted(1, self.methods) +
                counted(2, extensions))
        return b"\1" + counted(3, body)

    def record(self, version=b"\3\1"):
        return b"\x16" + version + counted(2, self.message())

    def replaced(self, kind, body):
        """With another body of an extension, or without it if that is None."""
        kept = [(k, body if k == kind else b) for k, b in self.extensions if k != kind or body is not None]
        return dataclasses.replace(self, extensions=kept)


def usual(name="site.test", protocols=("h2", "http/1.1"), newest=ssl.TLSVersion.TLSv1_3):
    """A record with a ClientHello that nobody has sent before."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode, context.maximum_version = False, ssl.CERT_NONE, newest
    context.set_alpn_protocols(list(protocols))
    outgoing = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name).do_handshake()
    return outgoing.read()


def described(record):
    """What a ServerHello chooses, without its random bytes. `record` is one of the type handshake."""
    if record[5] != 2:
        return f"handshake message {record[5]}, {len(record)} bytes"
    r = Reader(record)
    r.take(5 + 4)
    version, _, session, suite, method = r.take(2), r.take(32), r.counted(1), r.take(2), r.take(1)
    extensions = r.extensions() if r.at < len(record) else []
    told = [f"{kind}" + (f" (group {body[:2].hex()}, {len(body)} bytes)" if kind == SHARE else f" ({body.hex()})")
            for kind, body in extensions]
    return (f"ServerHello {version.hex()}, session id of {len(session)}, suite {suite.hex()}, method {method.hex()}, "
            f"extensions {', '.join(told)}, {len(record)} bytes")


def probes():
    """Pieces that a probe sends, by a name. Each call makes other random bytes."""
    record = usual()
    hello = Hello.read(record)
    named = dict(hello.extensions)
    half = len(record) // 2
    two = b"".join(b"\x16\3\1" + counted(2, part) for part in (hello.message()[:100], hello.message()[100:]))
    p256 = counted(2, b"\0\x17" + counted(2, b"\4" + bytes(64)))
    return {
        "TLS 1.3, h2": [record],
        "TLS 1.3, http/1.1": [usual(protocols=("http/1.1",))],
        "TLS 1.2": [usual(newest=ssl.TLSVersion.TLSv1_2)],
        "another name": [usual("other.test")],
        "no name": [hello.replaced(NAME, None).record()],
        "no ALPN": [hello.replaced(ALPN, None).record()],
        "an ALPN that is not known": [hello.replaced(ALPN, counted(2, counted(1, b"xyz"))).record()],
        "no session id": [Hello(hello.random, b"", hello.suites, hello.methods, hello.extensions).record()],
        "a session id of 33 bytes": [Hello(hello.random, bytes(33), hello.suites, hello.methods, hello.extensions).record()],
        "no suite that is known": [Hello(hello.random, hello.session, b"\x7a\x7a", hello.methods, hello.extensions).record()],
        "a method of compression": [Hello(hello.random, hello.session, hello.suites, b"\1", hello.extensions).record()],
        "a share of X25519 that is zero": [hello.replaced(SHARE, counted(2, b"\0\x1d" + counted(2, bytes(32)))).record()],
        "a share of X25519 that is short": [hello.replaced(SHARE, counted(2, b"\0\x1d" + counted(2, bytes(31)))).record()],
        "a share of P-256 that is no point": [hello.replaced(SHARE, p256).record()],
        "no share, of groups that are known": [hello.replaced(SHARE, counted(2, b"")).record()],
        "no key_share": [hello.replaced(SHARE, None).record()],
        "no groups": [hello.replaced(GROUPS, None).record()],
        "an extension twice": [Hello(hello.random, hello.session, hello.suites, hello.methods,
                                     [*hello.extensions, (POINTS, named[POINTS])]).record()],
        "TLS 1.4 alone": [hello.replaced(VERSIONS, counted(1, b"\3\5")).record()],
        "a version of records of 3.9": [hello.record(b"\3\x09")],
        "a version of records of 9.9": [hello.record(b"\x09\x09")],
        "in two records": [two],
        "byte by byte, the first 40": [piece for at in range(40) for piece in (record[at:at + 1], PAUSE)] + [record[40:]],
        "a half, and a pause": [record[:half], PAUSE, PAUSE, record[half:]],
        "a half, and the end": [record[:half], END],
        "nothing, and the end": [END],
        "and bytes behind it": [record + b"\x17\3\3" + counted(2, os.urandom(100))],
        "twice": [record, record],
        "a message of the type 99": [b"\x16\3\1" + counted(2, b"\x63" + hello.message()[1:])],
        "a record of 65,535 bytes": [b"\x16\3\1\xff\xff" + os.urandom(4000), END],
        "a message of 16 MiB": [b"\x16\3\1" + counted(2, b"\1\xff\xff\xff" + bytes(500))],
        "a record of the type 99": [b"\x63" + record[1:]],
        "a record that is empty": [b"\x16\3\1\0\0"],
        "an alert": [b"\x15\3\1\0\2\2\x28"],
        "a ChangeCipherSpec": [b"\x14\3\1\0\1\1"],
        "data": [b"\x17\3\3" + counted(2, os.urandom(100))],
        "SSL 2": [b"\x80\x2e\1\3\1" + b"\0\x15\0\0\0\x10" + bytes(range(37))],
        "HTTP": [b"GET / HTTP/1.1\r\nHost: site.test\r\n\r\n"],
        "HTTP/2 in the clear": [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"],
        "zeros": [bytes(600)],
        "SSH": [b"SSH-2.0-OpenSSH_9.2\r\n"]}
