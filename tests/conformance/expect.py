"""Interprets what `expect` says. A case whose text is not understood to the last word does not pass."""

import re
import time

import frames as f
import targets as t
from peer import Failed, check, wait_for

KNOWN_VERSIONS = (0, 1)
RULES = []


class NotInterpreted(Exception):
    """The words are none of the usual ones."""


def rule(pattern):
    def register(function):
        RULES.append((re.compile(pattern), function))
        return function
    return register


def atoms(text):
    """The text in its parts: separated by `;`, `,`, `:` and `then`, outside quotes and brackets."""
    text = re.sub(r'^Keep\((\d+),"(.*?)"\), End\((\d+)\) arrive while.*', r'Keep(\1,"\2"); End(\3)', text)
    text = text.replace('","', '\0')
    parts, depth, quoted, part = [], 0, None, ''
    for c, behind in zip(text, text[1:] + ' '):
        if quoted:
            quoted = None if c == quoted else quoted
        elif c in '"`':
            quoted = c
        elif c in '()':
            depth += 1 if c == '(' else -1
        if (c in ';,' or (c == ':' and behind == ' ')) and not quoted and depth == 0:
            parts.append(part)
            part = ''
        else:
            part += c
    parts.append(part)
    return [p.strip().removeprefix('then ').replace('\0', '","') for p in parts if p.strip()]


def understand(case):
    """A list of (function, match); raises NotInterpreted."""
    found = []
    for atom in atoms(case['expect']):
        for pattern, function in RULES:
            match = pattern.fullmatch(atom)
            if match:
                found.append((function, match))
                break
        else:
            raise NotInterpreted(f'not interpreted: "{atom}"')
    return found


def run_delivery(side):
    """Begins, sends, checks each part of the expectation, probes, checks what needs the probe first."""
    parts = understand(side.case)
    side.begin()
    try:
        side.send_input()
        later = [r for function, match in parts if (r := function(side, match))]
        if not side.case['expect'].startswith(('SESSION', 'closed')) and not side.ends_input():
            side.probe()
            for check_again in later:
                check_again()
        side.peer.verify()
    finally:
        side.peer.close()


# --- negotiation

@rule(r'reply `([0-9a-f ]+)`(?: \(.*\))?')
def exact_reply(side, match):
    expect_reply(side)
    got = side.peer.negotiation.raw
    check(got == f.from_hex(match[1]), f'the reply is {got.hex()}')


@rule(r'reply(?: 0\.(\d))?')
def some_reply(side, match):
    expect_reply(side)
    version = int.from_bytes(side.peer.negotiation.raw[-4:], 'big')
    check(match[1] is None or version == int(match[1]), f'version {version:#x} was chosen')


def expect_reply(side):
    """In the layout of the request, with the highest version that both know."""
    side.peer.expect(lambda: side.peer.negotiation is not None, 2, 'a reply')
    request = f.split_frames(bytearray(side.input))[0]
    reply = side.peer.negotiation
    spec = len(request.rest) > 0
    head = '0005000000010100040000000' if spec else '000400000001000501'
    check(reply.raw.hex().startswith(head[:18]) and len(reply.raw) == 13, f'the reply is {reply.raw.hex()}')
    listed = request.data if spec else request.data[1:]
    offered = [int.from_bytes(listed[i:i + 4], 'big') for i in range(0, len(listed), 4)]
    best = max(v for v in offered if v in KNOWN_VERSIONS)
    check(int.from_bytes(reply.raw[-4:], 'big') == best, 'the version is not the highest common one')


@rule(r'session marked dialect G')
def marked_go(side, _):
    def bare_end():
        side.peer.send(f.new(0x7ffd, t.CLOSED))
        side.peer.expect(lambda: side.peer.ends[0x7ffd], 2, 'an End')
        check(side.peer.ends[0x7ffd][0].raw == f.end(0x7ffd), 'an End with a code')
    return bare_end


@rule(r'no further bytes.*|nothing until the first client frame')
def silence(side, _):
    side.peer.pump(2, lambda: side.peer.negotiation is not None)
    check(side.peer.raw == 13 or not side.no_prelude(), 'no reply')
    side.peer.expect_quiet(5 / 10)


@rule(r'session up')
def session_up(side, _):
    side.program.wait_event('up', side.name, talking=side.peer)


# --- the scopes of errors

