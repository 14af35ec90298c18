"""`loop.sock_*`: each call is tried at once, in Java where that pays, and waits only when it would block.

What is awaited here is that the socket gets ready; then the call is tried again. So a call that is cancelled has taken
nothing from the socket and put nothing into it that its caller does not know of, at whatever moment that happens.
"""

from __future__ import annotations

import socket
from asyncio import base_events
from asyncio.selector_events import BaseSelectorEventLoop

from . import _warm_up
from ._descriptors import INET, family_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["SocketCalls"]

_check_ssl_socket = base_events._check_ssl_socket  # type: ignore[attr-defined]


class SocketCalls:
    """The `sock_*` methods of the loop, in front of asyncio's own.

    asyncio's take over for what only Python knows how to use: sockets that are not exactly `socket.socket`, or are
    blocking, debug mode, and arguments that are wrong.
    """

    _debug: bool
    _try_recv: Any
    _try_recv_into: Any
    _try_send: Any
    _wait_for: Any
    _stop_waiting: Any

    async def sock_recv(self, sock: socket.socket, n: int) -> bytes:
        """Receive up to `n` bytes; none at end of file."""
        while True:
            result = self._try_recv(sock, n)
            if type(result) is bytes:
                return result
            if result is None:
                return await super().sock_recv(sock, n)  # type: ignore[misc, no-any-return]
            try:
                await result
            except BaseException:
                self._stop_waiting(sock, result)
                raise

    async def sock_recv_into(self, sock: socket.socket, buf: Any) -> int:
        """Receive into a writable buffer; how many bytes, 0 at end of file."""
        while True:
            result = self._try_recv_into(sock, buf)
            if type(result) is int:
                return result
            if result is None:
                return await super().sock_recv_into(sock, buf)  # type: ignore[misc, no-any-return]
            try:
                await result
            except BaseException:
                self._stop_waiting(sock, result)
                raise

    async def sock_sendall(self, sock: socket.socket, data: Any) -> None:
        """Send all of `data`. After an exception nobody knows how much was sent."""
        position = self._try_send(sock, data, 0)
        if position is True:
            return
        if position is None:
            await super().sock_sendall(sock, data)  # type: ignore[misc]
            return
        with memoryview(data) as view, view.cast("B") as octets:  # what is not sent yet must stay where it is
            while position is not True:
                sent = position
                position = self._try_send(sock, octets, sent) if await self._until_ready(sock, True) else None
                if position is None:  # debug mode was turned on meanwhile, or the socket made blocking
                    await super().sock_sendall(sock, octets[sent:])  # type: ignore[misc]
                    return

    if hasattr(BaseSelectorEventLoop, "sock_recvfrom"):  # Python 3.11 and later

        async def sock_recvfrom(self, sock: socket.socket, bufsize: int) -> tuple[bytes, Any]:
            """Receive a datagram of up to `bufsize` bytes, and its sender's address."""
            self._check_socket(sock)
            while True:
                try:
                    return sock.recvfrom(bufsize)
                except (BlockingIOError, InterruptedError):
                    pass
                if not await self._until_ready(sock, False):
                    return await super().sock_recvfrom(sock, bufsize)  # type: ignore[misc, no-any-return]

        async def sock_recvfrom_into(self, sock: socket.socket, buf: Any, nbytes: int = 0) -> tuple[int, Any]:
            """Receive a datagram into a writable buffer, up to `nbytes` of it; its size and its sender's address."""
            self._check_socket(sock)
            if not nbytes:
                nbytes = len(buf)
            while True:
                try:
                    return sock.recvfrom_into(buf, nbytes)
                except (BlockingIOError, InterruptedError):
                    pass
                if not await self._until_ready(sock, False):
                    return await super().sock_recvfrom_into(sock, buf, nbytes)  # type: ignore[misc, no-any-return]

        async def sock_sendto(self, sock: socket.socket, data: Any, address: Any) -> int:
            """Send a datagram; how many bytes of it."""
            self._check_socket(sock)
            while True:
                try:
                    return sock.sendto(data, address)
                except (BlockingIOError, InterruptedError):
                    pass
                if not await self._until_ready(sock, True):
                    return await super().sock_sendto(sock, data, address)  # type: ignore[misc, no-any-return]

    async def sock_accept(self, sock: socket.socket) -> tuple[socket.socket, Any]:
        """Accept a connection: a new non-blocking socket, and the peer's address."""
        self._check_socket(sock)
        _warm_up.begin(self, _warm_up.SOCKETS)
        while True:
            try:
                connection, address = sock.accept()
                connection.setblocking(False)
            except (BlockingIOError, InterruptedError):
                pass
            else:
                return connection, address
            if not await self._until_ready(sock, False):
                return await super().sock_accept(sock)  # type: ignore[misc, no-any-return]

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        """Connect to `address`, whose host may be a name."""
        self._check_socket(sock)
        if type(sock) is not socket.socket:
            await super().sock_connect(sock, address)  # type: ignore[misc]
            return
        if family_of(sock) in INET:
            resolved = await self._ensure_resolved(  # type: ignore[attr-defined]
                address, family=sock.family, type=sock.type, proto=sock.proto, loop=self
            )
            address = resolved[0][4]
        try:
            sock.connect(address)
        except (BlockingIOError, InterruptedError):
            pass  # goes on by itself, after a signal too
        else:
            return
        try:  # within a machine it is done by now, and a second call says so
            sock.connect(address)
        except (BlockingIOError, InterruptedError):
            pass
        except OSError as error:
            raise OSError(error.errno, f"Connect call failed {address}") from None
        else:
            return
        await self._until_connected(sock, address)

    async def _until_connected(self, sock: socket.socket, address: Any) -> None:
        """Wait for the end of a `connect` that goes on by itself."""
        if not await self._until_ready(sock, True):
            await super().sock_connect(sock, address)  # type: ignore[misc]
            return
        error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise OSError(error, f"Connect call failed {address}")

    def _check_socket(self, sock: Any) -> None:
        """Refuse what asyncio refuses."""
        _check_ssl_socket(sock)
        if self._debug and sock.gettimeout() != 0:
            raise ValueError("the socket must be non-blocking")

    async def _until_ready(self, sock: Any, write: bool) -> bool:
        """Wait until `sock`, which has just refused a call, is ready; False at once where Java does not know it."""
        future = self._wait_for(sock, write)
        if future is None:
            return False
        try:
            await future
        except BaseException:
            self._stop_waiting(sock, future)
            raise
        return True
