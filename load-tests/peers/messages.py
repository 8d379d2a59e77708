"""Playhead's messages, compiled from the .proto files by this folder's play.py, and what every peer says and checks."""

import struct
import time

from playhead.ingest.v1 import ingest_pb2 as pb

VIEWER = "peer:peer:python"
PATIENCE_S = 30


class Wrong(Exception):
    """The server did not answer as it has to."""


def claim(is_so, text):
    if not is_so:
        raise Wrong(text)


def now_ms():
    return int(time.time() * 1000)


def session(name):
    return pb.Session(
        session_id=f"peer-{name}-{time.time_ns()}", item_id="movie-1", item_kind=pb.ITEM_KIND_MOVIE, duration_ms=600_000
    )


def event(seq, kind=pb.EVENT_KIND_BEAT):
    return pb.Event(
        kind=kind, seq=seq, at_ms=now_ms(), position_ms=seq * 1_000, state=pb.PLAYER_STATE_PLAYING
    )


def start():
    return event(1, pb.EVENT_KIND_START)


def hello(played, token="", datagrams=False, version=1):
    said = pb.Hello(
        protocol_version=version, session=played, sent_at_ms=now_ms(), unacked_from_seq=1, token=token, datagrams=datagrams
    )
    return pb.ClientFrame(hello=said)


def batch(*events):
    return pb.ClientFrame(events=pb.EventBatch(sent_at_ms=now_ms(), events=events))


def varint(value):
    """A protobuf varint."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def quic_varint(value):
    """A QUIC varint, RFC 9000 section 16."""
    for bits, length, code in ((6, 1, "B"), (14, 2, "H"), (30, 4, "I"), (62, 8, "Q")):
        if value < 1 << bits:
            prefix = {1: 0, 2: 1, 4: 2, 8: 3}[length] << (length * 8 - 2)
            return struct.pack(f">{code}", value | prefix)
    raise ValueError(value)


def delimited(frame):
    body = frame.SerializeToString()
    return varint(len(body)) + body


class Frames:
    """Finds a server's frames in the bytes of a stream."""

    def __init__(self):
        self.buffer = b""

    def push(self, data):
        self.buffer += data
        found = []
        while (frame := self._next()) is not None:
            found.append(frame)
        return found

    def _next(self):
        length = shift = at = 0
        while True:
            if at >= len(self.buffer):
                return None
            byte = self.buffer[at]
            length |= (byte & 0x7F) << shift
            shift, at = shift + 7, at + 1
            if byte < 0x80:
                break
        if len(self.buffer) < at + length:
            return None
        body, self.buffer = self.buffer[at : at + length], self.buffer[at + length :]
        return pb.ServerFrame.FromString(body)


async def play(line, name, datagrams=False):
    """Plays a session on anything with hello(played), send(frame), datagram(frame), next() and finish()."""
    await line.hello(session(name), datagrams)
    welcome = (await line.next()).welcome
    claim(welcome.protocol_version == 1, f"the welcome speaks version {welcome.protocol_version}")
    claim(welcome.next_beat_ms > 0, "the welcome asks for no beats")
    claim(welcome.verdict == pb.VERDICT_PLAY, "the session may not play")
    await line.send(batch(start(), event(2), event(3)))
    await acked(line, 3)
    await line.send(batch(event(2), event(3)))
    for seq in range(4, 14):
        await (line.datagram if datagrams else line.send)(batch(event(seq)))
    await acked(line, 13)
    await line.send(batch(event(14, pb.EVENT_KIND_UNSPECIFIED)))
    rejected = await acked(line, 14)
    claim([found.seq for found in rejected] == [14], f"one event was to be refused, not {rejected}")
    claim(rejected[0].reason == pb.REJECT_REASON_UNKNOWN_KIND, f"refused as {rejected[0].reason}")
    await line.send(batch(event(15, pb.EVENT_KIND_STOP)))
    await acked(line, 15)
    await line.finish()
    return 14


async def acked(line, through):
    """Hears acknowledgements until one covers this number; gives all that was refused on the way."""
    rejected = []
    while True:
        frame = await line.next()
        claim(frame.HasField("ack"), f"an acknowledgement was due, not {frame}")
        rejected.extend(frame.ack.rejected)
        if frame.ack.acked_through_seq >= through:
            return rejected
