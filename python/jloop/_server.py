"""Accepting connections as the loop of asyncio does, without a task where nothing has to be awaited."""

import errno
import os
import socket
from asyncio import constants, trsock
from asyncio.log import logger
from contextvars import copy_context
from typing import Any

from ._lazy_socket import LazySocket, kind_of
from ._transport import SocketTransport

__all__ = ["accept_connections"]

# Connections taken from the kernel's queue before transports are made for them: the queue must not overflow meanwhile,
# because the kernel then lets the client wait a second.
_SLICE = 64
_OUT_OF_RESOURCES = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
_WILDCARDS = frozenset(("0.0.0.0", "::"))


def accept_connections(
    loop: Any, protocol_factory: Any, sock: socket.socket, server: Any, backlog: int, *timeouts: Any
) -> None:
    """Accept what waits at `sock`, at most `backlog` and one, and make plain transports.

    Behaves as asyncio's `_accept_connection`, errors included: out of descriptors, it is reported and tried again
    after a second.
    """
    sockname = _common_sockname(sock)
    remaining = backlog + 1
    while remaining > 0:
        accepted, error = _accept_slice(loop, sock, min(_SLICE, remaining))
        remaining -= _SLICE
        connections = iter(accepted)
        try:
            for conn, peername in connections:
                copy_context().run(_connect, loop, protocol_factory, conn, peername, sockname, server)
        finally:
            for conn, _ in connections:  # an exit came between
                conn.close()
        if error is None:
            if len(accepted) < _SLICE:
                return
        elif error.errno in _OUT_OF_RESOURCES:
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
                protocol_factory,
                sock,
                None,
                server,
                backlog,
                *timeouts,
            )
            return
        else:
            raise error


def _accept_slice(loop: Any, sock: socket.socket, limit: int) -> tuple[list[tuple[Any, Any]], OSError | None]:
    """Up to `limit` pairs of non-blocking connection and address, and the error that ended it before, if one did."""
    tried = loop._try_accept(sock, limit)
    if tried is not None:
        pairs, number = tried
        error = OSError(number, os.strerror(number)) if number else None
        kind = kind_of(sock)
        return [(LazySocket(fd, *kind), address) for fd, address in pairs], error
    accepted: list[tuple[Any, Any]] = []
    while len(accepted) < limit:
        try:
            conn, address = sock.accept()
        except ConnectionAbortedError:
            continue
        except (BlockingIOError, InterruptedError):
            break
        except OSError as error:
            return accepted, error
        conn.setblocking(False)
        accepted.append((conn, address))
    return accepted, None


def _common_sockname(sock: socket.socket) -> Any:
    """The local address of every connection accepted at `sock`, or None where each has its own."""
    name = sock.getsockname()
    if sock.family not in (socket.AF_INET, socket.AF_INET6) or name[0] in _WILDCARDS:
        return None
    return name


def _connect(loop: Any, protocol_factory: Any, conn: Any, peername: Any, sockname: Any, server: Any) -> None:
    if loop._debug:
        logger.debug("%r got a new connection from %r: %r", server, peername, conn)
    extra = {"peername": peername}
    if sockname is not None:
        extra["sockname"] = sockname
    protocol = None
    try:
        protocol = protocol_factory()
        SocketTransport(loop, conn, protocol, None, extra, server, nodelay=True)
    except (SystemExit, KeyboardInterrupt):
        conn.close()
        raise
    except BaseException as exc:
        conn.close()
        if loop._debug:
            context = {"message": "Error on transport creation for incoming connection", "exception": exc}
            if protocol is not None:
                context["protocol"] = protocol
            loop.call_exception_handler(context)