@rule(r'SESSION( at once| at the second)?( \(.*\))?(, no bytes sent)?')
def session_ends(side, match):
    side.peer.expect_closed(1, side.sent_at)
    allowed = {f.KEEP, f.NEW} | ({f.END, f.CREDIT} if natural_ends(side) else set())
    wrong = [x for x in side.peer.frames if x.state not in allowed and not (x.state == f.CREDIT and x.id in side.news)]
    check(not wrong, f'sent before the close: {wrong[0] if wrong else ""}')
    side.probe_unanswered()
    side.expect_all_released()
    side.next_connection_works()


def natural_ends(side):
    return any(side.port(n) in (t.RSTP, t.FINF, t.CLOSED) for n in side.news)


@rule(r'closed')
def just_closed(side, _):
    side.peer.expect_closed(1, side.sent_at)


@rule(r'no bytes sent')
def nothing_sent(side, _):
    check(side.peer.raw == 0, f'{side.peer.raw} bytes were sent')


@rule(r'no dial happens|no SYN')
def no_dial(side, _):
    def none():
        check(not side.dialled(), 'the server dialled')
    time.sleep(0.05)
    none()
    return none


@rule(r'the second target is never dialled')
def second_not_dialled(side, _):
    second = [x for x in side.sent if x.state == f.NEW][1]
    check(not side.dialled(second.target[2]), 'the second target was dialled')


@rule(r'STREAM (\d)(?: on (\d+))?(?: within (\d+) s)?(?: \(.*\))?')
def stream_ends(side, match):
    stream = int(match[2]) if match[2] else the_stream(side)
    side.peer.expect_end(stream, int(match[1]), float(match[3] or 2))
    if stream in side.news and side.find_upstream(stream, 0.05):
        side.expect_released(stream)

    def once():
        check(len(side.peer.ends[stream]) == 1, 'more than one End')
        check(all(x.id == stream or side.is_probe(x) for x in side.peer.frames if x.state == f.END and x.code),
              'another one ended, too')
    return once


@rule(r'STREAM 6')
def rejected(side, _):
    side.peer.expect_end(the_stream(side), 6)


def the_stream(side):
    """The one that the last frame is about."""
    ids = [x.id for x in side.sent if x.id]
    check(ids, 'the case names no sub-stream')
    return ids[-1]


@rule(r'IGNORE(?: \(.*\))?')
def ignored(side, _):
    ended = {x.id for x in side.sent if x.state == f.END}

    def natural(one):
        """What would have come anyway: of the probe, of a target that talks, the End of a target that was told FIN."""
        if side.is_probe(one) or one.state == f.NEW:
            return True
        talks = side.port(one.id) in (t.SRC, t.FINF) and one.state in (f.KEEP, f.END)
        return not one.code and (talks or (one.state == f.END and one.id in ended and one.id in side.news))

    def no_answer():
        for one in side.peer.frames:
            check(natural(one), f'an answer: {one}')
    return no_answer


@rule(r'(?:stream|session)s? (?:and session )?lives?|(?:session|stream) stays|accepted|no error'
      r'|no assertion|no underflow|tolerated up to the empty-frame budget')
def lives(side, _):
    def works():
        check(side.peer.closed is None, 'the main connection was closed')
        check(not [x for x in side.peer.frames if x.state == f.END and x.code and x.id in side.news],
              'a sub-stream was ended')
    return works


@rule(r'stream lives|stream and session live')
def stream_lives(side, match):
    lives(side, match)


# --- data

@rule(r'(?:echo )?Keep\((\d+),"(.*)"\)(?: \(same boundary\))?')
def one_keep(side, match):
    stream, text = int(match[1]), match[2].encode()
    side.peer.expect_data(stream, text)
    if side.news[stream].target[0] == f.UDP:
        check(len(side.peer.of(stream, f.KEEP)) == 1, 'a datagram was split')


@rule(r'stream (\d+) echoes (.*)')
def echoes(side, match):
    side.peer.expect_data(int(match[1]), ''.join(re.findall(r'"(.*?)"', match[2])).encode())


@rule(r'"(\w+)" echoed')
def text_echoed(side, match):
    side.peer.expect_data(the_stream(side), match[1].encode())


