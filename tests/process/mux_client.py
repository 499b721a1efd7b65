"""A client of the protocol with a socket alone, which may do what an attacker does."""
import socket
import struct
import threading

from parts import connect, expect

# The versions 512.0, 256.0, 0.1 and 0.0. No server has the first two, and each must pass over them.
HELLO = bytes.fromhex("0005 0000 00 01 04 0010 02000000 01000000 00000001 00000000")
KEEP_ALIVE = bytes.fromhex("0004 0000 04 00")
NEW, KEEP, END, CREDIT = 1, 2, 3, 5
GREETING = b"hello"
LARGEST = 32768  # bytes of one frame here
FIRST_CREDIT = 65536


class MainConnection:
    def __init__(self, port, source):
        self.socket = connect(port, source)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.reader = self.socket.makefile("rb")
        self.last_id = 0
        self.socket.sendall(HELLO)
        expect(len(self.reader.read(13)) == 13, f"the server agrees to no version of {source}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.reader.close()
        self.socket.close()

    def send(self, stream, state, fields=b"", data=b""):
        metadata = struct.pack(">HBB", stream, state, 1 if data else 0) + fields
        extra = struct.pack(">H", len(data)) + data if data else b""
        self.socket.sendall(struct.pack(">H", len(metadata)) + metadata + extra)

    def open(self, port, data=b""):
        """A sub-stream to 127.0.0.1."""
        self.last_id += 1
        self.send(self.last_id, NEW, struct.pack(">BBHB", 1, 128, port, 1) + socket.inet_aton("127.0.0.1"), data)
        return self.last_id

    def frame(self, stream):
        """The next frame of a sub-stream: its state and extra data, which is the error code of an End."""
        while True:
            metadata = self.reader.read(struct.unpack(">H", self.reader.read(2))[0])
            found, state, option = struct.unpack(">HBB", metadata[:4])
            data = metadata[4:6] if state == END else b""
            if option and state != END:
                data = self.reader.read(struct.unpack(">H", self.reader.read(2))[0])
            if found == stream:
                return state, data

    def rest(self, stream):
        """All that the target sends until it closes."""
        received = b""
        while True:
            state, data = self.frame(stream)
            if state == END:
                expect(data in (b"", b"\0\0"), f"sub-stream {stream} ends with the error {data.hex()}")
                return received
            received += data if state == KEEP else b""

    def greeted(self, port):
        """A sub-stream to a target that greets."""
        stream = self.open(port)
        received = self.rest(stream)
        expect(received == GREETING, f"the target's greeting is {received!r}")
        self.send(stream, END)

    def upload(self, port, size):
        """As the server grants it. Returns the target's answer."""
        stream, credit = self.open(port), FIRST_CREDIT
        while size:
            while not credit:
                state, data = self.frame(stream)
                expect(state == CREDIT, f"the upload is cut with {size} bytes to go")
                credit = int.from_bytes(data, "big")
            part = min(size, credit, LARGEST)
            self.send(stream, KEEP, data=b"x" * part)
            size, credit = size - part, credit - part
        self.send(stream, END)
        return self.rest(stream)


def serve_each(listener, answer):
    """Answers clients one after the other, in a thread of its own."""
    def serve():
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                client.sendall(answer(client))

    threading.Thread(target=serve, daemon=True).start()
