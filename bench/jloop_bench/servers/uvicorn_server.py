"""uvicorn with httptools. `app` is plaintext (bare ASGI, body of `size` bytes) or fastapi (JSON)."""

from __future__ import annotations

import asyncio
import socket
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
    """A FastAPI application with a typed path parameter, a typed query parameter and a model as response."""
    from fastapi import FastAPI
    from pydantic import BaseModel

    class Item(BaseModel):
        item_id: int
        name: str
        price: float
        tags: list[str]

    app = FastAPI(openapi_url=None)

    @app.get("/items/{item_id}")
    async def read_item(item_id: int, tag: str = "none") -> Item:
        return Item(item_id=item_id, name="a thing of use", price=12.5, tags=[tag, "loop"])

    return app


async def start(loop: asyncio.AbstractEventLoop, spec: dict[str, Any]) -> str:
    """Serve."""
    app = plaintext(spec["size"]) if spec["app"] == "plaintext" else fastapi_json()
    listener = socket.socket()
    listener.bind((_listen.HOST, 0))
    config = uvicorn.Config(app, http="httptools", lifespan="off", access_log=False, log_level="warning")
    server = uvicorn.Server(config)
    start.task = loop.create_task(server.serve(sockets=[listener]))  # type: ignore[attr-defined]  # kept alive
    while not server.started:
        if start.task.done():  # type: ignore[attr-defined]
            start.task.result()  # type: ignore[attr-defined]
        await asyncio.sleep(0.01)
    host, port = listener.getsockname()
    return f"{host}:{port}"
