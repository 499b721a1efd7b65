"""CRU, FCR, FCS, PRI: credit in both directions, and priorities."""

import time

import frames as f
import targets as t
from peer import check, wait_for
from procedures import procedure
from procedures.tools import expect_alive, open_stream, rate, session, transfer

FIXED = ['--max-window', '65536']


@procedure('CRU-18', role='SC', extra=FIXED)
def grants(context):
    name, peer = session(context)
    stream = open_stream(context, name, peer, t.ECHO)
    size = 1 << 20
    sent, granted = transfer(peer, stream, size, want_back=size)
    updates = peer.of(stream, f.CREDIT)
    check(all(len(x.raw) == 12 and x.raw[4:8] == b'\x05\x01\x00\x04' for x in updates), 'not of the form')
    check(all(x.increment >= 32768 for x in updates), f'{min(x.increment for x in updates)} is too little for a grant')
    check(granted <= sent, f'{granted} bytes granted, {sent} were sent')
    peer.close()


@procedure('FCR-02', role='SC')
def one_byte_beyond(context):
    name, peer = session(context)
    stream = open_stream(context, name, peer, t.SINK)
    beyond(context, peer, stream, f.keep(stream, b'k' * 65535) + f.keep(stream, b'kk'), 65537)
    expect_alive(context, name, peer)


@procedure('FCR-03', role='SC')
def new_data_counts(context):
    name, peer = session(context)
    stream = open_stream(context, name, peer, t.SINK, data=b'z' * 65535)
    beyond(context, peer, stream, f.keep(stream, b'k') + f.keep(stream, b'k'), 65537)
    expect_alive(context, name, peer)


def beyond(context, peer, stream, data, sent):
    """Where the target's kernel takes bytes there are grants: more is sent, until it must be too much."""
    peer.send(data)
    if context.role == 'C':
        peer.expect_end(stream, 3)
        check(peer.granted[stream] == 0, 'granted without a reader')
        return
    while not peer.ends[stream] and sent < 256 << 20:
        peer.outgoing += f.keep(stream, b'k' * 65535)
        sent += 65535
        while peer.outgoing and peer.closed is None:
            peer.turn(0.01)
        peer.turn(0)
    peer.expect_end(stream, 3)
    check(sent > 65536 + peer.granted[stream], f'ended at {sent} bytes, with {peer.granted[stream]} granted')


@procedure('FCR-08', role='SC', cost=12, compares_rates=True)
def stalled_and_active(context):
    """511 sub-streams whose data nobody takes; their number is smaller in the reduced form.

    The kernel gives a connection its socket buffers early, by what else the machine does then, and they stay. A pair
    of connections that compares badly is therefore followed by another pair.
    """
    number = 511 if context.full else 200
    best = 0
    for pair in range(3):
        best = max(best, share_beside_stalled(context, number))
        if best >= 0.9:
            break
    context.notes.append(f'{number} stalled, {best:.0%} of the rate alone')
    check(best >= 0.9, f'{best:.0%} of its throughput alone')


def share_beside_stalled(context, number):
    """The rate of a sub-stream beside stalled ones, as a share of the rate in a connection where as many have ended:
    much data at once widens the socket buffers of a connection, and slows down all that comes later.
    """
    name, peer = session(context)
    alone_name, alone = session(context)
    active = open_stream(context, name, peer, t.ECHO, 1)
    other = open_stream(context, alone_name, alone, t.ECHO, 1)
    for i in range(number):
        stalled = open_stream(context, name, peer, t.SINK, i + 2)
        peer.send(f.keep(stalled, b's' * 60000))
    for i in range(number):
        ended = open_stream(context, alone_name, alone, t.SINK, i + 2)
        alone.send(f.keep(ended, b's' * 60000) + f.end(ended, 1))
    # The best of each is compared: the machine may have other things to do.
    beside = by_itself = 0
    for attempt in range(10):
        beside = max(beside, rate(peer, active, 4 << 20))
        by_itself = max(by_itself, rate(alone, other, 4 << 20))
        if attempt >= 2 and beside >= 0.9 * by_itself:
            break
    peer.close()
    alone.close()
    return beside / by_itself


