"""IDL and LIM: ids, floods, limits."""

import os
import random
import re
import resource
import time

import frames as f
import targets as t
from peer import check, wait_for
from procedures import procedure
from procedures.tools import expect_alive, flood, open_stream, p99, round_trips, session


def raise_descriptor_limit(n):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < n:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(n, hard), hard))


@procedure('IDL-09', cost=4)
def rapid_reuse(context):
    """Four ids, each New as soon as both Ends are there; every byte must be that of its own life."""
    number = 100_000 if context.full else 1500
    context.notes.append(f'{number} lives')
    peer = context.program.connect()
    rng = random.Random(1)
    lives = dict.fromkeys((1, 2, 3, 4))
    begun = ended = 0
    deadline = time.monotonic() + 60 + number / 100
    while ended < number:
        check(time.monotonic() < deadline and peer.closed is None, f'stuck after {ended} lives{peer.story()}')
        for stream, tag in lives.items():
            if tag is None and begun < number:
                begun += 1
                lives[stream] = b'<%d:%d>' % (stream, begun)
                peer.data[stream].clear()
                peer.ends[stream].clear()
                peer.news[stream] = 0
                peer.send(f.new(stream, t.ECHO, lives[stream]))
                if rng.random() < 0.3:
                    peer.send(f.end(stream, 3 if begun % 50 == 0 else None))
                    lives[stream] += b'!'
            elif tag and not tag.endswith(b'!') and bytes(peer.data[stream]) == tag:
                peer.send(f.end(stream))
                lives[stream] += b'!'
            elif tag and peer.ends[stream] and tag.endswith(b'!'):
                got = bytes(peer.data[stream])
                check(got in (b'', tag[:-1]), f'{got!r} on a stream of {tag[:-1]!r}')
                lives[stream] = None
                ended += 1
            else:
                check(tag is None or tag.startswith(bytes(peer.data[stream])),
                      f'{bytes(peer.data[stream])!r} on a stream of {tag!r}')
        peer.turn(rng.choice((0, 0.001)))
    peer.verify()


@procedure('IDL-10', scale=100, cost=5)
def old_timer(context):
    """stream_idle is 3 s here: that of the first life would end the second one."""
    peer = context.program.connect()
    peer.send(f.new(1, t.ECHO))
    peer.pump(2)
    peer.send(f.end(1))
    peer.expect_end(1)
    peer.send(f.new(1, t.ECHO, b'a'))
    peer.expect_data(1, b'a')
    peer.pump(2.2, lambda: len(peer.ends[1]) > 1)
    check(len(peer.ends[1]) == 1, 'the second one was ended')
    peer.send(f.keep(1, b'b'))
    peer.expect_data(1, b'ab')


@procedure('LIM-01', cost=6)
def most_streams(context):
    raise_descriptor_limit(4096)
    peer = context.program.connect()
    for first in range(1, 513, 64):
        for i in range(first, first + 64):
            peer.send(f.new(i, t.ECHO, b'%d' % i))
        for i in range(first, first + 64):
            peer.expect_data(i, b'%d' % i, 10)
    peer.send(f.new(513, t.ECHO, b'x'))
    peer.expect_end(513, 4)
    for i in range(1, 513):
        peer.send(f.keep(i, b'+'))
    for i in range(1, 513):
        peer.expect_data(i, b'%d+' % i, 10)
    peer.verify()


@procedure('LIM-02', extra=['--max-streams', '1'])
def slot_returns(context):
    """A New is never accepted while the upstream of the one before is there."""
    peer = context.program.connect()
    for i in range(1, 40, 2):
        mark = context.targets.mark()
        peer.send(f.new(i, t.SINK, b'z' * 1000))
        peer.pump(1, lambda: context.targets.since(mark, t.SINK))
        first = context.targets.since(mark, t.SINK)[0]
        peer.send(f.end(i, 3) + f.new(i + 1, t.ECHO, b'x'))
        peer.expect(lambda: peer.data[i + 1] or peer.ends[i + 1], 2, 'an answer to the second New')
        if peer.data[i + 1]:
            check(first.gone(), 'accepted while the upstream of the first one is there')
        peer.send(f.end(i + 1, 3))
        settle_slot(peer, 1000 + i * 64)
    peer.verify()


