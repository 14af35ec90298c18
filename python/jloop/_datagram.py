"""Datagram transports: what happens once per endpoint, and what is rare. What happens per datagram is Java's."""

from __future__ import annotations

import os
import socket
import warnings
from asyncio import constants, futures, selector_events, transports, trsock
from asyncio.log import logger
from collections import deque

from ._transport import whole_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Methods that a subclass of socket.socket may have replaced.
_REPLACEABLE = ("recvfrom", "send", "sendto")
_FAMILIES = (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX)


def is_plain(sock: Any) -> bool:
    """Whether Java may do what this socket's methods do: nobody replaced them, and it is of a kind that Java knows."""
    return (
        isinstance(sock, socket.socket)
        and sock.type == socket.SOCK_DGRAM
        and sock.family in _FAMILIES
        and all(getattr(type(sock), name) is getattr(socket.SocketType, name) for name in _REPLACEABLE)
    )


class DatagramTransport(transports._FlowControlMixin, transports.DatagramTransport):
    """A datagram socket, with the behaviour of asyncio's own transport.

    Java receives, and queues and sends what is sent; it holds a reference to the transport from the start until
    `connection_lost` is due. The socket object owns the descriptor and closes it. What was sent leaves when the
    callback that sent it returns; an error of it is told then, by `error_received`.
    """

    __slots__ = (
        "__dict__",
        "__weakref__",
        "_address",
        "_closing",
        "_conn_lost",
        "_connected",
        "_context",
        "_paused",
        "_protocol",
        "_protocol_connected",
        "_sock",
        "_sock_fd",
        "_unresolved",
    )

    _context: Any
    _loop: Any
    _protocol: Any
    _sock: Any  # a socket, None once it is closed
    _unresolved: Any  # deque of (data, addr) that the socket's own methods send in their turn, None without any

    def __init__(
        self, loop: Any, sock: socket.socket, protocol: Any, address: Any = None, waiter: Any = None, extra: Any = None
    ) -> None:
        self._context = None
        self._protocol = None
        super().__init__(extra, loop)
        self._extra["socket"] = trsock.TransportSocket(sock)
        try:
            self._extra["sockname"] = sock.getsockname()
        except OSError:
            self._extra["sockname"] = None
        try:
            peername = sock.getpeername()
            self._connected = True  # maybe to a Unix socket without a name
        except OSError:
            peername = None
            self._connected = False
        self._extra.setdefault("peername", peername)
        self._sock = sock
        self._sock_fd = sock.fileno()
        self._address = address or None
        self._conn_lost = 0  # datagrams that were dropped since the connection was lost, and one
        self._closing = False
        self._paused = False
        self._unresolved = None
        self._open(self._sock_fd, sock, int(sock.family), self._extra["peername"], self._connected)
        self.set_protocol(protocol)
        loop._transports[self._sock_fd] = self
        loop.call_soon(protocol.connection_made, self)
        loop.call_soon(self._add_reader)
        if waiter is not None:
            loop.call_soon(futures._set_result_unless_cancelled, waiter, None)

    def __repr__(self) -> str:
        info = [type(self).__name__]
        if self._sock is None:
            info.append("closed")
        elif self._closing:
            info.append("closing")
        info.append(f"fd={self._sock_fd}")
        if self._loop is not None and not self._loop.is_closed():
            info.append("read=polling" if self._loop._is_polling(self._sock_fd, False) else "read=idle")
            state = "polling" if self._loop._is_polling(self._sock_fd, True) else "idle"
            info.append(f"write=<{state}, bufsize={self.get_write_buffer_size()}>")
        return f"<{' '.join(info)}>"

    def __del__(self, _warn: Any = warnings.warn) -> None:
        if getattr(self, "_sock", None) is not None:
            _warn(f"unclosed transport {self!r}", ResourceWarning, source=self)
            self._sock.close()

    # ---- protocol

    def set_protocol(self, protocol: Any) -> None:
        self._protocol = protocol
        self._protocol_connected = True

    def get_protocol(self) -> Any:
        return self._protocol

    # ---- receiving

    def is_reading(self) -> bool:
        return not self._closing and not self._paused

    def pause_reading(self) -> None:
        if not self.is_reading():
            return
        self._paused = True
        self._stop_reading()
        if self._loop.get_debug():
            logger.debug("%r pauses reading", self)

    def resume_reading(self) -> None:
        if self._closing or not self._paused:
            return
        self._paused = False
        self._start_reading()
        if self._loop.get_debug():
            logger.debug("%r resumes reading", self)

    def _add_reader(self) -> None:
        """Start receiving, once `connection_made` has been called."""
        if self.is_reading():
            self._start_reading()

    def _receive_failed(self, errno: int) -> None:
        """Java's receiving failed with an error number."""
        if not self._conn_lost:
            self._protocol.error_received(OSError(errno, os.strerror(errno)))

    # ---- sending

    def _set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        super()._set_write_buffer_limits(high, low)
        self._set_high_water(whole_bytes(self._high_water))

    def _send_failed(self, errno: int) -> None:
        """The kernel refused one datagram, for an error number."""
        self._protocol.error_received(OSError(errno, os.strerror(errno)))

    def _send_now(self, data: bytes, addr: Any) -> bool:
        """Send by the socket's own methods. Returns False if the kernel takes nothing now, True otherwise."""
        try:
            if self._extra["peername"] or (addr is None and self._connected):
                self._sock.send(data)
            else:
                self._sock.sendto(data, addr)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError as exc:
            self._protocol.error_received(exc)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as exc:
            self._fatal_error(exc, "Fatal write error on datagram transport")
        return True

    def _send_or_queue(self, data: bytes, addr: Any) -> None:
        """Send by the socket's own methods, after what is queued already."""
        if not self.get_write_buffer_size() and self._send_now(data, addr):
            return
        if self._unresolved is None:
            self._unresolved = deque()
        self._unresolved.append((data, addr))
        self._queue_unresolved(len(data))

    def _send_unresolved(self) -> bool:
        """The turn of the first of `_unresolved` has come. Returns False if the kernel takes nothing now."""
        data, addr = self._unresolved.popleft()
        if self._send_now(data, addr):
            return True
        self._unresolved.appendleft((data, addr))
        return False

    def _drained(self) -> None:
        """The kernel took datagrams of a queue that it had refused before."""
        self._maybe_resume_protocol()  # may send
        if self._closing and not self._conn_lost and not self.get_write_buffer_size():
            self._conn_lost += 1
            self._call_connection_lost(None)

    # ---- closing

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        if self._closing:
            return
        self._closing = True
        self._stop_reading()
        if not self.get_write_buffer_size():
            self._lose_connection(None)

    def abort(self) -> None:
        self._force_close(None)

    def _fatal_error(self, exc: BaseException, message: str = "Fatal error on transport") -> None:
        if isinstance(exc, OSError):
            if self._loop.get_debug():
                logger.debug("%r: %s", self, message, exc_info=True)
        else:
            self._loop.call_exception_handler(
                {"message": message, "exception": exc, "transport": self, "protocol": self._protocol}
            )
        self._force_close(exc)

    def _force_close(self, exc: BaseException | None) -> None:
        if self._conn_lost:
            return
        self.get_write_buffer_size()  # offers what was just sent to the kernel, which asyncio did in sendto()
        if self._conn_lost:
            return  # its error was told to the protocol, which came here
        self._discard_sends()
        self._unresolved = None
        if not self._closing:
            self._closing = True
            self._stop_reading()
        self._lose_connection(exc)

    def _lose_connection(self, exc: BaseException | None) -> None:
        if self._conn_lost:
            return
        self._conn_lost += 1
        self._block_sends()
        self._loop.call_soon(self._call_connection_lost, exc)

    def _call_connection_lost(self, exc: BaseException | None) -> None:
        self._close_channel()
        try:
            if self._protocol_connected:
                self._protocol.connection_lost(exc)
        finally:
            self._sock.close()
            self._sock = None
            self._protocol = None
            self._loop = None
            self._context = None
            self._unresolved = None