@rule(r'after the rest arrives "(\w+)"')
def rest_arrives(side, match):
    """The cut frame is completed with this text."""
    stream = the_stream(side)
    left = bytearray(side.input)
    f.split_frames(left)
    whole = f.keep(stream, match[1].encode())
    check(whole.startswith(bytes(left)), 'the cut frame is another one')
    before = bytes(side.peer.data[stream])
    side.deliver(whole[len(left):])
    side.peer.expect_data(stream, before + match[1].encode())


@rule(r'all echoed|sent \(loopback\) and echoed|sent and echoed')
def all_echoed(side, _):
    stream = the_stream(side)
    side.peer.expect_data(stream, side.put_in(stream), 5)


@rule(r'upstream connected')
def connected(side, _):
    side.upstream(the_stream(side))


@rule(r'no frame is sent for success')
def no_ack(side, _):
    def none():
        check(not side.peer.of(the_stream(side)), 'a frame was sent')
    return none


@rule(r'stream opens|(?:(\w+) )?streams(?: open)?|all processed|stream (\d+) unaffected|no frame changes P later')
def opened(side, match):
    """Each of them carries data."""
    number = {'three': 3, 'two': 2, None: None}.get(match[1], int(match[1]) if (match[1] or '').isdigit() else None)
    check(number is None or len(side.news) == number, f'the case opens {len(side.news)} sub-streams')
    for stream in side.news:
        side.peer.send(f.keep(stream, b'open?'))
    for stream in side.news:
        side.peer.expect_data(stream, side.put_in(stream) + b'open?')


@rule(r'upstream reads "(\w+)" in order|once')
def upstream_reads(side, match):
    if match[1] is None:
        return None
    c = side.upstream(the_stream(side))
    side.peer.pump(2, lambda: c.count >= len(match[1]))
    check(bytes(c.received) == match[1].encode(), f'the upstream got {bytes(c.received)!r}')

    def no_more():
        check(bytes(c.received) == match[1].encode(), f'the upstream got {bytes(c.received)!r}')
    return no_more


@rule(r'upstream gets "(\w+)"')
def upstream_gets(side, match):
    c = side.upstream(the_stream(side))
    side.peer.pump(2, lambda: c.count >= len(match[1]))
    check(bytes(c.received) == match[1].encode(), f'the upstream got {bytes(c.received)!r}')


@rule(r'slow upstream still reads all (\d+) bytes')
def slow_reads(side, match):
    c = side.upstream(the_stream(side))
    side.peer.pump(10, lambda: c.count >= int(match[1]))
    check(c.count == int(match[1]), f'the upstream got {c.count} bytes')


@rule(r'its answer "(\w+)" comes back')
def answer_back(side, match):
    side.peer.expect_data(the_stream(side), match[1].encode())


@rule(r'(\d+) MiB arrives \(with grants\)')
def much_arrives(side, match):
    stream = the_stream(side)
    side.peer.auto_grant = True
    for n in side.news:
        side.peer.outgoing += f.credit(n, 65536)
    size = int(match[1]) << 20
    side.peer.expect(lambda: side.peer.count[stream] >= size, 15, f'{size} bytes')
    check(bytes(side.peer.data[stream]) == t.BIG_ANSWER[:size], 'other bytes than the upstream sent')


# --- ends

@rule(r'upstream (?:gets )?FIN|FIN|graceful')
def upstream_fin(side, match):
    side.expect_fin(the_stream(side))
    if match[0] == 'graceful':
        side.peer.expect_end(the_stream(side), 0)


@rule(r'(?:abort|upstream (?:gets )?RST|streams? ends? with an error(?: \(local RST\))?'
      r'|open streams get an error|the stream ends with an error)')
def aborted(side, match):
    for stream in side.news:
        if match[0].startswith(('stream', 'open', 'the stream')):
            side.expect_failed(stream)
        else:
            side.expect_reset(stream)


@rule(r'not EOF|not FIN|upstreams closed <= 1 s')
def nothing_left(side, _):
    side.expect_all_released()


@rule(r'(?:one )?End\((\d+)(?:, code (\d+))?\)(?: code (\d+))?(?: once)?'
      r'(?: back(?: when upstream ends)?| arrives?)?')
def end_comes(side, match):
    side.peer.expect_end(int(match[1]), int(match[2] or match[3] or 0), 4)

    def once():
        check(len(side.peer.ends[int(match[1])]) == 1, 'more than one End')
    return once