@procedure('FCR-11', role='SC', extra=FIXED, cost=10)
def much_through_one(context):
    size = 1 << 30 if context.full else 16 << 20
    context.notes.append(f'{size >> 20} MiB')
    name, peer = session(context)
    stream = open_stream(context, name, peer, t.HALF)
    sent, granted = transfer(peer, stream, size)
    check(0 <= sent - granted <= 65536, f'{sent} bytes sent, {granted} granted')
    peer.send(f.end(stream))
    peer.expect_data(stream, str(size).encode(), 10)


@procedure('FCS-06', 'TMO-07', role='SC', scale=10, cost=6)
def peer_does_not_read(context):
    """What is on its way is bounded, and after write_stall_timeout (30 s, here 3 s) the session is closed."""
    name, peer = session(context, receive_buffer=8192)
    mark = context.targets.mark() if context.role == 'S' else None
    stream = open_stream(context, name, peer, t.SRC)
    memory = context.program.memory()
    peer.send(f.credit(stream, 0xffffffff))
    peer.reading = False
    start = time.monotonic()

    def gone():
        if context.role == 'C':
            return context.program.find('down', name)
        return all(c.gone() for c in context.targets.since(mark)) and context.targets.since(mark)
    wait_for(gone, 5 + context.slow, 'the session is closed')
    took = time.monotonic() - start
    check(2.7 <= took <= 4.5 + context.slow, f'closed after {took:.1f} s')
    grown = context.program.memory() - memory
    check(grown < (4 << 20) * context.slow, f'{grown >> 10} KiB more memory')


@procedure('FCS-08', role='SC', scale=100, cost=4)
def drip(context):
    name, peer = session(context)
    stream = open_stream(context, name, peer, t.SRC)
    start = time.monotonic()
    while not peer.ends[stream] and time.monotonic() < start + 6:
        peer.send(f.credit(stream, 1))
        peer.pump(0.1, lambda: peer.ends[stream])
    took = time.monotonic() - start
    peer.expect_end(stream, 2, 0.1)
    check(2.5 <= took <= 4.5 + context.slow, f'ended after {took:.1f} s')


@procedure('FCS-12', role='SC', cost=6)
def mutual_bulk(context):
    size = 1 << 30 if context.full else 16 << 20
    context.notes.append(f'{size >> 20} MiB each way')
    name, peer = session(context, receive_buffer=65536)
    stream = open_stream(context, name, peer, t.ECHO)
    peer.keep_data = False
    transfer(peer, stream, size, want_back=size, piece=65535)
    check(peer.count[stream] == size, 'other bytes came back')
    peer.verify()


@procedure('CMP-08', role='SC')
def inflated_credit(context):
    """64 KiB granted for each 32 KiB."""
    name, peer = session(context)
    stream = open_stream(context, name, peer, t.SRC)
    peer.keep_data = False
    granted = 0
    while granted < 16 << 20:
        peer.expect(lambda: peer.count[stream] >= granted // 2, 10, 'data')
        peer.send(f.credit(stream, 65536))
        granted += 65536
    check(not peer.ends[stream] and peer.closed is None, 'it was ended')


@procedure('PRI-01', role='SC', cost=4)
def weights(context):
    """The tester is the slow link: it reads 16 KiB at a time."""
    name, peer = session(context, receive_buffer=16384)
    peer.keep_data = False
    high = open_stream(context, name, peer, t.SRC, 1, priority=0)
    low = open_stream(context, name, peer, t.SRC, 2, priority=255)
    peer.send(f.credit(high, 1 << 30) + f.credit(low, 1 << 30))
    peer.pump(10, lambda: peer.count[high] > 1 << 18 and peer.count[low] > 0)
    peer.read_size = 16384
    time.sleep(0.2)
    before = peer.count[high], peer.count[low]
    deadline = time.monotonic() + 15
    while peer.count[high] - before[0] < 8 << 20 and time.monotonic() < deadline:
        peer.turn(0.1)
        time.sleep(0.002)
    share = (peer.count[high] - before[0]) / max(1, peer.count[low] - before[1])
    context.notes.append(f'{share:.1f} : 1')
    check(4 <= share <= 32, f'priority 0 got {share:.1f} times as much as 255')

