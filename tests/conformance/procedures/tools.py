"""What several procedures need."""

import time

import frames as f
import targets as t
from peer import check


def session(context, **how):
    """A negotiated main connection in either role: (name, peer)."""
    if context.role == 'S':
        return None, context.program.connect(**how)
    how.pop('source', None)
    return context.program.connect(**how)


def open_stream(context, name, peer, port, stream=1, data=None, priority=0):
    """By the tester, or by the client under test; returns the id."""
    if context.role == 'S':
        peer.send(f.new(stream, port, data, priority=priority))
        return stream
    new = context.program.open(name, peer, 'tcp', port, f'prio={priority}')
    if data:
        peer.send(f.keep(new.id, data))
        peer.sent[new.id] += len(data)
    return new.id


def expect_alive(context, name, peer, stream=0x7ffe):
    """The liveness probe."""
    stream = open_stream(context, name, peer, t.ECHO, stream)
    peer.send(f.keep(stream, b'live'))
    peer.expect_data(stream, b'live', 2 * context.slow)
    return stream


def round_trips(peer, stream, seconds, busy=lambda: None, size=1):
    """Echo times on a sub-stream while something else goes on."""
    times = []
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        before = peer.count[stream]
        start = time.monotonic()
        peer.send(f.keep(stream, b'r' * size))
        while peer.count[stream] < before + size:
            check(time.monotonic() - start < 5 and peer.closed is None, 'no echo for 5 s')
            peer.turn(0.01)
        times.append(time.monotonic() - start)
        peer.outgoing += f.credit(stream, 65536) if len(times) % 1000 == 0 else b''
        busy()
    return sorted(times)


def p99(times):
    return times[min(len(times) - 1, int(len(times) * 0.99))]


def transfer(peer, stream, size, want_back=0, piece=16384):
    """Sends `size` bytes as the grants allow, and takes what comes; returns (sent, granted) since the stream began."""
    peer.auto_grant = True
    left = size
    wanted = peer.count[stream] + want_back
    deadline = time.monotonic() + 60
    while left > 0 or peer.count[stream] < wanted:
        check(time.monotonic() < deadline and peer.closed is None, f'stuck, {left} of {size} bytes left{peer.story()}')
        check(not peer.ends[stream] or not left, f'ended, {left} of {size} bytes left{peer.story()}')
        room = 65536 + peer.granted[stream] - peer.sent[stream]
        n = min(room, left, piece)
        if n > 0 and len(peer.outgoing) < 1 << 18:
            peer.outgoing += f.keep(stream, b't' * n)
            peer.sent[stream] += n
            left -= n
            peer.turn(0)
        else:
            peer.turn(0.05)
    peer.pump(0.2)
    return peer.sent[stream], peer.granted[stream]


def rate(peer, stream, size):
    """Bytes in a second through an echo."""
    peer.keep_data = False
    start = time.monotonic()
    transfer(peer, stream, size, want_back=size)
    return size / (time.monotonic() - start - 0.2)


def flood(peer, data, seconds=20):
    """Sends until it is all out or the other side has closed."""
    peer.outgoing += data
    deadline = time.monotonic() + seconds
    while peer.outgoing and peer.closed is None and time.monotonic() < deadline:
        peer.turn(0.05)


def settle(measure, most, seconds, sentence):
    """Waits until a measured number is small enough."""
    deadline = time.monotonic() + seconds
    while (value := measure()) > most:
        check(time.monotonic() < deadline, f'{sentence}: {value}, at most {most}')
        time.sleep(0.05)
    return value
