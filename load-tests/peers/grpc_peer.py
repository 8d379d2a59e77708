"""grpcio as a player (Connect) and as a relay (Publish)."""

import asyncio

import grpc

import messages
from messages import VIEWER, claim, pb
from playhead.ingest.v1 import ingest_pb2_grpc as rpc

BEARER = (("authorization", f"Bearer {VIEWER}"),)


class Line:
    def __init__(self, stub):
        self.call = stub.Connect(metadata=BEARER)

    async def hello(self, played, datagrams):
        await self.send(messages.hello(played, datagrams=datagrams))

    async def send(self, frame):
        await self.call.write(frame)

    async def next(self):
        frame = await asyncio.wait_for(self.call.read(), messages.PATIENCE_S)
        claim(frame is not grpc.aio.EOF, "the stream ended early")
        return frame

    async def finish(self):
        await self.call.done_writing()
        while (await asyncio.wait_for(self.call.read(), messages.PATIENCE_S)) is not grpc.aio.EOF:
            pass
        claim(await self.call.code() == grpc.StatusCode.OK, "the stream did not end well")


async def publish(stub):
    played = messages.session("publish")
    part = pb.SessionEvents(session=played, user_id="peer", events=[messages.start(), messages.event(2)])
    request = pb.PublishRequest(sessions=[part])
    for stored, duplicate in ((2, 0), (0, 2)):
        (outcome,) = (await stub.Publish(request, metadata=BEARER)).sessions
        found = (outcome.stored, outcome.duplicate, outcome.acked_through_seq)
        claim(found == (stored, duplicate, 2), f"stored, duplicate, acked through are {found}")
    return 2


async def refused(stub):
    line = Line(stub)
    await line.send(messages.hello(messages.session("version"), version=99))
    try:
        await line.next()
    except grpc.aio.AioRpcError as error:
        claim(error.code() == grpc.StatusCode.FAILED_PRECONDITION, f"a wrong version is {error.code()}")
    else:
        claim(False, "a wrong version was welcomed")


async def run(addresses):
    async with grpc.aio.insecure_channel(addresses["grpc"]) as channel:
        stub = rpc.IngestServiceStub(channel)
        await refused(stub)
        return await messages.play(Line(stub), "grpc") + await publish(stub)
