"""A DNS server that answers each question for IPv4 addresses with the lines of a file, in turns: name_server.py ADDRESS FILE."""
import socket
import sys

address, path = sys.argv[1:]
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here:
    here.bind((address, 53))
    turn = 0
    while True:
        question, peer = here.recvfrom(4096)
        end = question.index(b"\0", 12) + 5
        with open(path, encoding="utf-8") as file:
            addresses = file.read().split() if question[end - 4:end] == b"\0\1\0\1" else []
        turn += 1
        addresses = addresses[turn % max(len(addresses), 1):] + addresses[:turn % max(len(addresses), 1)]
        records = b"".join(b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4" + socket.inet_aton(a) for a in addresses)
        here.sendto(question[:2] + b"\x81\x80\0\1" + len(addresses).to_bytes(2, "big") + b"\0\0\0\0" + question[12:end] + records, peer)
