"""Starts a server of its own and lets each peer play against it: play.py PLAYHEAD PROTO_FOLDER.

Exits 0 when every peer was answered as it has to be, otherwise 1, and says which was not.
"""

import asyncio
import importlib
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import traceback

PEERS = ("grpc_peer", "http2_peer", "quic_peer", "webtransport_peer")
FILES = ("playhead/ingest/v1/ingest.proto",)


def compile_messages(protos, out, more=()):
    """Makes Python of the .proto files, with the compiler that grpcio-tools brings."""
    import grpc_tools
    from grpc_tools import protoc

    # Google's own files come with it.
    theirs = pathlib.Path(grpc_tools.__file__).with_name("_proto")
    flags = ["protoc", f"-I{protos}", f"-I{theirs}", f"--python_out={out}", f"--grpc_python_out={out}"]
    if protoc.main([*flags, *FILES, *more]) != 0:
        sys.exit("the .proto files could not be compiled")
    sys.path.insert(0, str(out))


def start(playhead, data):
    """A server on free ports, and where it listens, as its banner says."""
    listen = [f"--{port}=127.0.0.1:0" for port in ("grpc", "http", "admin", "quic")]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PLAYHEAD_")}
    command = [playhead, "serve", "--data-dir", data, *listen]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=data, env=clean)
    addresses = {}
    for line in server.stderr:
        name, _, rest = line.strip().partition(" ")
        if name in ("gRPC", "HTTP", "QUIC", "admin"):
            addresses[name.lower()] = rest.split()[0].removeprefix("http://").split("/")[0]
        if len(addresses) == 4:
            threading.Thread(target=server.stderr.read, daemon=True).start()
            return server, addresses
    sys.exit("the server did not say where it listens")


def main(playhead, protos):
    with tempfile.TemporaryDirectory() as folder:
        out, data = pathlib.Path(folder, "messages"), pathlib.Path(folder, "data")
        out.mkdir()
        data.mkdir()
        compile_messages(protos, out)
        server, addresses = start(playhead, str(data))
        try:
            wrong = [name for name in PEERS if not is_fine(name, addresses)]
        finally:
            server.kill()
            server.wait()
    return 1 if wrong else 0


def is_fine(name, addresses):
    try:
        events = asyncio.run(importlib.import_module(name).run(addresses))
    except Exception:
        print(f"{name}: WRONG\n{traceback.format_exc()}", flush=True)
        return False
    print(f"{name}: {events} events acknowledged", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
