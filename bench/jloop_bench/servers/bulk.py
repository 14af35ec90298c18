"""Bytes one way: a sink that counts, or a source that never ends. `direction` is sink or source."""

from __future__ import annotations

import asyncio
from typing import Any

from jloop_bench.servers import _listen

PATTERN = bytes(range(256)) * 256  # 64 KiB; the load generator checks every byte
BURST = 4  # writes per callback


class Sink(asyncio.Protocol):
    """Counts what it gets and tells the number at end of file, 8 bytes in network order."""

    transport: asyncio.Transport
    received = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self.received += len(data)

    def eof_received(self) -> None:
        self.transport.write(self.received.to_bytes(8, "big"))


class Source(asyncio.Protocol):
    """Writes `PATTERN` whenever the transport wants more."""

    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        self.loop = asyncio.get_running_loop()
        self.paused = self.closed = False
        self.pump()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        self.loop.call_soon(self.pump)

    def pump(self) -> None:
        for _ in range(BURST):
            if self.paused or self.closed:
                return
            self.transport.write(PATTERN)
        if not self.paused:
            self.loop.call_soon(self.pump)


async def start(loop: asyncio.AbstractEventLoop, spec: dict[str, Any]) -> str:
    """Serve."""
    return await _listen.protocol_server(loop, Sink if spec["direction"] == "sink" else Source, spec)
