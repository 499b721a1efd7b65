"""One delivery of one case, in either role: how it begins, what goes out, what became of the other ends."""

import re
import time

import frames as f
import steps
import targets as t
from peer import check, wait_for

PROBE = b'live'
PROBE_ID = 0x7ffe


def negotiates(data):
    """Whether the bytes begin with a negotiation of their own."""
    return len(data) >= 5 and data[2:5] == b'\0\0\0'


class Side:
    """What both roles share. `delivery` is whole, bytewise or coalesced."""

    def __init__(self, case, delivery, program, targets=None, full=False):
        self.case = case
        self.delivery = delivery
        self.program = program
        self.targets = targets
        self.input = steps.payload(case, full) or b''
        self.sent = f.split_frames(bytearray(self.input))
        if negotiates(self.input) and not self.no_prelude():
            self.sent = self.sent[1:]
        self.news = {}
        for one in self.sent:
            if one.state == f.NEW and len(one.rest) >= 5:
                self.news.setdefault(one.id, one)
        self.peer = None
        self.mark = None
        self.sent_at = None
        self.scale = program.scale
        self.patience = 2  # for the probe

    def no_prelude(self):
        return self.case['id'].startswith(('NEG-', 'NGC-')) or 'before negotiation' in self.case['title']

    def port(self, stream):
        return self.news[stream].target[2] if stream in self.news else None

    def granted(self, stream):
        """By the tester: what its CreditUpdates for the sub-stream say in all."""
        return sum(x.increment for x in self.sent if x.state == f.CREDIT and x.id == stream and x.data)

    def put_in(self, stream):
        """The data that the tester's frames carry for the sub-stream."""
        return b''.join(x.data or b'' for x in self.sent if x.id == stream and x.state in (f.NEW, f.KEEP))

    def deliver(self, data):
        peer = self.peer
        if self.delivery == 'bytewise':
            self.send_bytewise(data)
        else:
            peer.send(data)
        if self.ends_input():
            peer.end_sending()
        self.sent_at = time.monotonic()

    def ends_input(self):
        cut = self.case['framing'].startswith('truncated') or re.search(r'\bEOF\b', self.case['title'])
        return cut and 'after the rest' not in self.case['expect']

    def send_bytewise(self, data):
        """With a rest behind each New, so that there is an upstream when the next frame comes."""
        apart = re.search(r'(\d+) ms apart', self.case['title'])
        if apart:
            for i in range(len(data)):
                self.peer.send(data[i:i + 1])
                self.peer.pump(int(apart[1]) / 1000)
            return
        left = bytearray(data)
        whole = [x for x in f.split_frames(left)] if len(data) < 1000 else []
        for one in whole:
            self.peer.send_bytewise(one.raw)
            if one.state == f.NEW and (left or self.ends_input() or one is not whole[-1]):
                self.peer.pump(0.05)
        self.peer.send_bytewise(bytes(left) if whole else data)

    @property
    def can_coalesce(self):
        """A probe behind half a frame, or where silence is the point, is none."""
        silent = re.search('no further bytes|nothing until|session_idle', self.case['expect'])
        return not (silent or self.ends_input() or self.sent_is_cut())

    def sent_is_cut(self):
        """Whether the input does not end with a frame."""
        left = bytearray(self.input)
        f.split_frames(left)
        return bool(left)

    def finish(self):
        self.peer.verify()
        self.peer.close()