def settle_slot(peer, stream):
    """Until a New is accepted again."""
    for n in range(60):
        peer.send(f.new(stream + n, t.ECHO, b'y'))
        peer.expect(lambda: peer.data[stream + n] or peer.ends[stream + n], 2, 'an answer')
        if peer.data[stream + n]:
            peer.send(f.end(stream + n))
            peer.expect_end(stream + n)
            peer.pump(0.02)
            return
        peer.pump(0.02)
    check(False, 'the place did not come back within a second')


@procedure('LIM-04')
def made_you_reset(context):
    peer = context.program.connect()
    mark = context.targets.mark()
    start = time.monotonic()
    flood(peer, b''.join(f.new(i, t.ECHO) + f.frame(i, f.KEEP, f.U, b'', b'x') for i in range(1, 2001)))
    peer.expect_closed(2)
    most = 101 + 10 * (time.monotonic() - start)
    resets = sum(x.code == 3 for x in peer.frames if x.state == f.END)
    check(resets <= most, f'{resets} resets')
    wait_for(lambda: all(c.gone() for c in context.targets.since(mark)), 2, 'all upstreams are released')
    context.program.connect().close()


def random_keeps(n):
    rng = random.Random(7)
    return b''.join(f.keep(rng.randrange(1, 65536), b'x') for _ in range(n))


@procedure('LIM-05')
def unknown_id_flood(context):
    peer = context.program.connect()
    start = time.monotonic()
    flood(peer, random_keeps(100_000))
    peer.expect_closed(2)
    check(len(peer.frames) <= 101 + 10 * (time.monotonic() - start), f'{len(peer.frames)} replies')


@procedure('LIM-06')
def unread_replies(context):
    peer = context.program.connect(receive_buffer=4096)
    descriptors = context.program.descriptors()
    memory = context.program.memory()
    peer.reading = False
    flood(peer, random_keeps(100_000), 3)
    wait_for(lambda: context.program.descriptors() < descriptors, 3, 'the session is closed')
    grown = context.program.memory() - memory
    check(grown < (1 << 20) * context.slow, f'{grown >> 10} KiB more memory')


@procedure('LIM-08', 'LIM-16', role='SC', cost=7)
def tiny_frames(context):
    """One-byte frames as fast as they go: legal; others do not feel it."""
    seconds = 60 if context.full else 3
    context.notes.append(f'{seconds} s')
    quiet_name, quiet = session(context)
    stream = expect_alive(context, quiet_name, quiet)
    base = p99(round_trips(quiet, stream, 1))
    name, peer = session(context)
    busy = open_stream(context, name, peer, t.HALF)
    memory = context.program.memory()
    piece = f.keep(busy, b'z') * 4096
    state = {'sent': 0}

    def more():
        room = 65536 + peer.granted[busy] - state['sent']
        if len(peer.outgoing) < len(piece) and room >= 4096 and peer.closed is None:
            peer.outgoing += piece
            state['sent'] += 4096
        peer.turn(0)

    times = round_trips(quiet, stream, seconds, more)
    check(peer.closed is None and not peer.ends[busy], 'it was closed, though it is legal')
    grown = context.program.memory() - memory
    check(grown < (4 << 20) * context.slow, f'{grown >> 10} KiB more memory')
    # The tester is one thread that does both: its own part of the time is no fault of the program.
    check(p99(times) < max(2 * base, 0.05 * context.slow), f'p99 {p99(times) * 1e3:.1f} ms, before {base * 1e3:.1f} ms')
    context.notes.append(f'{state["sent"]} frames')


@procedure('LIM-09', role='SC')
def credit_flood(context):
    name, peer = session(context)
    stream = open_stream(context, name, peer, t.ECHO)
    peer.send(f.credit(stream, 1) * 99)
    peer.send(f.keep(stream, b'a'))
    peer.expect_data(stream, b'a')
    # One data frame was sent: ten more, and the one left of the hundred.
    peer.send(f.credit(stream, 1) * 11)
    peer.pump(0.2, lambda: peer.closed)
    check(peer.closed is None, 'closed within its budget')
    flood(peer, f.credit(stream, 1) * 100_000)
    peer.expect_closed(2)


