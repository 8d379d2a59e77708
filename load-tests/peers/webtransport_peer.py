"""aioquic as a browser would be: WebTransport over HTTP/3, on a stream and with beats as datagrams."""

import asyncio
import ssl

from aioquic.asyncio.client import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated, StreamDataReceived

import messages
from messages import VIEWER, claim


class Protocol(QuicConnectionProtocol):
    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self.http = H3Connection(self._quic, enable_webtransport=True)
        self.answers, self.lines = asyncio.Queue(), {}

    def quic_event_received(self, event):
        if isinstance(event, ConnectionTerminated):
            self.answers.put_nowait({})
            for line in self.lines.values():
                line.heard(b"", True)
        if isinstance(event, StreamDataReceived) and event.stream_id in self.lines:
            # What comes back on a stream of ours has no head; aioquic would look for HTTP/3 frames in it.
            self.lines[event.stream_id].heard(event.data, event.end_stream)
            return
        for found in self.http.handle_event(event):
            if isinstance(found, HeadersReceived):
                self.answers.put_nowait(dict(found.headers))

    async def open(self, authority):
        session = self._quic.get_next_available_stream_id()
        words = {
            ":method": "CONNECT",
            ":scheme": "https",
            ":authority": authority,
            ":path": "/v1/connect",
            ":protocol": "webtransport",
            "sec-webtransport-http3-draft": "draft02",
        }
        self.http.send_headers(session, [(name.encode(), word.encode()) for name, word in words.items()])
        self.transmit()
        answer = await asyncio.wait_for(self.answers.get(), messages.PATIENCE_S)
        claim(answer.get(b":status") == b"200", f"the session was answered with {answer}")
        return session


class Line:
    def __init__(self, protocol, session):
        self.protocol, self.session = protocol, session
        self.stream = protocol.http.create_webtransport_stream(session)
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
        # Without the stream's id, which a page cannot know.
        self.protocol.http.send_datagram(self.session, frame.SerializeToString())
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


async def run(addresses):
    host, port = addresses["quic"].rsplit(":", 1)
    configuration = QuicConfiguration(
        alpn_protocols=H3_ALPN, verify_mode=ssl.CERT_NONE, max_datagram_frame_size=65_535
    )
    async with connect(host, int(port), configuration=configuration, create_protocol=Protocol) as protocol:
        session = await protocol.open(addresses["quic"])
        stream = await messages.play(Line(protocol, session), "webtransport-stream")
        return stream + await messages.play(Line(protocol, session), "webtransport-datagram", datagrams=True)
