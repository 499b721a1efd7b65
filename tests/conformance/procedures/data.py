"""KEEP, END, KA, LEN: frames, their sizes and their ends."""

import time

import frames as f
import targets as t
import test_programs
from peer import check
from procedures import procedure
from procedures.tools import (expect_alive, flood, open_stream, p99, round_trips, session, settle)

LIFE = f.new(1, t.ECHO, b'hello') + f.keep(1, b'ab') + f.keep_alive() + f.credit(1, 4096) + f.end(1)


@procedure('KEEP-15', role='SC')
def frame_sizes(context):
    name, peer = session(context)
    ids = [open_stream(context, name, peer, t.SRC, i) for i in (1, 2, 3)]
    for i in ids:
        peer.send(f.credit(i, 1 << 21))
    peer.expect(lambda: all(peer.count[i] > 1 << 20 for i in ids), 15, '1 MiB on each of three streams')
    check(all(1 <= len(x.data) <= 65535 for x in peer.frames if x.state == f.KEEP), 'an empty frame')
    peer.verify()
    peer.close()
    # Which of them were ready at the same time cannot be seen from here.
    context.notes.append(test_programs.run('KEEP-15', context.role, context.job['tests']))


@procedure('END-22', role='SC')
def one_end_each(context):
    """Sub-streams that end in all ways, some at the same time from both sides."""
    name, peer = session(context)
    ports = (t.FINF, t.ECHO, t.HALF, t.RSTP)
    ids = []
    for round_ in range(10):
        ids += [open_stream(context, name, peer, p, 4 * round_ + n + 1, b'x') for n, p in enumerate(ports)]
    for n, stream in enumerate(ids):
        peer.send(f.end(stream, 3 if n % 8 > 3 else None))
    peer.expect(lambda: all(peer.ends[i] for i in ids), 5, 'an End on each')
    peer.pump(0.2)
    check(all(len(peer.ends[i]) == 1 for i in ids), 'more than one End')
    expect_alive(context, name, peer)
    peer.verify()
    peer.close()


@procedure('KA-08', role='SC', cost=5)
def keep_alive_flood(context):
    n = 1_000_000 if context.full else 50_000
    quiet_name, quiet = session(context)
    stream = expect_alive(context, quiet_name, quiet)
    base = p99(round_trips(quiet, stream, 0.5))
    _, peer = session(context)
    memory = context.program.memory()
    peer.outgoing += f.keep_alive() * n
    times = round_trips(quiet, stream, 1, lambda: peer.closed or peer.turn(0))
    flood(peer, b'')
    peer.expect_closed(2)
    check(not peer.frames, 'a KeepAlive was answered')
    check(context.program.memory() - memory < (2 << 20) * context.slow, 'memory grew')
    check(p99(times) < max(2 * base, 0.05 * context.slow),
          f'echoes took {p99(times):.3f} s, without the flood {base:.3f} s')


@procedure('KA-09', role='SC', scale=100, cost=9)
def keep_alives_hold(context):
    _, peer = session(context)
    for _ in range(15 if context.full else 5):
        peer.send(f.keep_alive())
        peer.pump(1, lambda: peer.closed)
        check(peer.closed is None, 'closed in spite of KeepAlives')
    start = time.monotonic() - 1
    peer.pump(4, lambda: peer.closed)
    took = time.monotonic() - start
    check(peer.closed and 2.5 < took < 3.5 + context.slow, f'closed after {took:.1f} s')


@procedure('KA-11', role='SC', scale=100, cost=5)
def emission(context):
    """Every 30 s +-20 %, here 0.3 s."""
    name, peer = session(context)
    peer.pump(0.6)
    check(not peer.frames, 'a frame without sub-streams')
    stream = open_stream(context, name, peer, t.ECHO)
    peer.pump(2.7)
    alive = [x for x in peer.frames if x.state == f.KEEP_ALIVE]
    gaps = [b.at - a.at for a, b in zip(alive, alive[1:])]
    check(5 <= len(alive) <= 12, f'{len(alive)} KeepAlives in 2.7 s')
    check(all(0.2 < g < 0.4 + 0.2 * context.slow for g in gaps), f'{gaps}')
    check(all(x.raw[:2] == b'\0\4' and x.opt == 0 for x in alive), 'not of the form')
    check(len({x.id for x in alive}) > 1, 'the ids are not random')
    peer.send(f.end(stream))
    peer.expect_end(stream)
    known = len(peer.frames)
    peer.pump(0.8)
    check(len(peer.frames) == known, 'KeepAlives without a sub-stream')
    peer.close()


@procedure('LEN-13', cost=4)
def cut_at_every_byte(context):
    script = f.REQUEST_00 + LIFE
    for cut in range(len(script) + 1):
        peer = context.program.connect(request=None)
        peer.sock.sendall(script[:cut])
        peer.pump(0.004)
        peer.news[1] = 1
        peer.sock.sendall(script[cut:])
        peer.expect_end(1, 0, 3)
        check(bytes(peer.data[1]) == b'helloab', f'cut at {cut}: {bytes(peer.data[1])!r}')
        check(peer.negotiation.raw == f.REPLY_00, f'cut at {cut}: {peer.negotiation.raw.hex()}')
        peer.verify()
        peer.close()


@procedure('LEN-14', cost=8)
def flip_every_bit(context):
    script = f.REQUEST_00 + LIFE
    server = context.program
    server.connect().close()
    time.sleep(0.3)
    descriptors = server.descriptors()
    for first in range(0, len(script) * 8, 48):
        peers = [flipped(context, script, bit) for bit in range(first, min(first + 48, len(script) * 8))]
        for n, peer in enumerate(peers):
            peer.pump(2, lambda peer=peer: peer.closed)
            check(peer.closed, f'bit {first + n}: neither ended nor closed within 2 s')
            peer.close()
        check(server.alive(), f'the server ended: {server.log()[-500:]}')
    settle(server.descriptors, descriptors, 3, 'descriptors')


def flipped(context, script, bit):
    """EOF behind it ends what waits for the rest of a frame."""
    data = bytearray(script)
    data[bit // 8] ^= 1 << bit % 8
    peer = context.program.connect(request=None, source=f'127.0.0.{10 + bit % 4}')
    peer.hold = lambda *_: None
    try:
        peer.sock.sendall(data)
    except OSError:
        pass
    peer.pump(0.002, lambda: peer.closed)
    peer.end_sending()
    return peer

