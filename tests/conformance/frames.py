"""Frames of Mux.Pro as the tester sees them: bytes to frames and back, without any judgement."""

import re
import struct
from dataclasses import dataclass

NEGOTIATE, NEW, KEEP, END, KEEP_ALIVE, CREDIT = range(6)
D, U = 0x01, 0x02
TCP, UDP = 1, 2

REQUEST_00 = bytes.fromhex('00050000000101000400000000')
REQUEST_01 = bytes.fromhex('00050000000101000400000001')
REQUEST_GO = bytes.fromhex('00040000000100050100000001')
REPLY_00 = REQUEST_00
REPLY_01 = REQUEST_01
REPLY_GO = REQUEST_GO


@dataclass
class Frame:
    """One frame; `raw` is the whole of it, `rest` the metadata behind opt, `data` None without a block."""
    id: int
    state: int
    opt: int
    rest: bytes
    data: bytes | None
    raw: bytes
    at: float = 0.0

    @property
    def code(self):
        """The code of an End; None for a bare one."""
        return struct.unpack('>H', self.rest[:2])[0] if self.state == END and self.opt & D else None

    @property
    def increment(self):
        return int.from_bytes(self.data, 'big')

    @property
    def target(self):
        """Of a New: (network, priority, port, address) with the address as text."""
        network, priority, port, kind = struct.unpack('>BBHB', self.rest[:5])
        return network, priority, port, address_text(kind, self.rest[5:])

    def __str__(self):
        name = ('Negotiate', 'New', 'Keep', 'End', 'KeepAlive', 'Credit')[self.state] if self.state < 6 else 'state?'
        what = {END: f', code {self.code}', KEEP: f', {len(self.data or b"")} bytes',
                CREDIT: f', {self.data.hex() if self.data else ""}'}.get(self.state, '')
        return f'{name}({self.id}{what})'


def address_text(kind, octets):
    if kind == 1:
        return '.'.join(map(str, octets[:4]))
    if kind == 2:
        return octets[1:1 + octets[0]].decode('latin-1') if octets else ''
    if kind == 3:
        return octets[:16].hex()
    return ''


def split_frames(buffer, at=0.0):
    """Takes the complete frames from the front of a bytearray."""
    frames = []
    while True:
        size = frame_size(buffer)
        if size is None or len(buffer) < size:
            return frames
        if size < 6:
            return frames  # too short for what a frame begins with
        raw = bytes(buffer[:size])
        del buffer[:size]
        meta = 2 + struct.unpack('>H', raw[:2])[0]
        data = raw[meta + 2:] if size > meta else None
        frames.append(Frame(*struct.unpack('>HBB', raw[2:6]), raw[6:meta], data, raw, at))


def frame_size(buffer):
    """Of the first frame; None while that cannot be known."""
    if len(buffer) < 2:
        return None
    meta = 2 + struct.unpack('>H', buffer[:2])[0]
    if meta < 6:
        return meta
    if len(buffer) < 6:
        return None
    if buffer[5] & D and buffer[4] != END:
        if len(buffer) < meta + 2:
            return None
        return meta + 2 + struct.unpack('>H', buffer[meta:meta + 2])[0]
    return meta


def block(data):
    return struct.pack('>H', len(data)) + data


def frame(stream, state, opt=0, rest=b'', data=None):
    meta = struct.pack('>HBB', stream, state, opt | (D if data is not None else 0)) + rest
    return block(meta) + (b'' if data is None else block(data))


def ipv4(text):
    return b'\x01' + bytes(int(x) for x in text.split('.'))


def ipv6(octets):
    return b'\x03' + octets


def domain(name):
    return b'\x02' + bytes([len(name)]) + name.encode()


def new(stream, port, data=None, address=None, network=TCP, priority=0, tail=b''):
    rest = struct.pack('>BBH', network, priority, port) + (address or ipv4('127.0.0.1')) + tail
    return frame(stream, NEW, 0, rest, data)


def keep(stream, data=b'', to=None):
    if to is not None:
        data = b'\x02' + struct.pack('>H', to[1]) + to[0] + data
        return frame(stream, KEEP, U, b'', data)
    return frame(stream, KEEP, 0, b'', data)


def end(stream, code=None):
    if code is None:
        return frame(stream, END)
    return block(struct.pack('>HBBH', stream, END, D, code))


def credit(stream, n):
    return frame(stream, CREDIT, 0, b'', struct.pack('>I', n))


def keep_alive(stream=0x1234):
    return frame(stream, KEEP_ALIVE)


HEX = re.compile(r'\(([0-9a-fA-F]{2})\)x(\d+)|([0-9a-fA-F]{2})')


def from_hex(text):
    """`0004 0001 | ffff (7a)x65535` to bytes."""
    out = bytearray()
    compact = re.sub(r'[\s|`]', '', text)
    at = 0
    while at < len(compact):
        m = HEX.match(compact, at)
        if not m:
            raise ValueError(f'no hex: {compact[at:at + 20]}')
        out += bytes.fromhex(m[1]) * int(m[2]) if m[1] else bytes.fromhex(m[3])
        at = m.end()
    return bytes(out)
