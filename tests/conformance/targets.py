"""The targets on the loopback: what the server under test dials. One thread with an event loop."""

import asyncio
import select
import socket
import struct
import threading
import time

ECHO, SINK, SRC, RSTP, HALF, FINF, LATE, SLOW, BIG, CLOSED = 7007, 7008, 7009, 7010, 7011, 7012, 7013, 7014, 7015, 1
BIG_ANSWER = bytes(range(256)) * 4096
# The probe's own echo: its connections are not to be taken for those of a case.
PROBE_HOST, PROBE = '127.0.0.2', 0


class Connection:
    """One that a target accepted, and what became of it."""

    def __init__(self, port, sock):
        self.port = port
        self.sock = sock
        self.received = bytearray()
        self.count = 0
        self.sent = 0
        self.eof = False
        self.reset = False
        self.closed = False
        self.opened_at = time.monotonic()
        self.task = None

    def took(self, data):
        self.count += len(data)
        if len(self.received) < 1 << 20:
            self.received += data

    def gone(self):
        """Whether the other side has let go of it: reset, or nothing more will come and nothing is taken."""
        self.look()
        return self.closed or self.reset or self.eof

    def look(self):
        """A target that does not read learns of a reset this way."""
        if self.closed or self.reset or self.sock.fileno() < 0:
            return
        poll = select.poll()
        poll.register(self.sock.fileno(), select.POLLRDHUP)
        for _, event in poll.poll(0):
            if event & select.POLLERR or (event & select.POLLHUP and not self.eof and not event & select.POLLRDHUP):
                self.reset = True
            elif event & (select.POLLHUP | select.POLLRDHUP):
                self.eof = True
                self.reset = self.reset or bool(self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))

    def close(self, hard=False):
        if self.closed:
            return
        self.closed = True
        if hard:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        self.sock.close()


class Targets:
    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.connections = []
        self.datagrams = []  # (time, data, source) that reached the UDP echo
        self.listeners = []
        self.tasks = set()
        for port, behave in ((ECHO, self.echo), (SINK, self.sink), (SRC, self.source), (RSTP, self.resetting),
                             (HALF, self.half), (FINF, self.fin_first), (LATE, self.echo), (SLOW, self.slow),
                             (BIG, self.big)):
            self.listen(port, behave)
        self.listen(ECHO, self.echo, PROBE_HOST, label=PROBE)
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.udp.bind(('127.0.0.1', ECHO))
        threading.Thread(target=self.run_udp, daemon=True).start()
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def mark(self):
        """From here on is what since() tells."""
        return len(self.connections), len(self.datagrams)

    def since(self, mark, port=None):
        return [c for c in self.connections[mark[0]:] if port in (None, c.port)]

    def datagrams_since(self, mark):
        return self.datagrams[mark[1]:]

    def close_all(self):
        """What a case has left behind."""
        done = threading.Event()
        self.loop.call_soon_threadsafe(self.end_tasks, done)
        done.wait(5)

    def end_tasks(self, done):
        for c in self.connections:
            c.task.cancel()
            if c.port == SINK:
                c.close(hard=True)
        self.connections.clear()
        self.datagrams.clear()
        done.set()

    def listen(self, port, behave, host='127.0.0.1', label=None):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if port in (SINK, SLOW):
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.bind((host, port))
        s.listen(1024)
        s.setblocking(False)
        self.listeners.append(s)
        self.loop.create_task(self.accept(s, port if label is None else label, behave))

    async def accept(self, listener, port, behave):
        while True:
            if port == LATE:
                await self.readable(listener)
                await asyncio.sleep(0.5)
            try:
                sock, _ = await self.loop.sock_accept(listener)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(port, sock)
            connection.task = self.loop.create_task(self.guard(connection, behave))
            self.connections.append(connection)
            self.tasks.add(connection.task)
            connection.task.add_done_callback(self.tasks.discard)

    async def readable(self, sock):
        ready = self.loop.create_future()
        self.loop.add_reader(sock, lambda: ready.done() or ready.set_result(None))
        await ready
        self.loop.remove_reader(sock)

    async def guard(self, c, behave):
        hard = False
        try:
            await behave(c)
        except (ConnectionResetError, BrokenPipeError):
            c.reset = True
        except (OSError, ValueError):
            pass
        except asyncio.CancelledError:
            hard = True
        if behave != self.sink:
            c.close(hard)

    async def read(self, c, most=65536):
        data = await self.loop.sock_recv(c.sock, most)
        if not data:
            c.eof = True
        c.took(data)
        return data

    async def send(self, c, data):
        await self.loop.sock_sendall(c.sock, data)
        c.sent += len(data)

    async def echo(self, c):
        while data := await self.read(c):
            await self.send(c, data)

    async def sink(self, c):
        pass

    async def source(self, c):
        """Endless; a half-close of the reader is seen, and no reason to stop."""
        watch = self.loop.create_task(self.drain(c))
        try:
            while True:
                await self.send(c, b's' * 16384)
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)

    async def drain(self, c):
        while await self.read(c):
            pass

    async def resetting(self, c):
        c.close(hard=True)

    async def half(self, c):
        while await self.read(c):
            pass
        await self.send(c, str(c.count).encode())

    async def fin_first(self, c):
        await self.send(c, b'bye')
        c.sock.shutdown(socket.SHUT_WR)
        while await self.read(c):
            pass

    async def slow(self, c):
        """1 KiB/s by the README, divided as all times are: a hundred times that."""
        while await self.read(c, 1024):
            await asyncio.sleep(0.01)

    async def big(self, c):
        while await self.read(c):
            pass
        await self.send(c, BIG_ANSWER)

    def run_udp(self):
        while True:
            data, source = self.udp.recvfrom(65536)
            self.datagrams.append((time.monotonic(), data, source))
            try:
                self.udp.sendto(data, source)
            except OSError:
                pass
