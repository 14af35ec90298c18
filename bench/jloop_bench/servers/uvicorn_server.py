"""uvicorn with httptools. `app` is plaintext (bare ASGI, body of `size` bytes) or fastapi (JSON)."""

from __future__ import annotations

import asyncio
from typing import Any

import uvicorn

from jloop_bench.servers import _listen


def plaintext(size: int) -> Any:
    """An ASGI application that answers `size` bytes."""
    body = b"x" * size
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(size).encode())]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


def fastapi_json() -> Any:
    """The FastAPI application."""
    from jloop_bench.servers._fastapi_app import app

    return app


async def start(loop: asyncio.AbstractEventLoop, spec: dict[str, Any]) -> str:
    """Serve."""
    app = plaintext(spec["size"]) if spec["app"] == "plaintext" else fastapi_json()
    config = uvicorn.Config(
        app, _listen.HOST, 0, http="httptools", lifespan="off", access_log=False, log_level="warning"
    )
    server = uvicorn.Server(config)
    task = start.task = loop.create_task(server.serve())  # type: ignore[attr-defined]  # kept alive
    while not server.started:
        if task.done():
            task.result()
        await asyncio.sleep(0.01)
    return _listen.address(server.servers[0])