@procedure('LIM-11', cost=4)
def never_negotiate(context):
    number = 2000 if context.full else 300
    context.notes.append(f'{number} connections')
    raise_descriptor_limit(4096)
    silent = [context.program.connect(request=None, source='127.0.0.50') for _ in range(number)]
    deadline = time.monotonic() + 3
    while sum(p.closed is None for p in silent) > 16 and time.monotonic() < deadline:
        for p in silent:
            p.turn(0)
    still = sum(p.closed is None for p in silent)
    check(still <= 16, f'{still} of one source are still open')
    start = time.monotonic()
    expect_alive(context, None, context.program.connect(source='127.0.0.51'))
    check(time.monotonic() - start < 1 * context.slow, 'a good client had to wait')
    for p in silent:
        p.close()


@procedure('LIM-12', extra=['--process-budget', '2097152'], cost=3)
def memory_budget(context):
    """Data for targets that do not answer stays in memory: at 80 % of 2 MiB there is no room for more."""
    context.black_hole()
    peer = context.program.connect()
    old = expect_alive(context, None, peer)
    hole = f.ipv4('192.0.2.1')
    for i in range(1, 40):
        peer.send(f.new(i, 9, b'z' * 65535, hole))
    peer.expect(lambda: any(peer.ends[i] and peer.ends[i][0].code == 4 for i in range(1, 40)), 3, 'STREAM 4')
    peer.send(f.keep(old, b'on'))
    peer.expect_data(old, b'liveon')
    for i in range(1, 40):
        peer.send(f.end(i, 3) if not peer.ends[i] else b'')
    peer.expect(lambda: all(peer.ends[i] for i in range(1, 40)), 3, 'an End on each')
    expect_alive(context, None, peer, 100)
    peer.verify()


@procedure('LIM-13', nofile=256, cost=5)
def few_descriptors(context):
    raise_descriptor_limit(2048)
    server = context.program
    peer = server.connect()
    old = expect_alive(context, None, peer, 1000)
    for i in range(1, 300):
        peer.send(f.new(i, t.ECHO, b'x'))
        if i % 32 == 0:
            peer.expect(lambda: all(peer.ends[n] or peer.data[n] for n in range(1, i)), 5, 'an answer to each')
    peer.expect(lambda: all(peer.ends[n] or peer.data[n] for n in range(1, 300)), 5, 'an answer to each')
    refused = [i for i in range(1, 300) if peer.ends[i]]
    check(refused and all(peer.ends[i][0].code == 4 for i in refused), f'{peer.story()}')
    waiting = [server.connect(request=None) for _ in range(10)]
    before = server.cpu()
    peer.pump(1)
    check(server.cpu() - before < 0.3, 'the server spins')
    peer.send(f.keep(old, b'on'))
    peer.expect_data(old, b'liveon')
    for p in waiting:
        p.close()
    for i in range(1, 300):
        peer.send(f.end(i) if not peer.ends[i] else b'')
    peer.expect(lambda: all(peer.ends[i] for i in range(1, 300)), 5, 'an End on each')
    time.sleep(0.3)
    expect_alive(context, None, server.connect())


@procedure('LIM-14', cost=3)
def log_flood(context):
    number = 1000 if context.full else 200
    context.notes.append(f'{number} sessions')
    start = time.monotonic()
    before = context.program.log().count('\n')
    for _ in range(number):
        with context.program.connect() as peer:
            peer.send(bytes.fromhex('000400010600'))
            peer.expect_closed(1)
    seconds = time.monotonic() - start
    lines = context.program.log().count('\n') - before
    # Every started second may have ten, and one line that says how many were left out.
    check(lines <= 11 * (seconds + 2), f'{lines} lines in {seconds:.1f} s')


@procedure('TMO-08')
def steady_clock(context):
    """The clock cannot be set here: no source may use another one than the steady one, but for the log's lines, and for
    protocols whose peers date what they send."""
    root = os.path.join(os.path.dirname(__file__), '..', '..', '..')
    if not os.path.isdir(os.path.join(root, 'include')):
        return
    for folder in ('include', 'src'):
        for directory, _, files in os.walk(os.path.join(root, folder)):
            for name in files:
                if name in ('program_log.cpp', 'wall_clock.hpp'):
                    continue
                with open(os.path.join(directory, name), encoding='utf-8') as file:
                    found = re.search(r'system_(clock|timer)|gettimeofday|time\(nullptr\)|timespec_get|CLOCK_REALTIME', file.read())
                check(not found, f'{name} uses {found and found[0]}')

