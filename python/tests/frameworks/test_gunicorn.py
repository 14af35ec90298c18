"""gunicorn forks workers that run uvicorn: the parent imports jloop, the loops are made after the fork."""

from __future__ import annotations

import http.client
import os
import signal
import time

import pytest

from .conftest import Serve
from .server import Server, get_json


def gunicorn(serve: Serve, *arguments: str) -> Server:
    return serve(
        *["-m", "gunicorn", "asgi_app:app", "-k", "gunicorn_workers.Worker", "-b", "127.0.0.1:{port}"],
        *["--graceful-timeout", "10", "--no-control-socket"],
        *arguments,
    )


def workers(server: Server, count: int) -> set[int]:
    """The process ids that answer, once there are `count` of them."""
    seen: set[int] = set()
    deadline = time.monotonic() + 60
    while len(seen) < count:
        assert time.monotonic() < deadline, (seen, server.text())
        try:
            pid = server.json("/pid")
        except (OSError, http.client.HTTPException):
            continue
        assert isinstance(pid, int)
        seen.add(pid)
        time.sleep(0.02)
    return seen


@pytest.mark.parametrize("preload", [(), ("--preload",)], ids=["", "preload"])
def test_workers_serve_and_stop(serve: Serve, kind: str, preload: tuple[str, ...]) -> None:
    server = gunicorn(serve, "-w", "2", *preload)
    assert server.pid not in workers(server, 2)
    for _ in range(5):
        server.check_loop()
    server.load(lambda connection, number: get_json(connection, f"/items/{number}"), each=40)
    server.stop(status=0)
    assert server.text().count("lifespan: ended") == 2


def test_a_dead_worker_is_replaced(serve: Serve, kind: str) -> None:
    server = gunicorn(serve, "-w", "1")
    (first,) = workers(server, 1)
    os.kill(first, signal.SIGKILL)
    deadline = time.monotonic() + 40
    while first in workers(server, 1):
        assert time.monotonic() < deadline
    server.check_loop()
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(30) == 0
    assert "Traceback" not in server.text(), server.text()


def test_workers_are_replaced_on_hangup(serve: Serve, kind: str) -> None:
    server = gunicorn(serve, "-w", "1")
    (first,) = workers(server, 1)
    server.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + 40
    while first in workers(server, 1):
        assert time.monotonic() < deadline, server.text()
    server.check_loop()
    server.stop(status=0)


def test_workers_that_retire_after_some_requests(serve: Serve, kind: str) -> None:
    server = gunicorn(serve, "-w", "1", "--max-requests", "50")
    seen = set()
    for _ in range(200):
        try:
            seen.add(server.json("/pid"))
        except (OSError, http.client.HTTPException):
            time.sleep(0.05)
    assert len(seen) > 1, seen
    server.stop(status=0)