@rule(r'at most one End\((\d+)\)')
def one_end(side, match):
    def at_most_one():
        check(len(side.peer.ends[int(match[1])]) <= 1, 'more than one End')
    return at_most_one


@rule(r'`([0-9a-f ]+)`(?: exactly| \(.*\))?')
def exact_bytes(side, match):
    wanted = f.from_hex(match[1])
    side.peer.expect(lambda: any(x.raw == wanted for x in side.peer.frames), 2, f'the frame {match[1]}')

    def only_one():
        same = [x for x in side.peer.frames if x.id == wanted[2] << 8 | wanted[3] and x.state == wanted[4]]
        check(len(same) == 1, f'{len(same)} frames of the kind')
    return only_one


@rule(r'each side sent exactly one End|id free|no leftovers')
def id_is_free(side, match):
    stream = the_stream(side)
    side.peer.expect_end(stream, 0)
    if match[0] != 'id free':
        return None

    def again():
        check(len(side.peer.ends[stream]) == 1, 'more than one End')
        before = bytes(side.peer.data[stream])
        side.peer.send(f.new(stream, t.ECHO, b'again'))
        side.peer.expect_data(stream, before + b'again')
    return again


@rule(r'End\((\d+)\) code 0 is sent before any byte of the new stream|late socket is closed'
      r'|not attached to the new stream')
def fence(side, _):
    stream = the_stream(side)
    second = [x for x in side.sent if x.state == f.NEW and x.id == stream][-1]
    data = second.data or b''
    side.peer.expect(lambda: b''.join(x.data for x in side.peer.frames if x.state == f.KEEP and x.id == stream)
                     .endswith(data), 2, 'the echo of the new stream')
    seen = [x.state for x in side.peer.of(stream)]
    check(f.END in seen, 'no End of the old one')
    behind = side.peer.of(stream)[seen.index(f.END) + 1:]
    check(b''.join(x.data or b'' for x in behind) == data, 'the new stream does not begin behind the End')
    side.peer.data[stream] = bytearray(data)


# --- credit

@rule(r'(?:exactly )?(\d+)(?: more)? bytes?(?: more)?(?: sent)?|total = (\d+) \+ (\d+)|stop|nothing for (\d+) s')
def bytes_and_stop(side, match):
    """All that was granted, and nothing beyond it."""
    stream = next(n for n in side.news if side.port(n) == t.SRC)
    total = 65536 + side.granted(stream)
    for number in [int(g) for g in match.groups()[:2] if g]:
        check(number in (total, total - 65536, 65536), f'the case says {number}, {total} are granted')
    side.peer.expect(lambda: side.peer.count[stream] >= total, 3, f'{total} bytes, {side.peer.count[stream]} came')
    side.peer.pump(0.6 if match[4] else 0.2)
    check(side.peer.count[stream] == total, f'{side.peer.count[stream]} bytes, {total} are granted')


@rule(r'at most (\d+) bytes? more')
def at_most_more(side, match):
    stream = next(n for n in side.news if side.port(n) == t.SRC)
    side.peer.expect(lambda: side.peer.count[stream] >= 65536, 2, '65536 bytes')
    side.peer.pump(0.3)
    check(side.peer.count[stream] <= 65536 + int(match[1]), f'{side.peer.count[stream]} bytes')


@rule(r'no wrap|no error|the sender may send .* bytes in all(?: \(.*\))?')
def no_wrap(side, match):
    if not match[0].startswith('the sender'):
        return
    stream = the_stream(side)
    side.peer.expect(lambda: side.peer.count[stream] >= 4 << 20, 10, 'more than one grant')
    side.patience = 10  # the answer stands behind the megabytes in the kernel's buffers, and this tester reads slowly


@rule(r'(?:CreditUpdate sum|granted) <= (?:bytes accepted by the )?target kernel(?: buffer)?')
def only_for_taken(side, _):
    """A target's kernel takes what its buffers hold; an application that does not read takes nothing."""
    stream = the_stream(side)
    side.peer.pump(0.3)
    most = len(side.put_in(stream)) if side.targets else 0
    check(side.peer.granted[stream] <= most, f'{side.peer.granted[stream]} bytes were granted')


