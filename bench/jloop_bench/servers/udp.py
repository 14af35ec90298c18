"""Echo of datagrams."""

from __future__ import annotations

import asyncio
from typing import Any

from jloop_bench.servers import _listen


class EchoDatagrams(asyncio.DatagramProtocol):
    """Sends each datagram back to where it came from."""

    transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        self.transport.sendto(data, addr)


async def start(loop: asyncio.AbstractEventLoop, spec: dict[str, Any]) -> str:
    """Serve on a free port."""
    transport, _ = await loop.create_datagram_endpoint(EchoDatagrams, local_addr=(_listen.HOST, 0))
    host, port = transport.get_extra_info("sockname")[:2]
    return f"{host}:{port}"
