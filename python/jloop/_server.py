"""Accepting connections as the loop of asyncio does, without a task where nothing has to be awaited."""

from __future__ import annotations

import errno
import os
import socket
from asyncio import constants, trsock
from asyncio.log import logger
from collections import deque
from collections.abc import Iterator
from contextvars import copy_context
from weakref import WeakSet

from ._descriptors import INET, close, kind_of, may_be_bare
from ._steps import Steps
from ._transport import SocketTransport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["ACCEPTING", "Acceptor", "count_clients"]

# The kernel lets a client wait a second whose connection finds the queue full, and asking for a connection takes less
# than making a transport for it: so the queue is emptied again after every few transports, and what was taken from it
# waits here.
_STEP = 4  # transports
_TURN = 16  # transports, after which everything else has its turn
_MOST_WAITING = 4096

_OUT_OF_RESOURCES = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
_WILDCARDS = frozenset(("0.0.0.0", "::"))

# What asyncio's `_accept_connection` goes through. Where one of these was replaced, it is asyncio's that runs.
ACCEPTING = Steps("_accept_connection2", "_make_socket_transport")


def count_clients(server: Any) -> None:
    """Let a server, of CPython 3.13 or later, count its transports. Before it serves."""
    clients = getattr(server, "_clients", None)
    if type(clients) is WeakSet and not clients:
        server._clients = _Clients(server.get_loop())


class _Clients:
    """A server's transports, in the place of its `WeakSet`: our own are counted, and looked for where somebody asks.

    The engine holds them, so they are there until they leave. An entry of the set for each, with its weak reference, is
    a seventh of what an idle connection takes, and makes more work for the collector.
    """

    def __init__(self, loop: Any) -> None:
        self._loop = loop  # not the server: it is to be freed without the collector
        self._count = 0
        self._others: WeakSet[Any] = WeakSet()

    def add(self, transport: Any) -> None:
        if type(transport) is SocketTransport:
            self._count += 1
        else:
            self._others.add(transport)

    def discard(self, transport: Any) -> None:
        if type(transport) is SocketTransport:
            self._count -= 1
        else:
            self._others.discard(transport)

    def __len__(self) -> int:
        return self._count + len(self._others)

    def __iter__(self) -> Iterator[Any]:
        for transport in self._loop._open_transports():
            if type(transport) is SocketTransport and getattr(transport._server, "_clients", None) is self:
                yield transport
        yield from self._others

    def copy(self) -> set[Any]:
        return set(self)


class Acceptor:
    """Accepts what comes in at one listening socket and makes plain transports.

    Behaves as asyncio's `_accept_connection`, errors included: out of descriptors, it is reported and tried again
    after a second.
    """

    def __init__(
        self, loop: Any, protocol_factory: Any, sock: socket.socket, server: Any, backlog: int, timeouts: Any
    ) -> None:
        self._loop = loop
        self._protocol_factory = protocol_factory
        self._sock = sock
        self._server = server
        self._backlog = backlog
        self._timeouts = timeouts
        self._sockname = _common_sockname(sock)
        self._bare = may_be_bare(kind_of(sock))
        self._waiting: deque[tuple[Any, Any, Any]] = deque()  # connection, name of the peer, own name
        self._scheduled = False
        self._exhausted = False  # out of descriptors or memory: nothing is accepted until serving starts again

    def ready(self) -> None:
        """Connections wait at the socket."""
        self._exhausted = False
        if self._scheduled:
            self._accept()
        else:
            self._take_turn()

    def close(self) -> None:
        """Close the connections that wait for a transport."""
        while self._waiting:
            close(self._waiting.popleft()[0])

    def _go_on(self) -> None:
        self._scheduled = False
        self._take_turn()

    def _take_turn(self) -> None:
        waiting = self._waiting
        made = 0
        try:
            self._accept()
            while waiting and made < _TURN:
                copy_context().run(self._connect, *waiting.popleft())
                made += 1
                if made % _STEP == 0:
                    self._accept()
        except (SystemExit, KeyboardInterrupt):
            self.close()
            raise
        finally:  # an error of accept's, of a connection that failed before it was ours, does not end the others
            if waiting:
                self._scheduled = True
                self._loop.call_soon(self._go_on)

    def _accept(self) -> None:
        if self._exhausted or self._sock.fileno() < 0:
            return
        error = self._accept_all(_MOST_WAITING - len(self._waiting))
        if error is None:
            return
        if error.errno not in _OUT_OF_RESOURCES:
            raise error
        loop, sock = self._loop, self._sock
        self._exhausted = True
        loop.call_exception_handler(
            {
                "message": "socket.accept() out of system resource",
                "exception": error,
                "socket": trsock.TransportSocket(sock),
            }
        )
        loop._remove_reader(sock.fileno())
        loop.call_later(
            constants.ACCEPT_RETRY_DELAY,
            loop._start_serving,
            self._protocol_factory,
            sock,
            None,
            self._server,
            self._backlog,
            *self._timeouts,
        )

    def _accept_all(self, limit: int) -> OSError | None:
        """Take up to `limit` connections from the kernel's queue; the error that ended it before, if one did."""
        sock = self._sock
        tried = self._loop._try_accept(sock, limit, self._sockname is None) if self._bare else None
        if tried is not None:
            connections, number = tried
            self._waiting.extend(connections)
            return OSError(number, os.strerror(number)) if number else None
        for _ in range(limit):
            try:
                conn, address = sock.accept()
            except ConnectionAbortedError:
                continue
            except (BlockingIOError, InterruptedError):
                break
            except OSError as error:
                return error
            conn.setblocking(False)
            self._waiting.append((conn, address, conn.getsockname() if self._sockname is None else None))
        return None

    def _connect(self, conn: Any, peername: Any, sockname: Any) -> None:
        loop, server = self._loop, self._server
        if loop._debug:
            logger.debug("%r got a new connection from %r: %r", server, peername, conn)
        protocol = None
        try:
            protocol = self._protocol_factory()
            SocketTransport(
                loop,
                conn,
                protocol,
                server=server,
                nodelay=True,
                peername=peername,
                sockname=self._sockname if sockname is None else sockname,
            )
        except (SystemExit, KeyboardInterrupt):
            close(conn)
            raise
        except BaseException as exc:
            close(conn)
            if loop._debug:
                context = {"message": "Error on transport creation for incoming connection", "exception": exc}
                if protocol is not None:
                    context["protocol"] = protocol
                loop.call_exception_handler(context)


def _common_sockname(sock: socket.socket) -> Any:
    """The local address of every connection accepted at `sock`, or None where each has its own."""
    name = sock.getsockname()
    if sock.family not in INET or name[0] in _WILDCARDS:
        return None
    return name
