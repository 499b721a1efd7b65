"""The tester's end of a main connection: sends what it likes, records what comes, checks what always holds."""

import collections
import select
import socket
import time

import frames as f


class Failed(Exception):
    """A case does not hold."""


def check(condition, sentence):
    if not condition:
        raise Failed(sentence)


def wait_for(condition, seconds, sentence, pause=0.005):
    """For what is seen elsewhere than on the main connection."""
    deadline = time.monotonic() + seconds
    while not condition():
        check(time.monotonic() < deadline, f'not within {seconds} s: {sentence}')
        time.sleep(pause)


class Peer:
    """`client` says which part the tester plays."""

    def __init__(self, sock, client=True):
        self.sock = sock
        self.client = client
        self.sock.setblocking(False)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray()
        self.raw = 0
        self.frames = []
        self.negotiation = None
        self.data = collections.defaultdict(bytearray)
        self.count = collections.Counter()
        self.granted = collections.Counter()  # by the other side
        self.sent = collections.Counter()  # data of the tester, where a procedure counts it
        self.news = collections.Counter()  # of the tester, by id
        self.ends = collections.defaultdict(list)
        self.closed = None  # 'eof' or 'reset'
        self.closed_at = None
        self.auto_grant = False
        self.ungranted = set()  # streams that auto_grant leaves out
        self.keep_data = True
        self.reading = True
        self.read_size = 1 << 18
        self.outgoing = bytearray()
        self.broken = None  # a rule that always holds, and did not

    # --- sending

    def send(self, data, seconds=10):
        """All of it; reads meanwhile, so that a busy connection cannot lock up."""
        for new in f.split_frames(bytearray(data)) if self.client else []:
            if new.state == f.NEW:
                self.news[new.id] += 1
        self.outgoing += data
        deadline = time.monotonic() + seconds
        while self.outgoing and self.closed is None:
            check(time.monotonic() < deadline, f'{len(self.outgoing)} bytes could not be sent within {seconds} s')
            self.turn(0.1)

    def send_bytewise(self, data):
        """One write for each byte."""
        for new in f.split_frames(bytearray(data)) if self.client else []:
            if new.state == f.NEW:
                self.news[new.id] += 1
        for i in range(len(data)):
            if self.closed is not None:
                return
            self.outgoing += data[i:i + 1]
            self.flush()
            while self.outgoing and self.closed is None:
                self.turn(0.1)
            if i % 64 == 63:
                self.turn(0)

    def end_sending(self):
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def flush(self):
        try:
            n = self.sock.send(self.outgoing[:1 << 18])
            del self.outgoing[:n]
        except BlockingIOError:
            pass
        except OSError:
            self.outgoing.clear()
            self.take_input()
            if self.closed is None:
                self.mark_closed('reset')

    # --- receiving

    def turn(self, seconds):
        """One round of the loop: what can be sent is sent, what is there is taken."""
        wanted = (select.POLLIN if self.reading else 0) | (select.POLLOUT if self.outgoing else 0)
        poll = select.poll()
        poll.register(self.sock, wanted)
        for _, event in poll.poll(seconds * 1000):
            if event & select.POLLOUT:
                self.flush()
            if self.reading and event & (select.POLLIN | select.POLLHUP | select.POLLERR):
                self.take_input()

    def take_input(self):
        try:
            data = self.sock.recv(self.read_size)
        except BlockingIOError:
            return
        except OSError:
            self.mark_closed('reset')
            return
        if not data:
            self.mark_closed('eof')
            return
        self.raw += len(data)
        self.buffer += data
        for one in f.split_frames(self.buffer, time.monotonic()):
            self.take(one)

    def mark_closed(self, how):
        if self.closed is None:
            self.closed = how
            self.closed_at = time.monotonic()

    def take(self, one):
        if self.negotiation is None:
            self.negotiation = one
            return
        self.check_rules(one)
        if one.state == f.KEEP and one.data is not None:
            self.count[one.id] += len(one.data)
            if self.auto_grant and one.id not in self.ungranted and not self.ends.get(one.id):
                self.outgoing += f.credit(one.id, len(one.data))
            if self.keep_data:
                self.data[one.id] += one.data
        elif one.state == f.CREDIT:
            self.granted[one.id] += one.increment
        elif one.state == f.END:
            self.ends[one.id].append(one)
        elif one.state == f.NEW:
            self.data[one.id] += one.data or b''
            self.count[one.id] += len(one.data or b'')
        if self.keep_data or one.state not in (f.KEEP, f.CREDIT):
            self.frames.append(one)

    def check_rules(self, one):
        """What holds for every frame that an implementation sends (END-22, KEEP-15, CRU-18 and the like)."""
        allowed = self.news[one.id] if self.client else 1
        ended = len(self.ends[one.id]) if one.id in self.ends else 0
        if one.state == f.KEEP:
            # A New of the tester that the other side has not seen yet cannot have brought an answer.
            self.hold(ended < max(allowed, 1), f'{one} after the own End')
            self.hold(bool(one.data) or one.opt & f.U or self.udp_ok, f'{one} is empty')
        elif one.state == f.CREDIT:
            self.hold(ended < max(allowed, 1), f'{one} after the own End')
            self.hold(len(one.raw) == 12 and one.opt == 1 and one.increment > 0, f'{one}: {one.raw.hex()}')
        elif one.state == f.END:
            self.hold(len(one.raw) == (8 if one.opt & f.D else 6), f'{one}: {one.raw.hex()}')
            self.hold(ended < allowed or (self.client and self.news[one.id] == 0), f'a second End: {one}')
        elif one.state == f.KEEP_ALIVE:
            self.hold(one.raw[:2] == b'\x00\x04' and one.opt == 0, f'{one}: {one.raw.hex()}')
        elif one.state == f.NEW:
            self.hold(not self.client, 'a server opened a sub-stream')
        else:
            self.hold(False, f'unknown frame {one.raw[:16].hex()}')

    udp_ok = False

    def hold(self, condition, sentence):
        if not condition and self.broken is None:
            self.broken = sentence

    def pump(self, seconds, until=None):
        """Until `until()` or for that time or until the connection is closed; returns until()'s last answer."""
        deadline = time.monotonic() + seconds
        while True:
            if until and until():
                return True
            left = deadline - time.monotonic()
            if left <= 0 or (self.closed is not None and not self.outgoing):
                return bool(until and until())
            if self.closed is not None:
                return bool(until and until())
            self.turn(min(left, 0.1))

    def outlast(self, seconds, until):
        """The same for what happens elsewhere: a connection that is closed does not end it."""
        deadline = time.monotonic() + seconds
        self.pump(seconds, until)
        while not until() and time.monotonic() < deadline:
            time.sleep(0.005)

    # --- what cases ask for

    def expect(self, until, seconds, sentence):
        self.pump(seconds, until)
        check(until(), f'not within {seconds} s: {sentence}{self.story()}')

    def story(self):
        recent = ' '.join(map(str, self.frames[-6:]))
        return f' [{self.closed or "open"}; last frames: {recent or "none"}]'

    def of(self, stream, state=None):
        return [x for x in self.frames if x.id == stream and state in (None, x.state)]

    def expect_closed(self, seconds=1.0, after=None):
        start = after or time.monotonic()
        self.pump(seconds + 1, lambda: self.closed is not None)
        check(self.closed is not None, f'the main connection is still open after {seconds + 1} s{self.story()}')
        took = self.closed_at - start
        check(took <= seconds + 0.25, f'the main connection was closed after {took:.2f} s')

    def expect_quiet(self, seconds):
        before = self.raw
        self.pump(seconds)
        check(self.raw == before, f'{self.raw - before} more bytes{self.story()}')

    def expect_data(self, stream, data, seconds=2.0):
        self.expect(lambda: len(self.data[stream]) >= len(data), seconds,
                    f'{len(data)} bytes on {stream}, there are {self.count[stream]}')
        got = bytes(self.data[stream])
        check(got == data, f'stream {stream} got {got[:40]!r}{"..." if len(got) > 40 else ""}, not {data[:40]!r}')

    def expect_end(self, stream, code=None, seconds=2.0):
        """`code` 0 and None: a graceful End."""
        self.expect(lambda: bool(self.ends[stream]), seconds, f'End({stream})')
        got = self.ends[stream][-1].code or 0
        check(got == (code or 0), f'End({stream}) has code {got}, not {code or 0}')

    def verify(self):
        """The invariants; to be called last."""
        check(self.broken is None, f'against the rules: {self.broken}')

    def close(self, hard=False):
        if hard:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def connect(port, source=None, request=f.REQUEST_00, receive_buffer=None, host='127.0.0.1'):
    """A main connection to the server under test; negotiates if `request` is given."""
    s = socket.socket()
    if receive_buffer:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    if source:
        s.bind((source, 0))
    s.settimeout(5)
    try:
        s.connect((host, port))
    except OSError as e:
        raise Failed(f'cannot connect: {e}') from e
    peer = Peer(s, client=True)
    if request:
        peer.send(request)
        peer.expect(lambda: peer.negotiation is not None, 3, 'an answer to the negotiation')
    return peer
