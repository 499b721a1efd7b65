"""TMO, HCL, SHD, CMP: time-outs, half-closes, the end of everything."""

import random
import signal
import socket
import time

import frames as f
import peer as peer_module
import targets as t
from peer import Failed, check, wait_for
from procedures import procedure
from procedures.tools import expect_alive, open_stream, session, settle


@procedure('TMO-01', scale=10)
def connect_and_say_nothing(context):
    start = time.monotonic()
    peer = context.program.connect(request=None)
    peer.pump(3, lambda: peer.closed)
    took = time.monotonic() - start
    check(peer.closed and 0.9 <= took <= 1.2 + 0.3 * context.slow, f'closed after {took:.2f} s')
    check(peer.raw == 0, 'bytes were sent')


@procedure('TMO-09', scale=100, cost=3)
def stopped_process(context):
    """All time-outs pass while the process stands still."""
    stop = 60 if context.full else 2
    context.notes.append(f'stopped for {stop} s')
    peer = context.program.connect()
    expect_alive(context, None, peer)
    context.program.process.send_signal(signal.SIGSTOP)
    time.sleep(stop)
    known = len(peer.frames)
    context.program.process.send_signal(signal.SIGCONT)
    peer.pump(0.25)
    check(len(peer.frames) - known <= 4, f'a storm of {len(peer.frames) - known} frames')
    check(context.program.alive(), 'it crashed')
    expect_alive(context, None, context.program.connect())


@procedure('TMO-10', cost=6)
def many_timers(context):
    number = 100_000 if context.full else 4000
    context.notes.append(f'{number} streams')
    peer = context.program.connect()
    churn(peer, 1500, 1)
    base = context.program.memory()
    churn(peer, number, 1501)
    grown = context.program.memory() - base
    check(grown < (1 << 20) * context.slow, f'{grown >> 10} KiB more memory')


def churn(peer, number, first):
    """Sub-streams opened and closed, 50 at a time."""
    for start in range(first, first + number, 50):
        ids = [1 + (start + n) % 60000 for n in range(50)]
        for i in ids:
            peer.ends[i].clear()
            peer.news[i] = 0
            peer.send(f.new(i, t.ECHO, b'x') + f.end(i))
        peer.expect(lambda ids=ids: all(peer.ends[i] for i in ids), 10, 'an End on each')
        peer.frames.clear()


@procedure('HCL-05', scale=100, extra=['--max-streams', '32'], cost=4)
def half_closed_streams(context):
    peer = context.program.connect()
    for i in range(1, 33):
        peer.send(f.new(i, t.SINK) + f.end(i))
    peer.pump(0.3)
    peer.send(f.new(33, t.ECHO))
    peer.expect_end(33, 4)
    start = time.monotonic()
    peer.expect(lambda: all(peer.ends[i] for i in range(1, 33)), 5, 'an End on each')
    took = time.monotonic() - start
    check(2.2 <= took <= 3.5 + context.slow, f'freed after {took:.1f} s')
    check(all(peer.ends[i][0].code == 2 for i in range(1, 33)), 'another code than 2')
    peer.pump(0.2)
    expect_alive(context, None, peer)


@procedure('HCL-07', role='SC')
def local_half_close(context):
    name, peer = session(context)
    mark = context.targets.mark() if context.role == 'S' else None
    stream = open_stream(context, name, peer, t.FINF)
    peer.expect_data(stream, b'bye')
    peer.expect_end(stream, 0)
    peer.send(f.keep(stream, b'downlink' * 1000) + f.end(stream))
    if context.role == 'S':
        c = context.targets.since(mark)[0]
        peer.pump(2, lambda: c.eof)
        check(c.count == 8000 and c.eof, f'{c.count} bytes arrived')
    else:
        check(context.program.wait_event('rend', name, stream, talking=peer)[3:] == ['8000', 'eof'], 'not all arrived')
    peer.verify()


@procedure('HCL-08', role='SC')
def session_lost(context):
    name, peer = session(context)
    mark = context.targets.mark() if context.role == 'S' else None
    ids = [open_stream(context, name, peer, p, n + 1, b'x') for n, p in enumerate((t.ECHO, t.SRC, t.ECHO))]
    peer.pump(0.3)
    peer.close(hard=True)
    if context.role == 'S':
        wait_for(lambda: all(c.look() or c.reset for c in context.targets.since(mark)), 1.5, 'RST on all upstreams')
    else:
        for i in ids:
            check(context.program.wait_event('rend', name, i)[4] not in ('eof', 'ok'), 'a clean end')


