"""Stream transports over sockets: what happens once per connection. What happens per read and write is Java's."""

from __future__ import annotations

import _socket
import os
import socket
import sys
import warnings
import weakref
from asyncio import base_events, constants, events, futures, protocols, selector_events, transports, trsock
from asyncio.log import logger

from ._descriptors import TCP, close, closed_socket, kind_of, opened, unpacked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_WRITELINES_JOINS = sys.version_info < (3, 12)  # as asyncio's does, whose errors are those of write() then
_WRITELINES_COUNTS = (  # before it looks at the lines
    "_conn_lost" in selector_events._SelectorSocketTransport.writelines.__code__.co_names
)
_SERVER_TAKES_TRANSPORT = sys.version_info >= (3, 13)
_DEFAULT = transports._FlowControlMixin(None, object())  # type: ignore[arg-type]
_HIGH_WATER, _LOW_WATER = _DEFAULT._high_water, _DEFAULT._low_water  # bytes


class _TransportSocket(trsock.TransportSocket):
    """The socket that programs get: what they do with it comes after what was written before, as with asyncio's."""

    __slots__ = ("_own", "_transport")

    def __init__(self, sock: socket.socket, transport: SocketTransport) -> None:
        self._own = sock
        self._transport = weakref.ref(transport)

    @property
    def _sock(self) -> socket.socket:  # type: ignore[override]  # all that asyncio's methods use
        transport = self._transport()
        if transport is not None:
            transport.get_write_buffer_size()  # sends what waits for the end of the iteration
        return self._own


