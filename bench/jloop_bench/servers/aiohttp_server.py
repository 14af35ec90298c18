"""aiohttp's server. `size` is the body's, in bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web

from jloop_bench.servers import _listen

if TYPE_CHECKING:
    import asyncio


async def start(loop: asyncio.AbstractEventLoop, spec: dict[str, Any]) -> str:
    """Serve."""
    body = b"x" * spec["size"]

    async def handle(request: web.Request) -> web.Response:
        return web.Response(body=body, content_type="text/plain")

    app = web.Application()
    app.router.add_get("/", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, _listen.HOST, 0).start()
    host, port = runner.addresses[0][:2]
    return f"{host}:{port}"
