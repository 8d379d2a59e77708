"""Players on two nodes that share one Redis: nodes.py --protos FOLDER --first HOST:PORT --second HOST:PORT --kicks N --rounds N.

Prints what it saw as one line of JSON: how long a StopSession on the first node took to reach a stream that is open on the
second, and how many of 64 players that race over both nodes for an account's two slots were let in at most.
"""

import argparse
import asyncio
import json
import pathlib
import tempfile
import time

import play

RACERS = 64


def bearer(user, account, device):
    return (("authorization", f"Bearer {user}:{account}:{device}"),)


async def kick(first, second, run, number):
    """Opens a stream on the second node, stops its session on the first, and returns how long that took, in ms."""
    import messages
    from messages import claim, pb
    from playhead.playback.v1 import playback_pb2

    who = bearer(f"{run}-{number}", f"{run}-{number}", "tv")
    call = second.ingest.Connect(metadata=who)
    played = messages.session(f"kick-{number}")

    async def heard(field):
        frame = await asyncio.wait_for(call.read(), messages.PATIENCE_S)
        claim(frame.HasField(field), f"{field} was due, not {frame}")
        return getattr(frame, field)

    await call.write(messages.hello(played))
    claim((await heard("welcome")).verdict == pb.VERDICT_PLAY, "the session may not play")
    await call.write(messages.batch(messages.start()))
    await heard("ack")
    begun = time.perf_counter()
    await first.playback.StopSession(playback_pb2.StopSessionRequest(session_id=played.session_id), metadata=who)
    told = await heard("command")
    took_ms = (time.perf_counter() - begun) * 1000
    claim(told.terminate.code == pb.STOP_REASON_STOPPED, f"it was told {told}")
    await call.done_writing()
    call.cancel()
    return took_ms


async def race(nodes, run, number):
    """Lets players of one account begin on both nodes at once, and returns how many were let in."""
    import messages
    from messages import pb

    account = f"{run}-race-{number}"

    async def begin(racer):
        user = f"{account}-{racer}"
        played = messages.session(f"race-{number}-{racer}")
        part = pb.SessionEvents(session=played, user_id=user, events=[messages.start()])
        request = pb.PublishRequest(sessions=[part])
        answer = await nodes[racer % 2].ingest.Publish(request, metadata=bearer(user, account, f"device-{racer}"))
        messages.claim(answer.sessions[0].stored == 1, f"stored are {answer.sessions[0].stored}")
        return answer.sessions[0].verdict == pb.VERDICT_PLAY

    return sum(await asyncio.gather(*(begin(racer) for racer in range(RACERS))))


class Node:
    def __init__(self, address):
        import grpc
        from playhead.ingest.v1 import ingest_pb2_grpc
        from playhead.playback.v1 import playback_pb2_grpc

        self.channel = grpc.aio.insecure_channel(address)
        self.ingest = ingest_pb2_grpc.IngestServiceStub(self.channel)
        self.playback = playback_pb2_grpc.PlaybackServiceStub(self.channel)


async def run(said):
    nodes = Node(said.first), Node(said.second)
    name = f"nodes-{time.time_ns()}"
    took = sorted([await kick(*nodes, name, number) for number in range(said.kicks)])
    admitted = [await race(nodes, name, number) for number in range(said.rounds)]
    for node in nodes:
        await node.channel.close()
    at = lambda share: took[min(len(took) - 1, int(len(took) * share))]
    print(json.dumps({
        "kicks": len(took), "p50_ms": at(0.5), "p99_ms": at(0.99), "most_ms": took[-1],
        "rounds": len(admitted), "admitted_min": min(admitted), "admitted_max": max(admitted),
    }))


def main():
    parser = argparse.ArgumentParser()
    for name in ("protos", "first", "second"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("kicks", "rounds"):
        parser.add_argument(f"--{name}", type=int, required=True)
    said = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        play.compile_messages(said.protos, pathlib.Path(folder), ("playhead/playback/v1/playback.proto",))
        asyncio.run(run(said))


if __name__ == "__main__":
    main()
