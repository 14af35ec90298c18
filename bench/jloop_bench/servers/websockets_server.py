"""Echo of WebSocket messages by the websockets package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from websockets.asyncio.server import serve

from jloop_bench.servers import _listen

if TYPE_CHECKING:
    import asyncio

    from websockets.asyncio.server import ServerConnection


async def echo(connection: ServerConnection) -> None:
    """Sends every message back."""
    async for message in connection:
        await connection.send(message)


async def start(loop: asyncio.AbstractEventLoop, spec: dict[str, Any]) -> str:
    """Serve, without compression."""
    server = await serve(echo, _listen.HOST, 0, compression=None)
    host, port = next(iter(server.sockets)).getsockname()[:2]
    return f"{host}:{port}"