def sendto_slow(transport: DatagramTransport, data: Any, addr: Any) -> None:
    """`DatagramTransport.sendto` where Java does not simply queue: host names, bad arguments, after the end."""
    if not isinstance(data, bytes | bytearray | memoryview):
        raise TypeError(f"data argument must be a bytes-like object, not {type(data).__name__!r}")
    if not data and not SENDS_EMPTY:
        return
    remote = transport._address
    if remote and addr not in (None, remote):
        raise ValueError(f"Invalid address: must be None or {remote}")
    if (remote and transport._conn_lost) or transport._sock is None:
        if transport._conn_lost >= constants.LOG_THRESHOLD_FOR_CONNLOST_WRITES:
            logger.warning("socket.send() raised exception.")
        transport._conn_lost += 1
        return
    known = remote and addr is not None
    if (known or type(data) is not bytes) and not transport._conn_lost:
        transport.sendto(bytes(data), None if known else addr)
    else:
        transport._send_or_queue(bytes(data), remote or addr)


class _Probe(selector_events._SelectorDatagramTransport):  # type: ignore[name-defined]
    """The standard library's transport with a datagram queued, to ask how this version counts and what it sends."""

    def __init__(self) -> None:
        self._address = None
        self._conn_lost = 0
        self._buffer = deque([(b"", None)])
        self._buffer_size = 0

    def _maybe_pause_protocol(self) -> None:
        pass

    def added_by(self, data: bytes) -> tuple[int, int]:
        """By how much `sendto(data)` makes the buffer longer and larger."""
        count, size = len(self._buffer), self.get_write_buffer_size()
        self.sendto(data, None)
        return len(self._buffer) - count, self.get_write_buffer_size() - size


# From 3.13 on, datagrams without a byte are sent, and each queued one counts 8 bytes more.
SENDS_EMPTY = _Probe().added_by(b"")[0] == 1
HEADER_SIZE = _Probe().added_by(b"x")[1] - 1