class SocketTransport(transports._FlowControlMixin, transports.Transport):
    """A connected TCP or Unix stream socket, with the behaviour of asyncio's own transport.

    Java reads, and queues and sends what is written; it holds a reference to the transport from the start until
    `connection_lost` is due. The socket object owns the descriptor and closes it.
    """

    __slots__ = (
        "__dict__",
        "__weakref__",
        "_closing",
        "_conn",
        "_conn_lost",
        "_context",
        "_eof",
        "_paused",
        "_peername",
        "_protocol",
        "_protocol_connected",
        "_server",
        "_sock_fd",
        "_sockname",
        "_write_context",
    )

    _conn: Any  # a socket or a bare descriptor, None once it is closed
    _closed: Any = None  # the socket object that was closed, if there was one
    _empty_waiter: Any = None
    _info: Any = vars(transports.BaseTransport)["_extra"]  # the slot; what asyncio calls so is made on demand, below

    _start_tls_compatible = True
    _sendfile_compatible = constants._SendfileMode.TRY_NATIVE

    def __init__(
        self,
        loop: Any,
        conn: socket.socket | int,
        protocol: Any,
        waiter: Any = None,
        extra: Any = None,
        server: Any = None,
        nodelay: bool = False,
        peername: Any = None,
        sockname: Any = None,
    ) -> None:
        """Take on a connected, non-blocking connection, which stays the caller's if this fails.

        `nodelay` says that TCP_NODELAY is set on it already. A bare descriptor comes with that, and with both names, as
        Java gives them.
        """
        self._context = None
        self._write_context = None
        self._server = None
        self._protocol = None
        # What the base classes set; calling them one by one is a tenth of what a connection costs
        self._loop = loop
        self._protocol_paused = False
        self._high_water = _HIGH_WATER
        self._low_water = _LOW_WATER
        self._conn_lost = 0  # writes that were dropped since the connection was lost, and one
        self._closing = False
        self._paused = False
        self._eof = False
        self._conn = conn
        try:
            self._sock_fd = conn if type(conn) is int else conn.fileno()  # type: ignore[union-attr]
            self._peername = peername
            self._sockname = sockname
            self._info = None
            if sockname is None:
                self._info = {} if extra is None else extra
                _add_names(self._info, self._sock)
            self._open(self._sock_fd, conn)
            self._protocol = protocol
            self._protocol_connected = True
            if isinstance(protocol, protocols.BufferedProtocol):
                self._set_buffered(True)
            if server is not None:
                if _SERVER_TAKES_TRANSPORT:
                    server._attach(self)
                else:
                    server._attach()
                self._server = server
            if not nodelay:
                _set_nodelay(self._sock)
            loop.call_soon(protocol.connection_made, self)
            loop.call_soon(self._add_reader, waiter)
        except BaseException:
            made, self._conn = self._conn, None
            if made is not conn:
                made.detach()
            self._close_channel()
            self._detach_server()
            raise

    def __repr__(self) -> str:
        info = [type(self).__name__]
        if self._conn is None:
            info.append("closed")
        elif self._closing:
            info.append("closing")
        info.append(f"fd={self._sock_fd}")
        if self._loop is not None and not self._loop.is_closed():
            info.append("read=polling" if self._loop._is_polling(self._sock_fd, False) else "read=idle")
            state = "polling" if self._loop._is_polling(self._sock_fd, True) else "idle"
            info.append(f"write=<{state}, bufsize={self.get_write_buffer_size()}>")
        return f"<{' '.join(info)}>"

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        if name == "socket" and name not in self._extra:  # most programs never ask
            sock = self._sock or self._closed or closed_socket(self._extra["sockname"])
            self._extra[name] = _TransportSocket(sock, self)
        # as it came: programs' tests patch asyncio's own, and look at how it is called
        return super().get_extra_info(name) if default is None else super().get_extra_info(name, default)

    @property
    def _extra(self) -> dict[str, Any]:  # type: ignore[override]
        """What `get_extra_info` looks at, in asyncio's place; most connections are never asked."""
        info = self._info
        if info is None:
            self._info = info = {"peername": unpacked(self._peername), "sockname": unpacked(self._sockname)}
        return info

    @property
    def _sock(self) -> Any:
        """The socket object, None once it is closed; asyncio's name for it."""
        conn = self._conn
        if conn is not None:
            self._conn = conn = opened(conn)
        return conn

    @_sock.setter
    def _sock(self, sock: Any) -> None:  # CPython's tests wrap it
        self._conn = sock

    def __del__(self, _warn: Any = warnings.warn) -> None:
        conn = getattr(self, "_conn", None)
        if conn is not None:
            _warn(f"unclosed transport {self!r}", ResourceWarning, source=self)
            close(conn)
            self._detach_server()

    # ---- protocol

    def set_protocol(self, protocol: Any) -> None:
        self._protocol = protocol
        self._protocol_connected = True
        self._set_buffered(isinstance(protocol, protocols.BufferedProtocol))

    def get_protocol(self) -> Any:
        return self._protocol

    # ---- reading

    @property
    def _read_ready_cb(self) -> Any:
        """asyncio's name for what reads, None once the transport is closing; CPython's tests look at it."""
        return None if self._closing else self._start_reading

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

    def _add_reader(self, waiter: Any) -> None:
        """Start reading, once `connection_made` has been called, and wake whoever waits for that."""
        if waiter is not None:
            futures._set_result_unless_cancelled(waiter, None)
        if self.is_reading():
            self._start_reading()

    def _read_eof(self) -> None:
        """Java read the end of the file."""
        if self._loop.get_debug():
            logger.debug("%r received EOF", self)
        try:
            keep_open = self._protocol.eof_received()
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as exc:
            self._fatal_error(exc, "Fatal error: protocol.eof_received() call failed.")
            return
        if keep_open:
            self._stop_reading()
        else:
            self.close()

    def _read_failed(self, errno: int) -> None:
        """Java's read failed with an error number."""
        self._fatal_error(OSError(errno, os.strerror(errno)), "Fatal read error on socket transport")

    def _buffer_refused(self, buffer: Any) -> None:
        """The protocol's `get_buffer` returned what Java cannot read to; asyncio can't either, and says why."""
        try:
            if not len(buffer):
                raise RuntimeError("get_buffer() returned an empty buffer")
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as exc:
            self._fatal_error(exc, "Fatal error: protocol.get_buffer() call failed.")
            return
        try:
            self._sock.recv_into(buffer)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as exc:
            self._fatal_error(exc, "Fatal read error on socket transport")

    def _call_failed(self, exc: BaseException, message: str) -> None:
        """A method of the protocol raised."""
        if not self._conn_lost or not isinstance(exc, OSError):
            self._fatal_error(exc, message)

    # ---- writing

    # Arguments that were given by name: Java takes them in this order.

    def _write_named(self, data: Any) -> Any:
        return (data,)

    def _writelines_named(self, list_of_data: Any) -> Any:
        return (list_of_data,)

    _write_named.__qualname__ = "SocketTransport.write"
    _writelines_named.__qualname__ = "SocketTransport.writelines"

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        if self._closing or self._eof:
            return
        self._eof = True
        self._block_writes(True)
        if not self.get_write_buffer_size():
            self._sock.shutdown(socket.SHUT_WR)

    def _set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        super()._set_write_buffer_limits(high, low)
        self._set_high_water(whole_bytes(self._high_water))

    def _write_failed(self, errno: int) -> None:
        """Java's write failed with an error number; nothing is queued any more."""
        exc = OSError(errno, os.strerror(errno))
        self._fatal_error(exc, "Fatal write error on socket transport")
        if self._empty_waiter is not None and not self._empty_waiter.done():
            self._empty_waiter.set_exception(exc)

    def _drained(self) -> None:
        """The kernel took bytes of a queue that it had refused before."""
        self._maybe_resume_protocol()  # may write
        if self._conn_lost or self.get_write_buffer_size():
            return
        if self._empty_waiter is not None and not self._empty_waiter.done():
            self._empty_waiter.set_result(None)
        if self._closing:
            self._conn_lost += 1
            self._call_connection_lost(None)
        elif self._eof:
            self._sock.shutdown(socket.SHUT_WR)

    def _make_empty_waiter(self) -> Any:
        """A future that is done when nothing is queued; until it is reset, `write` refuses. For `loop.sendfile`."""
        if self._empty_waiter is not None:
            raise RuntimeError("Empty waiter is already set")
        self._empty_waiter = self._loop.create_future()
        self._block_writes(True)
        if not self.get_write_buffer_size():
            self._empty_waiter.set_result(None)
        return self._empty_waiter

    def _reset_empty_waiter(self) -> None:
        self._empty_waiter = None
        self._block_writes(self._eof or self._conn_lost > 0)

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
        self.get_write_buffer_size()  # offers what was just written to the kernel, which asyncio did in write()
        if self._conn_lost:
            return  # that failed, and came here
        self._discard_writes()
        if not self._closing:
            self._closing = True
            self._stop_reading()
        self._lose_connection(exc)

    def _lose_connection(self, exc: BaseException | None) -> None:
        if self._conn_lost:
            return
        self._conn_lost += 1
        self._block_writes(True)
        self._loop.call_soon(self._call_connection_lost, exc)

    def _call_connection_lost(self, exc: BaseException | None) -> None:
        self._close_channel()
        try:
            if self._protocol_connected:
                self._protocol.connection_lost(exc)
        finally:
            conn, self._conn = self._conn, None
            close(conn)
            if type(conn) is not int:
                self._closed = conn
            self._protocol = None
            self._loop = None
            self._context = None
            self._write_context = None
            self._detach_server()
            if self._empty_waiter is not None and not self._empty_waiter.done():
                self._empty_waiter.set_exception(ConnectionError("Connection is closed by peer"))

    def _detach_server(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            if _SERVER_TAKES_TRANSPORT:
                server._detach(self)
            else:
                server._detach()


def whole_bytes(limit: Any) -> int:
    """The number of bytes above which there are more than `limit`, which may be any number; as large as Java's get."""
    return int(limit) if limit < sys.maxsize else sys.maxsize


def _add_names(extra: dict[str, Any], sock: socket.socket) -> None:
    for key, get in (("sockname", sock.getsockname), ("peername", sock.getpeername)):
        if key not in extra:
            try:
                extra[key] = get()
            except OSError:
                extra[key] = None


def _set_nodelay(sock: socket.socket) -> None:
    if not issubclass(type(sock), _socket.socket):  # a mock pretends to be an instance
        base_events._set_nodelay(sock)
    elif kind_of(sock) in TCP:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _check_writable(transport: SocketTransport, method: str) -> bool:
    """Whether a write may go on; raises RuntimeError where asyncio does."""
    if transport._eof:
        raise RuntimeError(f"Cannot call {method}() after write_eof()")
    if transport._empty_waiter is not None:
        raise RuntimeError(f"unable to {method}; sendfile is in progress")
    return True


def write_slow(transport: SocketTransport, data: Any) -> None:
    """`SocketTransport.write` where Java does not simply queue: bad data, after `write_eof`, after the end."""
    if not isinstance(data, bytes | bytearray | memoryview):
        # it looks at the data before anything else; its words differ from one patch release to another
        selector_events._SelectorSocketTransport.write(transport, data)
    _check_writable(transport, "write")
    if data:
        if transport._loop is not None and transport._loop.is_closed() and not transport._conn_lost:
            _send_without_loop(transport, data)
        else:
            _count_lost_write(transport)


def _send_without_loop(transport: SocketTransport, data: Any) -> None:
    """Send at once what the kernel takes, after the loop was closed. Raises RuntimeError where that is not all."""
    try:
        sent = transport._sock.send(data)
    except (BlockingIOError, InterruptedError):
        sent = 0
    except OSError as exc:
        transport._fatal_error(exc, "Fatal write error on socket transport")
        return
    if sent < len(data):
        transport._loop._check_closed()


def writelines_slow(transport: SocketTransport, list_of_data: Any) -> None:
    """`SocketTransport.writelines` where Java does not simply queue: other buffers, after `write_eof` or the end."""
    if _WRITELINES_JOINS:
        transport.write(b"".join(list_of_data))
        return
    _check_writable(transport, "writelines")
    if not list_of_data:
        return
    if _WRITELINES_COUNTS and transport._conn_lost:
        _count_lost_write(transport)
        return
    data = b"".join([memoryview(line) for line in list_of_data])
    if transport._conn_lost:
        _count_lost_write(transport)
    elif data:
        transport.write(data)


def _count_lost_write(transport: SocketTransport) -> None:
    if transport._conn_lost >= constants.LOG_THRESHOLD_FOR_CONNLOST_WRITES:
        logger.warning("socket.send() raised exception.")
    transport._conn_lost += 1


def transport_failed(transport: SocketTransport, exc: BaseException) -> None:
    """An exception out of the transport's own methods, as asyncio reports one out of a reader callback."""
    loop = transport._loop
    if loop is not None:
        message = f"Exception in callback {type(transport).__qualname__}._read_ready()"
        handle = events.Handle(transport._start_reading, (), loop)
        loop.call_exception_handler({"message": message, "exception": exc, "handle": handle})
