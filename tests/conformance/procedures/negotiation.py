"""NEG and NGC."""

import time

import frames as f
from peer import check
from procedures import procedure
from procedures.tools import settle


@procedure('NEG-29')
def eof_before_any_byte(context):
    server = context.program
    context.program.connect().close()
    time.sleep(0.2)
    before, descriptors = server.log(), server.descriptors()
    for _ in range(20):
        server.connect(request=None).close()
    settle(server.descriptors, descriptors, 2, 'descriptors')
    check(server.log() == before, 'the log has a line about it')


@procedure('NGC-01', role='C')
def request_and_silence(context):
    _, peer = context.program.connect(reply=None)
    one = peer.negotiation
    check((one.id, one.state, one.opt) == (0, f.NEGOTIATE, 1), f'{one.raw.hex()}')
    versions = [int.from_bytes(one.data[i:i + 4], 'big') for i in range(0, len(one.data), 4)]
    check(one.rest[0] == len(versions), 'the count is not that of the list')
    check(versions == sorted(versions, reverse=True), 'the versions are not in descending order')
    peer.expect_quiet(2 if context.full else 0.5)
    peer.close()


@procedure('NGC-13', role='C', cost=4)
def closed_without_reply(context):
    client = context.start()
    try:
        dials = dial_in_vain(client)
    finally:
        client.stop()
    check(2 <= len(dials) <= 7, f'{len(dials)} dials in 3 s')
    for n, (a, b) in enumerate(zip(dials, dials[1:])):
        check(b - a >= 0.1 * 2 ** n * 0.9, f'dial {n + 2} came {b - a:.2f} s after the one before')


def dial_in_vain(client):
    """When the client dialled, while sub-streams were wanted all the time."""
    client.say('pool', 'p', client.port)
    client.say('open', 'p', 'tcp', 7007)
    client.accept().close()
    start = time.monotonic()
    dials = [start]
    client.wait_event('refused', 'p', seconds=1)
    client.listener.settimeout(0.05)
    while time.monotonic() < start + 3:
        client.say('open', 'p', 'tcp', 7007)
        try:
            client.listener.accept()[0].close()
            dials.append(time.monotonic())
        except TimeoutError:
            pass
    return dials
