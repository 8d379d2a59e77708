"""aioquic as a player over QUIC: on a stream, and with beats as datagrams."""

import asyncio
import ssl

from aioquic.asyncio.client import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated, StreamDataReceived

import messages
from messages import VIEWER, claim


class Protocol(QuicConnectionProtocol):
    """Hands each stream's bytes to its line."""

    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self.lines = {}

    def quic_event_received(self, event):
        if isinstance(event, StreamDataReceived) and event.stream_id in self.lines:
            self.lines[event.stream_id].heard(event.data, event.end_stream)
        if isinstance(event, ConnectionTerminated):
            for line in self.lines.values():
                line.heard(b"", True)


class Line:
    def __init__(self, protocol):
        self.protocol = protocol
        self.stream = protocol._quic.get_next_available_stream_id()
        protocol.lines[self.stream] = self
        self.frames, self.inbox = messages.Frames(), asyncio.Queue()

    def heard(self, data, is_end):
        for frame in self.frames.push(data):
            self.inbox.put_nowait(frame)
        if is_end:
            self.inbox.put_nowait(None)

    async def hello(self, played, datagrams):
        await self.send(messages.hello(played, token=VIEWER, datagrams=datagrams))

    async def send(self, frame):
        self._write(messages.delimited(frame), False)

    async def datagram(self, frame):
        prefix = messages.quic_varint(self.stream)
        self.protocol._quic.send_datagram_frame(prefix + frame.SerializeToString())
        self.protocol.transmit()

    async def next(self):
        frame = await asyncio.wait_for(self.inbox.get(), messages.PATIENCE_S)
        claim(frame is not None, "the stream ended early")
        return frame

    async def finish(self):
        self._write(b"", True)
        while (frame := await asyncio.wait_for(self.inbox.get(), messages.PATIENCE_S)) is not None:
            claim(not frame.HasField("failure"), f"the stream ended in {frame}")

    def _write(self, data, is_end):
        self.protocol._quic.send_stream_data(self.stream, data, is_end)
        self.protocol.transmit()


async def refused(protocol):
    line = Line(protocol)
    await line.send(messages.hello(messages.session("version"), token=VIEWER, version=99))
    failure = (await line.next()).failure
    claim((failure.code, failure.reason) == (9, "PROTOCOL_VERSION"), f"a wrong version is {failure}")


async def run(addresses):
    host, port = addresses["quic"].rsplit(":", 1)
    # The server shows a development certificate.
    configuration = QuicConfiguration(
        alpn_protocols=["playhead/1"], verify_mode=ssl.CERT_NONE, max_datagram_frame_size=65_535
    )
    async with connect(host, int(port), configuration=configuration, create_protocol=Protocol) as protocol:
        await refused(protocol)
        stream = await messages.play(Line(protocol), "quic-stream")
        return stream + await messages.play(Line(protocol), "quic-datagram", datagrams=True)
