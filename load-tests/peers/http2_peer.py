"""h2 as a player that posts: protobuf and JSON over one HTTP/2 connection, without upgrade."""

import asyncio
import json

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, ResponseReceived, StreamEnded, StreamReset

import messages
from messages import VIEWER, claim, pb


class Http:
    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.http = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self.http.initiate_connection()

    async def post(self, path, kind, body):
        stream = self.http.get_next_available_stream_id()
        head = {
            ":method": "POST",
            ":scheme": "http",
            ":authority": "playhead",
            ":path": path,
            "content-type": kind,
            "authorization": f"Bearer {VIEWER}",
        }
        self.http.send_headers(stream, list(head.items()))
        self.http.send_data(stream, body, end_stream=True)
        return await asyncio.wait_for(self._answer(stream), messages.PATIENCE_S)

    async def _answer(self, stream):
        status, body = None, b""
        while True:
            self.writer.write(self.http.data_to_send())
            await self.writer.drain()
            data = await self.reader.read(65_536)
            claim(data, "the connection ended early")
            for found in self.http.receive_data(data):
                if getattr(found, "stream_id", None) != stream:
                    continue
                claim(not isinstance(found, StreamReset), f"the stream was reset: {found}")
                if isinstance(found, ResponseReceived):
                    status = dict(found.headers)[":status"]
                elif isinstance(found, DataReceived):
                    body += found.data
                    self.http.acknowledge_received_data(found.flow_controlled_length, stream)
                elif isinstance(found, StreamEnded):
                    return status, body


async def protobuf(http):
    played = messages.session("http2")
    body = pb.SessionEvents(session=played, events=[messages.start(), messages.event(2)]).SerializeToString()
    for stored, duplicate in ((2, 0), (0, 2)):
        status, answer = await http.post("/v1/events", "application/x-protobuf", body)
        claim(status == "200", f"protobuf was answered with {status}: {answer}")
        outcome = pb.SessionOutcome.FromString(answer)
        found = (outcome.stored, outcome.duplicate, outcome.acked_through_seq)
        claim(found == (stored, duplicate, 2), f"stored, duplicate, acked through are {found}")
    return 2


async def as_json(http):
    played = messages.session("http2-json")
    said = {
        "session": {"session_id": played.session_id, "item_id": "movie-1"},
        "events": [{"kind": "BEAT", "seq": 1, "position_ms": 1_000}, {"kind": "NONSENSE", "seq": 2}],
    }
    status, answer = await http.post("/v1/events", "application/json", json.dumps(said).encode())
    claim(status == "200", f"JSON was answered with {status}: {answer}")
    outcome = json.loads(answer)
    claim(outcome["stored"] == 1 and outcome["acked_through_seq"] == 2, f"JSON came back as {outcome}")
    claim([found["seq"] for found in outcome["rejected"]] == [2], f"refused are {outcome['rejected']}")
    status, _ = await http.post("/v1/events", "application/json", b"{")
    claim(status == "400", f"half a JSON was answered with {status}")
    return 1


async def run(addresses):
    host, port = addresses["http"].rsplit(":", 1)
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        http = Http(reader, writer)
        return await protobuf(http) + await as_json(http)
    finally:
        writer.close()
