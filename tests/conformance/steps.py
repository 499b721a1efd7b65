"""What a case sends: its hex, or the small language of `repeat_or_steps`."""

import re

import frames as f

TARGETS = {'ECHO': 7007, 'SINK': 7008, 'SRC': 7009}
MOST = 20_000  # frames of an expanded flood, unless all of it is wanted


class NotParsed(Exception):
    """The steps say something that is no list of frames."""


def payload(case, full=False):
    """The bytes of a case without the prelude; None if it needs a procedure."""
    steps = case['repeat_or_steps'] or ''
    if case['input_hex'] and not repeats(case):
        return bytes.fromhex(case['input_hex'])
    try:
        return expand(steps, full) if steps else None
    except (NotParsed, ValueError):
        return None


def repeats(case):
    """Whether the hex is only what is repeated."""
    steps = case['repeat_or_steps'] or ''
    if re.search(r'\d times|for i=|x\d{3,}(?![0-9a-f]*\))', steps) and '(00)x' not in steps:
        return case['input_len'] < 64
    return False


def expand(text, full=False):
    text = re.sub(r', before any grant|^new session \+ ', '', text)
    loop = re.fullmatch(r'(.*) for i=(\d+)\.\.(\d+)', text)
    if loop:
        first, last = int(loop[2]), int(loop[3])
        return b''.join(expand(re.sub(r'\(i\b', f'({i}', loop[1])) for i in range(first, last + 1))
    times = re.fullmatch(r'(.*), (10\^)?(\d+) times', text)
    if times:
        return expand(times[1]) * limited(10 ** int(times[3]) if times[2] else int(times[3]), full)
    return b''.join(one_step(part.strip(), full) for part in re.split(r'\||(?<=\)) \+ ', text) if part.strip())


def limited(n, full):
    return n if full else min(n, MOST)


def one_step(part, full=False):
    repeated = re.fullmatch(r'(.+\)) x(\d+)', part)
    if repeated:
        n = limited(int(repeated[2]), full)
        if 'random id' in repeated[1]:
            return b''.join(one_step(repeated[1].replace('random id', str(1 + i * 7919 % 65535))) for i in range(n))
        return one_step(repeated[1]) * n
    call = re.fullmatch(r'(\w+)\((.*)\)', part)
    if call:
        arguments = [a.strip() for a in call[2].split(',')]
        return {'New': new, 'Keep': keep, 'CreditUpdate': credit, 'End': end}.get(call[1], unknown)(arguments)
    if part in ('NEG', 'NEG-01'):
        return f.REQUEST_00
    if part == 'NEG-02':
        return f.REQUEST_GO
    return f.from_hex(part)


def unknown(_):
    raise NotParsed


def new(arguments):
    """New(1), New(1,SINK,65535), New(1, slow reader :7014, 65000 bytes), New(1,udp)."""
    port, data, network = 7007, None, f.TCP
    for a in arguments[1:]:
        name = re.search(r'\b(ECHO|SINK|SRC)\b', a)
        number = re.search(r':(7\d{3})', a)
        amount = re.fullmatch(r'(\d+)( bytes)?', a)
        if name or number:
            port = TARGETS[name[1]] if name else int(number[1])
        elif a == 'udp':
            network = f.UDP
        elif amount:
            data = b'z' * int(amount[1])
        else:
            raise NotParsed
    return f.new(int(arguments[0]), port, data, network=network)


def keep(arguments):
    """Keep(65535), Keep(1, 60000 bytes), Keep(1,"x"), Keep(1,0x02)."""
    stream = 1 if len(arguments) == 1 else int(arguments[0])
    last = arguments[-1]
    if last.startswith('"'):
        return f.keep(stream, last.strip('"').encode())
    if last == '0x02':
        return f.frame(stream, f.KEEP, f.U, b'', b'x')
    amount = re.fullmatch(r'(\d+)( bytes?)?', last)
    if not amount:
        raise NotParsed
    if len(arguments) == 1 and int(amount[1]) <= 0:
        raise NotParsed
    # An id by itself stands for a frame of one byte: Keep(random id).
    return f.keep(stream, b'k' * int(amount[1]))


def credit(arguments):
    return f.credit(int(arguments[0]) if len(arguments) > 1 else 1, int(arguments[-1]))


def end(arguments):
    return f.end(int(arguments[0]), int(arguments[1]) if len(arguments) > 1 else None)