@rule(r'one CreditUpdate >= (\d+) and <= (\d+)')
def one_grant(side, match):
    stream = the_stream(side)
    side.peer.expect(lambda: side.peer.of(stream, f.CREDIT), 2, 'a CreditUpdate')
    side.peer.pump(0.1)
    grants = [x.increment for x in side.peer.of(stream, f.CREDIT)]
    check(len(grants) == 1 and int(match[1]) <= grants[0] <= int(match[2]), f'grants: {grants}')


# --- policy

@rule(r'treated as (?:IP|IPv6 literal) for policy(?: and dial)?|same policy verdict as without the dot')
def same_verdict(side, _):
    """With private addresses allowed it is dialled; the runner repeats it where they are not."""
    stream = the_stream(side)
    if not side.program.allows_private:
        side.peer.expect_end(stream, 6)
        check(not side.dialled(), 'it was dialled')
        return
    side.peer.expect(lambda: side.peer.ends[stream] or side.peer.data[stream], 3, 'an answer')
    if side.peer.data[stream]:
        side.peer.expect_data(stream, side.put_in(stream))
    else:
        side.peer.expect_end(stream, 5)


@rule(r'check is on the dialled address')
def on_dialled(side, _):
    check(not side.dialled(), 'it was dialled')


# --- time-outs

@rule(r'(STREAM \d|SESSION|closed|End\(\d+, code \d\)) at (\w+?)(?: \(?(\d+) s.*)?(?: idle)?')
def at_time(side, match):
    """Not before, and not much after; times are divided by the scale."""
    seconds = float(match[3]) / side.scale
    for n in side.news:
        if side.port(n) == t.SRC:
            side.peer.pump(0.1)
    code = re.search(r'\d$', match[1].rstrip(')'))
    if code:
        stream = the_stream(side)
        side.peer.pump(seconds + 2, lambda: side.peer.ends[stream])
        took = time.monotonic() - side.sent_at
        side.peer.expect_end(stream, int(code[0]), 0.1)
    else:
        side.peer.pump(seconds + 2, lambda: side.peer.closed is not None)
        took = time.monotonic() - side.sent_at
        check(side.peer.closed is not None, 'still open')
    check(seconds * 0.85 - 0.05 <= took <= seconds * 1.25 + 0.5, f'it took {took:.2f} s instead of {seconds:.2f} s')


# --- datagrams

@rule(r'a 0-byte datagram is sent upstream|datagram "(\w+)" to 127\.0\.0\.1:7007|datagram sent')
def datagram_sent(side, match):
    stream = the_stream(side)
    wanted = match[1].encode() if match[1] else side.put_in(stream)
    if match[0] == 'datagram sent':
        wanted = payload_behind_prefix(wanted)

    def arrived():
        return any(d[1] == wanted for d in side.targets.datagrams_since(side.mark))
    side.peer.udp_ok = True
    side.peer.expect(arrived, 2, f'the datagram {wanted!r}')


def payload_behind_prefix(data):
    """Of a block with an address in front of one datagram."""
    kind = data[3]
    size = {1: 4, 3: 16}.get(kind) or 1 + data[4]
    return data[4 + size:]


@rule(r'datagram dropped|dropped')
def datagram_dropped(side, _):
    def live_and_none():
        check(not side.targets.datagrams_since(side.mark), 'a datagram was sent')
        side.peer.send(f.keep(the_stream(side), b'ping'))
        side.peer.expect_data(the_stream(side), b'ping')
    return live_and_none


# --- what cannot be seen from outside, or is implied by what is checked

@rule(r'glitch.*|numerically highest|not first listed|nothing buffered.*|resolver never called|no DNS query'
      r'|data skipped|next frame parsed|payload skipped|tail ignored|window left is .*|empty-frame budget -1'
      r'|buffers dropped|memory back within 1 s|the two bytes are ignored|block not interpreted|no allocation'
      r'|"ab" may be delivered|before any grant|resolved|gets an error')
def implied(_side, _match):
    return None


@rule(r'ignored')
def plainly_ignored(side, _):
    stream = the_stream(side)
    if side.put_in(stream):
        side.peer.expect_data(stream, side.put_in(stream))


@rule(r'number logged')
def number_logged(side, _):
    code = next(x.code for x in side.sent if x.state == f.END)

    def in_log():
        text = side.program.log()[side.logged:]
        return str(code) in text or f'{code:#x}' in text

    wait_for(in_log, 2, f'the log says {code}')


__all__ = ['NotInterpreted', 'understand', 'run_delivery', 'Failed']
