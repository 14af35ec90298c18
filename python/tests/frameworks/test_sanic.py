"""Sanic, which takes its loop from the policy."""

from __future__ import annotations

import http.client
import signal

import pytest

from .conftest import Serve
from .server import APPS, ask, get_json, pattern


@pytest.mark.parametrize("number", ["SIGTERM", "SIGINT"])
def test_the_server_under_load(serve: Serve, kind: str, number: str) -> None:
    server = serve(str(APPS / "sanic_app.py"), "{port}")
    server.check_loop()
    upload = pattern(1_000_000)

    def work(connection: http.client.HTTPConnection, index: int) -> None:
        assert get_json(connection, f"/items/{index}?q=x") == {"number": index, "q": "x"}
        if index % 10 == 0:
            assert ask(connection, "POST", "/echo", upload) == (200, upload)
            status, body = ask(connection, "GET", "/bytes/20")
            assert body == b"".join(part.to_bytes(4, "big") * 4096 for part in range(20))

    server.load(work, each=40)
    server.process.send_signal(signal.Signals[number])
    assert server.process.wait(30) == 0, server.text()
    assert "stopped\n" in server.text()
    assert "Traceback" not in server.text(), server.text()