@procedure('CMP-05', role='SC', scale=100, cost=4)
def half_close_toward_go(context):
    name, peer = session(context, **({'request': f.REQUEST_GO} if context.role == 'S' else {'reply': f.REPLY_GO}))
    first = open_stream(context, name, peer, t.FINF, 1)
    second = open_stream(context, name, peer, t.FINF, 2)
    peer.expect_data(first, b'bye')
    peer.pump(0.5)
    check(not peer.ends[first], 'End was not held back')
    peer.send(f.end(first))
    peer.expect(lambda: peer.ends[first], 1, 'End')
    peer.expect(lambda: peer.ends[second], 4, 'End after the linger time')
    check(all(peer.ends[i][0].raw == f.end(i) for i in (first, second)), 'not bare')
    peer.verify()


@procedure('CMP-06', role='C')
def new_with_global_id(context):
    name, peer = context.program.connect(f.REPLY_01)
    new = context.program.open(name, peer, 'udp', 7007, 'gid=1122334455667788')
    check(new.raw.hex() == '00150001010002001b5f017f0000011122334455667788', new.raw.hex())
    peer.close()


@procedure('SHD-01', cost=5)
def drain(context):
    context.stop()
    server = context.start()
    try:
        peer = server.connect()
        for i in range(1, 101):
            peer.send(f.new(i, t.ECHO, b'a'))
        for i in range(1, 101):
            peer.expect_data(i, b'a', 5)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        check(not accepts(server), 'a new session was served')
        peer.send(f.new(200, t.ECHO, b'x'))
        peer.expect_end(200, 4)
        for i in range(1, 101):
            peer.send(f.keep(i, b'b') + f.end(i))
        for i in range(1, 101):
            peer.expect_data(i, b'ab')
            peer.expect_end(i)
        peer.pump(2, lambda: peer.closed)
        check(peer.closed, 'the session is open after its last sub-stream')
        check(server.process.wait(3) == 0, 'another exit status than 0')
        peer.verify()
    finally:
        if server.alive():
            server.kill()
    drain_timeout(context)


def accepts(server):
    try:
        with peer_module.connect(server.port, request=None) as p:
            p.send(f.REQUEST_00)
            return p.pump(0.5, lambda: p.negotiation is not None)
    except Failed:
        return False


def drain_timeout(context):
    """What is still open then is cut."""
    server = context.start(drain_timeout=1)
    peer = server.connect()
    peer.send(f.new(1, t.ECHO, b'a'))
    peer.expect_data(1, b'a')
    start = time.monotonic()
    check(server.stop() == 0, 'another exit status than 0')
    took = time.monotonic() - start
    check(0.8 < took < 2 + context.slow, f'ended after {took:.1f} s')


@procedure('SHD-05', cost=3)
def pending_dials(context):
    context.black_hole()
    server = context.program
    server.connect().close()
    time.sleep(0.2)
    descriptors = server.descriptors()
    peer = server.connect()
    for i in range(1, 129):
        peer.send(f.new(i, 9, b'x', f.ipv4('192.0.2.1')))
    wait_for(lambda: server.descriptors() >= descriptors + 100, 3, 'the dials have begun')
    peer.close(hard=True)
    settle(server.descriptors, descriptors, 1, 'descriptors')


@procedure('SHD-10', cost=6)
def sessions_dropped(context):
    number = 100_000 if context.full else 400
    context.notes.append(f'{number} sessions')
    server = context.program
    drop_sessions(server, 300)
    time.sleep(0.5)
    descriptors = server.descriptors()
    # An allocator takes its time until it holds what a load needs; a leak grows in every round.
    for _ in range(1 if context.full else 5):
        memory = server.memory()
        drop_sessions(server, number)
        settle(server.descriptors, descriptors, 3, 'descriptors')
        grown = server.memory() - memory
        if grown < max(memory // 100, 256 << 10) * context.slow:
            return
    check(False, f'{grown >> 10} KiB more memory')


def drop_sessions(server, number):
    rng = random.Random(number)
    script = f.REQUEST_00 + b''.join(f.new(i, rng.choice((t.ECHO, t.SRC, t.SINK, 1)), b'x' * 100) for i in range(1, 5))
    for n in range(number):
        with socket.create_connection(('127.0.0.1', server.port)) as s:
            s.sendall(script[:rng.randrange(len(script) + 1)])
            if n % 3 == 0:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
