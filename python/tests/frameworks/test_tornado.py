"""Tornado, whose IOLoop registers its own descriptors with `add_reader` and `add_writer`."""

from __future__ import annotations

import http.client
import signal

import pytest

from .conftest import RunProgram, Serve
from .server import APPS, ask, get_json, pattern


@pytest.mark.parametrize("number", ["SIGTERM", "SIGINT"])
def test_the_server_under_load(serve: Serve, kind: str, number: str, run_program: RunProgram) -> None:
    server = serve(str(APPS / "tornado_app.py"), "{port}")
    server.check_loop()
    upload = pattern(2_000_000)

    def work(connection: http.client.HTTPConnection, index: int) -> None:
        assert get_json(connection, f"/items/{index}?q=x") == {"number": index, "q": "x"}
        if index % 10 == 0:
            assert ask(connection, "POST", "/echo", upload) == (200, upload)
            status, body = ask(connection, "GET", "/bytes/20")
            assert body == b"".join(part.to_bytes(4, "big") * 4096 for part in range(20))
            assert get_json(connection, f"/proxy/{index}") == {"number": index, "q": None}

    server.load(work, each=40)
    out = run_program(
        """
        import asyncio, sys
        import tornado.websocket
        from chosen import run

        async def main():
            ws = await tornado.websocket.websocket_connect(f"ws://127.0.0.1:{sys.argv[1]}/ws")
            for index in range(100):
                await ws.write_message(str(index))
                assert await ws.read_message() == str(index)
            await ws.write_message(bytes(1_000_000), binary=True)
            assert await ws.read_message() == bytes(1_000_000)
            ws.close()
            assert await ws.read_message() is None

        run(main())
        print("done")
        """,
        str(server.port),
    )
    assert out == "done\n"
    server.stop(signal.Signals[number], status=0)
    assert "stopped after ticks: True\n" in server.text()
