"""The programs under test: how they are started, watched and stopped."""

import os
import queue
import resource
import signal
import subprocess
import tempfile
import threading
import time

import frames as f
import peer
from peer import Failed, Peer, check
import socket

PORT = 8443


class Process:
    """A program with its log in a file."""

    def __init__(self, arguments, nofile=None, stdin=None, stdout=subprocess.DEVNULL):
        self.log_file = tempfile.TemporaryFile('w+', errors='replace')
        limit = (lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (nofile, nofile))) if nofile else None
        self.process = subprocess.Popen(arguments, stdin=stdin, stdout=stdout, stderr=self.log_file, text=True,
                                        preexec_fn=limit)

    @property
    def pid(self):
        return self.process.pid

    def log(self):
        position = self.log_file.tell()
        self.log_file.seek(0)
        text = self.log_file.read()
        self.log_file.seek(position)
        return text

    def alive(self):
        return self.process.poll() is None

    def memory(self):
        """Resident bytes."""
        with open(f'/proc/{self.pid}/statm', encoding='ascii') as statm:
            return int(statm.read().split()[1]) * resource.getpagesize()

    def descriptors(self):
        return len(os.listdir(f'/proc/{self.pid}/fd'))

    def cpu(self):
        """Seconds of all threads."""
        with open(f'/proc/{self.pid}/stat', encoding='ascii') as stat:
            fields = stat.read().rsplit(')', 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')

    def stop(self, seconds=10):
        """SIGTERM; the exit status, and what a sanitizer has to say is in the log."""
        if self.alive():
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return 'killed: no exit after SIGTERM'

    def kill(self):
        self.process.kill()
        self.process.wait()


class Server(Process):
    """`muxpro server`, with what the README of the cases asks for."""

    def __init__(self, program, allow_private=True, scale=1, extra=(), nofile=None, port=PORT,
                 drain_timeout=2):
        self.port = port
        self.scale = scale
        arguments = [program, 'server', '--listen', f'127.0.0.1:{port}', '--resolve', 'nx.invalid=',
                     '--resolve', 'rebind.test=127.0.0.1', '--resolve', 'localhost=127.0.0.1',
                     '--resolve', 'blocked.test=127.0.0.1', '--block', 'blocked.test',
                     '--time-scale', str(scale), '--drain-timeout', str(drain_timeout * scale), *extra]
        if allow_private:
            arguments.append('--allow-private')
        super().__init__(arguments, nofile)
        self.wait_until_listening()

    def wait_until_listening(self):
        deadline = time.monotonic() + 20
        while True:
            check(self.alive(), f'the server does not start: {self.log()[-500:]}')
            try:
                socket.create_connection(('127.0.0.1', self.port), 1).close()
                return
            except OSError:
                check(time.monotonic() < deadline, 'the server does not listen')
                time.sleep(0.02)

    def connect(self, **how):
        return peer.connect(self.port, **how)


class Client(Process):
    """The driver around the library's client, told what to do by lines; the tester listens."""

    def __init__(self, program, scale=1, extra=()):
        self.scale = scale
        super().__init__([program, '--time-scale', str(scale), *extra], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]
        self.lines = queue.Queue()
        self.events = []
        self.sessions = 0
        threading.Thread(target=self.read_lines, daemon=True).start()

    def read_lines(self):
        for line in self.process.stdout:
            self.lines.put((time.monotonic(), line.split()))

    def say(self, *words):
        try:
            self.process.stdin.write(' '.join(map(str, words)) + '\n')
            self.process.stdin.flush()
        except OSError as e:
            raise Failed(f'the client is gone: {self.log()[-500:]}') from e

    def collect(self):
        while True:
            try:
                self.events.append(self.lines.get_nowait())
            except queue.Empty:
                return

    def find(self, *words):
        """The first event that begins with these words; None stands for any."""
        self.collect()
        for _, event in self.events:
            if len(event) >= len(words) and all(w is None or str(w) == e for w, e in zip(words, event)):
                return event
        return None

    def wait_event(self, *words, seconds=3, talking=None):
        deadline = time.monotonic() + seconds
        while True:
            found = self.find(*words)
            if found:
                return found
            check(time.monotonic() < deadline, f'no event {words}: {[e for _, e in self.events[-8:]]}')
            if talking:
                talking.pump(0.01)
            else:
                time.sleep(0.005)

    def accept(self, seconds=5, receive_buffer=None):
        if receive_buffer:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.listener.settimeout(seconds)
        try:
            sock, _ = self.listener.accept()
        except OSError as e:
            raise Failed(f'the client does not connect: {e}') from e
        return Peer(sock, client=False)

    def connect(self, reply=f.REPLY_00, receive_buffer=None):
        """A session of the driver with the tester as its server. Returns (name, peer)."""
        self.sessions += 1
        name = f's{self.sessions}'
        self.say('connect', name, self.port)
        peer_ = self.accept(receive_buffer=receive_buffer)
        peer_.expect(lambda: peer_.negotiation is not None, 3, 'the request')
        if reply:
            peer_.send(reply)
            self.wait_event('up', name)
        return name, peer_

    def open(self, name, peer_, *words):
        """A sub-stream; returns its New."""
        known = len(peer_.frames)
        self.say('open', name, *words)

        def arrived():
            return any(x.state == f.NEW for x in peer_.frames[known:])
        peer_.expect(arrived, 3, 'a New')
        return [x for x in peer_.frames[known:] if x.state == f.NEW][0]

    def stop(self, seconds=10):
        """End of input ends the driver."""
        self.process.stdin.close()
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return 'killed: no exit after the end of its input'
        finally:
            self.listener.close()
