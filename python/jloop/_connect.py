"""`create_connection` to a host that is a number: one call of Java's instead of all that others may need."""

from __future__ import annotations

import functools
import socket
import sys
import types
from asyncio.selector_events import BaseSelectorEventLoop
from collections.abc import Generator

from ._descriptors import close, opened
from ._resolver import numeric_info
from ._steps import Steps
from ._transport import SocketTransport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["CONNECTING", "Connector"]

_SOCKET = socket.socket
_NOT_OPEN = socket.socket.__new__(socket.socket)  # what audit hooks are shown

# What asyncio's create_connection goes through. Where a program has replaced one of these, it is asyncio's that runs.
CONNECTING = Steps(
    "_connect_sock",
    "_create_connection_transport",
    "_ensure_resolved",
    "_make_socket_transport",
    "getaddrinfo",
    "sock_connect",
)


@types.coroutine
def _one_turn() -> Generator[None, None, None]:
    yield


class Connector:
    """`create_connection` of the loop, in front of asyncio's own."""

    _debug: bool
    _try_connect: Any
    _transport_of: Any
    _ensure_fd_no_transport: Any
    _until_connected: Any
    create_future: Any

    @functools.wraps(BaseSelectorEventLoop.create_connection)
    async def create_connection(self, protocol_factory: Any, host: Any = None, port: Any = None, **options: Any) -> Any:
        info = self._plain_address(host, port, options)
        tried = self._begin_connecting(*info) if info is not None else None
        if tried is None:
            return await super().create_connection(protocol_factory, host, port, **options)  # type: ignore[misc]
        address = info[4]
        if type(tried) is int:
            raise OSError(tried, f"Connect call failed {address}")
        conn, peername, sockname = tried
        try:
            if self._transport_of(conn) is not None:
                self._ensure_fd_no_transport(conn)
            if peername is None:
                conn = opened(conn)
                await self._until_connected(conn, address)
            else:
                # asyncio hears from the selector that it is connected, and the server of the same loop before it
                await _one_turn()
                await _one_turn()
            protocol = protocol_factory()
            waiter = self.create_future()
            transport = SocketTransport(
                self, conn, protocol, waiter, nodelay=True, peername=peername, sockname=sockname
            )
        except BaseException:
            close(conn)
            raise
        try:
            await waiter
        except BaseException:
            transport.close()
            raise
        return transport, protocol

    def _begin_connecting(self, family: int, kind: int, proto: int, _: str, address: Any) -> Any:
        """What `_try_connect` says, after the audit hooks."""
        sys.audit("socket.__new__", _NOT_OPEN, family, kind, proto)
        sys.audit("socket.connect", _NOT_OPEN, address)
        return self._try_connect(family, proto, address)

    def _plain_address(self, host: Any, port: Any, options: dict[str, Any]) -> Any:
        """What `getaddrinfo` has to say about a number; None where only asyncio's own method knows what to do."""
        if (
            self._debug
            or (options and any(value is not None for value in options.values()))
            or socket.socket is not _SOCKET
            or CONNECTING.are_replaced(self)
        ):
            return None
        return numeric_info(host, port, 0, socket.SOCK_STREAM, 0)
