"""The websockets library: server and client on the loop under test."""

from __future__ import annotations

import signal
from pathlib import Path

from .conftest import RunProgram, Serve

PROGRAM = """
    import asyncio, gc, random, ssl, sys
    import websockets
    from websockets.asyncio.client import connect
    from websockets.asyncio.server import broadcast, serve
    from chosen import KIND, loop_name, run

    server_tls = client_tls = None
    if len(sys.argv) > 1:
        server_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server_tls.load_cert_chain(f"{sys.argv[1]}/server.pem")
        client_tls = ssl.create_default_context(cafile=f"{sys.argv[1]}/ca.pem")
    connected = set()

    async def handler(ws):
        connected.add(ws)
        try:
            async for message in messages(ws):
                if message == "broadcast":
                    broadcast(connected, "to all")
                elif message == "fail":
                    await ws.close(4002, "failed")
                else:
                    await ws.send(message)
        finally:
            connected.discard(ws)

    async def messages(ws):
        try:
            async for message in ws:
                yield message
        except websockets.ConnectionClosedError:
            pass  # a peer that aborted

    async def client(uri, number):
        random.seed(number)
        async with connect(uri, ssl=client_tls, max_size=None, compression="deflate" if number % 2 else None) as ws:
            for size in (0, 1, 125, 126, 127, 65535, 65536, 2_000_000):
                data = random.randbytes(size)
                await ws.send(data)
                assert await ws.recv() == data
            for index in range(300):
                await ws.send(f"{number} {index}")
            for index in range(300):
                assert await ws.recv() == f"{number} {index}"
            latency = await (await ws.ping())
            assert latency < 10
            await ws.send(["frag", "men", "ted"])
            assert await ws.recv() == "fragmented"
            if number % 3 == 0:
                await ws.send("fail")
                try:
                    await ws.recv()
                except websockets.ConnectionClosed as closed:
                    assert (closed.rcvd.code, closed.rcvd.reason) == (4002, "failed")
                else:
                    raise AssertionError("not closed")

    async def main():
        assert loop_name() == KIND
        async with serve(handler, "localhost", 0, ssl=server_tls, max_size=None) as server:
            port = server.sockets[0].getsockname()[1]
            uri = f"{'wss' if server_tls else 'ws'}://localhost:{port}"
            await asyncio.gather(*(client(uri, number) for number in range(9)))
            listeners = [await connect(uri, ssl=client_tls) for _ in range(50)]
            await listeners[0].send("broadcast")
            for ws in listeners:
                assert await ws.recv() == "to all"
            for ws in listeners[::2]:
                await ws.close()
            for ws in listeners[1::2]:
                ws.transport.abort()
            while connected:
                await asyncio.sleep(0.01)
        left = [task for task in asyncio.all_tasks() - {asyncio.current_task()} if not task.done()]
        assert not left, left

    run(main())
    print("done")
"""


def test_server_and_clients(kind: str, run_program: RunProgram) -> None:
    assert run_program(PROGRAM) == "done\n"


def test_server_and_clients_with_tls(kind: str, run_program: RunProgram, certificates: Path) -> None:
    assert run_program(PROGRAM, str(certificates)) == "done\n"


def test_a_server_stops_on_a_signal(serve: Serve, kind: str) -> None:
    server = serve(
        "-c",
        """
import asyncio, signal
from websockets.asyncio.server import serve
from chosen import run

async def handler(ws):
    async for message in ws:
        await ws.send(message)

async def main():
    stop = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set_result, None)
    async with serve(handler, "127.0.0.1", {port}):
        print("ready", flush=True)
        await stop

run(main())
""",
        ready=False,
    )
    server.wait_for_log("ready")
    with server.connect() as sock:
        key = "dGhlIHNhbXBsZSBub25jZQ=="
        sock.sendall(
            f"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in sock.recv(10_000)
        server.process.send_signal(signal.SIGTERM)
        assert sock.recv(100)[:4] == b"\x88\x02\x03\xe9"  # a close frame: going away
        sock.sendall(b"\x88\x82\0\0\0\0\x03\xe9")
        server.ended(status=0)