class ServerSide(Side):
    def begin(self):
        self.mark = self.targets.mark()
        self.logged = len(self.program.log()) if 'logged' in self.case['expect'] else 0
        own = self.no_prelude() or negotiates(self.input)
        self.peer = self.program.connect(request=None if own else f.REQUEST_00)

    def send_input(self):
        if self.delivery == 'coalesced' and self.can_coalesce:
            self.deliver(self.input + self.probe_bytes())
        else:
            self.deliver(self.input)

    @staticmethod
    def probe_bytes():
        return f.new(PROBE_ID, t.ECHO, PROBE, f.ipv4(t.PROBE_HOST))

    def probe(self):
        """Is it alive?"""
        if self.delivery != 'coalesced' or not self.can_coalesce:
            self.peer.send(self.probe_bytes())
        if self.program.allows_private:
            self.peer.expect_data(PROBE_ID, PROBE, self.patience)
        else:
            self.peer.expect_end(PROBE_ID, 6)

    def probe_unanswered(self):
        check(not self.peer.data[PROBE_ID], 'the probe behind the error was answered')

    def is_probe(self, one):
        return one.id == PROBE_ID

    def upstream(self, stream, seconds=2.0):
        """The connection that the server made for a sub-stream; sub-streams of one port in their order."""
        found = self.find_upstream(stream, seconds)
        check(found, f'the server did not connect to port {self.port(stream)}')
        return found

    def find_upstream(self, stream, seconds):
        port = self.port(stream)
        place = [n for n, new in self.news.items() if new.target[2] == port].index(stream)
        self.peer.pump(seconds, lambda: len(self.dialled(port)) > place)
        found = self.dialled(port)
        return found[place] if len(found) > place else None

    def expect_reset(self, stream):
        """A dial that was cut before it was done is as good."""
        c = self.find_upstream(stream, 2 if self.delivery == 'bytewise' else 0.2)
        if c is None or c.port == t.RSTP:
            check(c or self.delivery != 'bytewise', 'the server did not connect')
            return
        self.peer.outlast(1.2, lambda: c.look() or c.reset)
        check(c.reset, f'the upstream of {stream} got no RST{" but a FIN" if c.eof else ""}')

    def expect_fin(self, stream):
        c = self.upstream(stream)
        self.peer.outlast(3, lambda: c.eof or c.reset)
        check(c.eof and not c.reset, f'the upstream of {stream} got no FIN')

    def expect_released(self, stream):
        c = self.upstream(stream)
        self.peer.outlast(1.2, c.gone)
        check(c.gone(), f'the upstream of {stream} was not released within 1 s')

    def expect_all_released(self):
        """After the end of a main connection."""
        connections = [c for c in self.targets.since(self.mark)]
        wait_for(lambda: all(c.gone() for c in connections), 1.5, 'all upstream connections are closed')

    def expect_failed(self, stream):
        self.expect_reset(stream)

    def received(self, stream):
        return bytes(self.upstream(stream).received)

    def dialled(self, port=None):
        return [c for c in self.targets.since(self.mark, port) if c.port != t.PROBE]

    def next_connection_works(self):
        self.program.connect().close()
        check(self.program.alive(), 'the server has ended')


class ClientSide(Side):
    def begin(self):
        reply = None if self.case['id'].startswith('NGC-') or self.no_prelude() else f.REPLY_00
        self.name, self.peer = self.program.connect(reply)
        if reply is None:
            return
        for stream, wanted in self.news.items():
            network, priority, port, host = wanted.target
            new = self.program.open(self.name, self.peer, 'udp' if network == f.UDP else 'tcp', port,
                                    f'prio={priority}', f'host={host}')
            check(new.id == stream, f'the client took id {new.id}, not {stream}')
            check(new.target == wanted.target, f'the client opened {new.target}, not {wanted.target}')
        if self.probes_early:
            self.probe_id = self.program.open(self.name, self.peer, 'tcp', t.ECHO).id

    @property
    def probes_early(self):
        """Its sub-stream must not be there where a time-out is waited for, nor before the negotiation."""
        return self.scale == 1 and not self.no_prelude()

    def send_input(self):
        data = b''.join(self.without_news())
        if self.delivery == 'coalesced' and self.can_coalesce and self.probes_early:
            data += f.keep(self.probe_id, PROBE)
        self.deliver(data)

    def without_news(self):
        """The input as a server would send it: first data of a New comes as a Keep."""
        left = bytearray(self.input)
        for one in f.split_frames(left):
            if one.state != f.NEW:
                yield one.raw
            elif one.data:
                yield f.keep(one.id, one.data)
        yield bytes(left)

    def probe(self):
        if not self.probes_early:
            self.probe_id = self.program.open(self.name, self.peer, 'tcp', t.ECHO).id
        if self.delivery != 'coalesced' or not self.can_coalesce or not self.probes_early:
            self.peer.send(f.keep(self.probe_id, PROBE))
        self.peer.expect_data(self.probe_id, PROBE, self.patience)

    def probe_unanswered(self):
        check(not self.probes_early or not self.peer.data[self.probe_id], 'the probe behind the error was answered')

    def is_probe(self, one):
        return one.id == getattr(self, 'probe_id', None)

    def end_of_reading(self, stream, seconds=2):
        return self.program.wait_event('rend', self.name, stream, seconds=seconds, talking=self.peer)[4]

    def expect_failed(self, stream):
        why = self.end_of_reading(stream)
        check(why not in ('eof', 'ok'), f'stream {stream} ended with {why}, which is no error')

    expect_reset = expect_failed

    def expect_fin(self, stream):
        check(self.end_of_reading(stream) == 'eof', f'stream {stream} did not end well')

    def expect_released(self, stream):
        self.expect_failed(stream)

    def expect_all_released(self):
        self.program.wait_event('down', self.name, seconds=2)
        for stream in [*self.news, *([self.probe_id] if hasattr(self, 'probe_id') else [])]:
            self.expect_failed(stream)

    def dialled(self, _port=None):
        return []

    def find_upstream(self, stream, _seconds):
        return stream in self.news

    def next_connection_works(self):
        _, peer = self.program.connect()
        peer.close()
        check(self.program.alive(), 'the client has ended')
