"""Where servers listen."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio

HOST = "127.0.0.1"


def tls(spec: dict[str, Any]) -> ssl.SSLContext | None:
    """The server's context, from `certificate` and `key` (paths of PEM files) in `spec`; None if they are not there."""
    if "certificate" not in spec:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(spec["certificate"], spec["key"])
    return context


def address(server: asyncio.AbstractServer) -> str:
    """Where the first socket of `server` listens, as the load generator reads it."""
    name = server.sockets[0].getsockname()  # type: ignore[attr-defined]  # every loop's server has them
    return f"unix:{name}" if isinstance(name, str) else f"{name[0]}:{name[1]}"


async def protocol_server(loop: asyncio.AbstractEventLoop, factory: Any, spec: dict[str, Any]) -> str:
    """Serve the protocols of `factory` on `unix` (a path) in `spec`, else on a free port; the address."""
    if "unix" in spec:
        return address(await loop.create_unix_server(factory, spec["unix"], ssl=tls(spec)))
    return address(await loop.create_server(factory, HOST, 0, ssl=tls(spec)))
