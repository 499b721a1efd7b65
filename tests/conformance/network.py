"""A loopback of one's own: runs do not disturb each other, and addresses can be added."""

import ctypes
import os
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time

BLACK_HOLE = '192.0.2.1'
PUBLIC = '8.8.8.8'


def namespace_command():
    """What to put in front of a command to give it a network of its own; empty if that cannot be had."""
    command = ['unshare', '--user', '--map-root-user', '--net']
    if not shutil.which('unshare'):
        return []
    test = [*command, sys.executable, '-c', 'import socket; socket.create_server(("127.0.0.1", 0))']
    return command if subprocess.run(test, capture_output=True, check=False).returncode == 0 else []


def request(kind, body, flags=0x5):
    """One netlink message to the kernel; True if it was accepted."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as s:
        s.sendto(struct.pack('=LHHLL', 16 + len(body), kind, flags, 1, 0) + body, (0, 0))
        return struct.unpack('=i', s.recv(4096)[16:20])[0] == 0


def set_up(addresses=(BLACK_HOLE,)):
    """Inside a namespace: brings up the loopback and gives it these addresses."""
    rtm_newlink, rtm_newaddr, up = 16, 20, 1
    index = socket.if_nametoindex('lo')
    request(rtm_newlink, struct.pack('=BxHiII', socket.AF_UNSPEC, 0, index, up, up))
    for a in addresses:
        octets = struct.pack('=HH4s', 8, 2, socket.inet_aton(a)) + struct.pack('=HH4s', 8, 1, socket.inet_aton(a))
        request(rtm_newaddr, struct.pack('=BBBBI', socket.AF_INET, 32, 0, 0, index) + octets, 0x405)


class Neighbour:
    """Another machine at the other end of a wire. It has the address PUBLIC."""

    def __init__(self):
        self.holder = subprocess.Popen(['unshare', '--net', 'sleep', '600'], preexec_fn=die_with_parent)
        own = os.readlink('/proc/self/ns/net')
        while os.readlink(f'/proc/{self.holder.pid}/ns/net') == own:
            time.sleep(0.01)
        there = ['nsenter', '-t', str(self.holder.pid), '-n']
        for command in (f'ip link add wire type veth peer name wire netns {self.holder.pid}',
                        'ip addr add 198.18.0.1/30 dev wire', 'ip link set wire up'):
            self.run(*command.split())
        for command in ('ip addr add 198.18.0.2/30 dev wire', f'ip addr add {PUBLIC}/32 dev wire',
                        'ip link set wire up'):
            self.run(*there, *command.split())
        self.run('ip', 'route', 'add', PUBLIC, 'via', '198.18.0.2')

    @staticmethod
    def run(*command):
        path = os.environ.get('PATH', '') + ':/usr/sbin:/sbin'
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, 'PATH': path})

    def socket(self, kind):
        """A socket of that machine. A thread enters its network, because a process could not go back."""
        made = []

        def make():
            clone_newnet = 0x40000000
            with open(f'/proc/{self.holder.pid}/ns/net', 'rb') as network:
                if ctypes.CDLL(None, use_errno=True).setns(network.fileno(), clone_newnet) == 0:
                    made.append(socket.socket(socket.AF_INET, kind))
        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        return made[0]

    def close(self):
        self.holder.kill()
        self.holder.wait()


class BlackHole:
    """Listens on an address that never answers: the queue is full, further requests get no reply."""

    def __init__(self, ports=(9,)):
        self.sockets = []
        for port in ports:
            try:
                s = socket.socket()
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                s.bind((BLACK_HOLE, port))
                s.listen(0)
            except OSError:
                return
            self.sockets.append(s)
            self.fill(port)

    def fill(self, port):
        for _ in range(32):
            c = socket.socket()
            self.sockets.append(c)
            c.settimeout(0.2)
            try:
                c.connect((BLACK_HOLE, port))
            except OSError:
                c.setblocking(False)
                return

    @staticmethod
    def works(port=9):
        with socket.socket() as s:
            s.settimeout(0.3)
            try:
                s.connect((BLACK_HOLE, port))
            except TimeoutError:
                return True
            except OSError:
                return False
            return False


def die_with_parent():
    """A worker must not outlive the runner."""
    ctypes.CDLL(None).prctl(1, 9)
