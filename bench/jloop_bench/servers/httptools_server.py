"""A minimal HTTP/1.1 server on httptools, after the one in uvloop's launch post. `size` is the body's, in bytes."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import httptools

from jloop_bench.servers import _listen


class HttpProtocol(asyncio.Protocol):
    """Answers every request with the same body, in one write."""

    transport: asyncio.Transport

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.parser = httptools.HttpRequestParser(self)
        self.url = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self.url = url

    def on_message_complete(self) -> None:
        version = self.parser.get_http_version().encode()
        self.transport.write(
            b"HTTP/%b 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%b"
            % (version, len(self.body), self.body)
        )
        if not self.parser.should_keep_alive():
            self.transport.close()


async def start(loop: asyncio.AbstractEventLoop, spec: dict[str, Any]) -> str:
    """Serve."""
    return await _listen.protocol_server(loop, partial(HttpProtocol, b"x" * spec["size"]), spec)
