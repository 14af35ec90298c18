"""`jloop.Loop`: asyncio's Unix loop with its engine exchanged.

The base class is the standard library's own loop for Unix, so that whatever is rare behaves as in the running Python,
because it *is* the running Python's. Java replaces what runs per callback, timer, read and write; see
`docs/architecture.md`.
"""

from __future__ import annotations

import selectors
import socket
import sys
import threading
from asyncio import base_events, constants, events, sslproto, tasks
from collections.abc import Callable, Iterator, Mapping

from . import _jvm, _native, _warm_up
from ._connect import CONNECTING, Connector
from ._handles import TimerHandle, _AsyncioThreadSafeHandle
from ._process import WatchesChildren
from ._resolver import Resolver
from ._server import ACCEPTING, Acceptor, count_clients
from ._signals import WokenBySignals
from ._sockets import SocketCalls
from ._transport import SocketTransport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeVar

    _Function = TypeVar("_Function", bound=Callable[..., Any])

__all__ = ["Loop"]

_FORKED = "this loop was made before the process was forked; its JVM is in the parent. Make a new loop"


class _PollerView(Mapping):  # type: ignore[type-arg]
    """What the standard library asks of a loop's selector besides waiting: whether a descriptor is polled."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop

    def get_map(self) -> Mapping[int, Any]:
        return self

    def get_key(self, file: Any) -> Any:
        """The selector key of a descriptor, or of what has one; KeyError if it is not polled."""
        return self[file]

    def __getitem__(self, file: Any) -> Any:
        fd = file if isinstance(file, int) else file.fileno()
        mask = 0
        if self._loop._is_polling(fd, False):
            mask |= selectors.EVENT_READ
        if self._loop._is_polling(fd, True):
            mask |= selectors.EVENT_WRITE
        if not mask:
            raise KeyError(f"{file!r} is not registered")
        return selectors.SelectorKey(file, fd, mask, None)

    def __iter__(self) -> Iterator[int]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def close(self) -> None:
        self._loop._close_engine()


def _reports_as(method: str) -> Callable[[_Function], _Function]:
    """What a function does for a method of Java's is complained of under the name that asyncio's method has."""

    def rename(function: _Function) -> _Function:
        function.__qualname__ = f"BaseEventLoop.{method}"
        return function

    return rename


# Where a program replaces one of these, Java's timers go by it.
_TIMER_METHODS = frozenset(("call_at", "time"))


class Loop(Connector, SocketCalls, Resolver, WatchesChildren, WokenBySignals):
    """An asyncio event loop that Java drives.

    Every method of `asyncio.AbstractEventLoop` is here, with the behaviour of the running Python's own loop.
    Making the first one starts the JVM. Raises `jloop.JVMError` if there is none.
    """

    _acceptors: dict[socket.socket, Acceptor]
    _debug_is_off: Any  # Java's: a function in C that answers False
    _runs: Any  # Java's: a function in C that answers True
    _selector: Any
    _thread_id: Any
    _closed = True  # until `__init__` is through: a loop that could not be made has nothing to close

    def __init__(self) -> None:
        _native.load()
        _jvm.leave_room_for_java()
        self._roots = self._open()
        self._acceptors = {}
        self._children = set()
        poller: Any = _PollerView(self)
        super().__init__(poller)

    # ---- methods of the program's own

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name in _TIMER_METHODS:
            self._look_for_replaced_methods()

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        if name in _TIMER_METHODS:
            self._look_for_replaced_methods()

    # ---- scheduling, with arguments given by name: Java takes them in this order

    @_reports_as("call_soon")
    def _call_soon_named(self, callback: Any, *args: Any, context: Any = None) -> Any:
        return (callback, *args, context)

    @_reports_as("call_later")
    def _call_later_named(self, delay: Any, callback: Any, *args: Any, context: Any = None) -> Any:
        return (delay, callback, *args, context)

    @_reports_as("call_at")
    def _call_at_named(self, when: Any, callback: Any, *args: Any, context: Any = None) -> Any:
        return (when, callback, *args, context)

    # ---- running

    def run_forever(self) -> None:
        """Run until `stop()` is called."""
        if _jvm.forked():
            raise RuntimeError(_FORKED)
        self._check_closed()
        self._check_running()
        _jvm.restore_signal_handlers()
        _jvm.leave_room_for_java()
        self._set_coroutine_origin_tracking(self._debug)
        old_hooks = sys.get_asyncgen_hooks()
        try:
            self._take_wakeup_fd()
            self._thread_id = threading.get_ident()
            self._answer_in_c("is_running", self._runs, True)  # tasks that start eagerly ask
            sys.set_asyncgen_hooks(firstiter=self._asyncgen_firstiter_hook, finalizer=self._asyncgen_finalizer_hook)
            events._set_running_loop(self)
            self._run()
        except Exception as error:
            if _jvm.forked():
                raise RuntimeError(_FORKED) from error
            raise
        finally:
            self._stopping = False
            self._thread_id = None
            self._answer_in_c("is_running", self._runs, False)
            events._set_running_loop(None)
            self._set_coroutine_origin_tracking(False)
            sys.set_asyncgen_hooks(*old_hooks)
            self._give_back_wakeup_fd()
        if _jvm.forked():  # by the last callback: what comes next is the parent's
            raise RuntimeError(_FORKED)

    def set_debug(self, enabled: bool) -> None:
        """Turn asyncio's debug mode on or off."""
        super().set_debug(enabled)
        self._set_engine_debug(enabled)
        self._answer_in_c("get_debug", self._debug_is_off, not enabled)  # futures and tasks ask when they are made

    def _answer_in_c(self, method: str, answer: Any, holds: bool) -> None:
        """While `answer` holds, let it be the loop's `method`, unless the program has one of its own."""
        own = vars(self)
        if not holds:
            if own.get(method) is answer:
                del own[method]
        elif getattr(type(self), method) is getattr(Loop, method):
            own.setdefault(method, answer)

    def close(self) -> None:
        """Close the loop; it must not be running. Children that live go on, and nobody is told of their exit."""
        super().close()
        for acceptor in self._acceptors.values():
            acceptor.close()
        self._acceptors.clear()

    def set_task_factory(self, factory: Any) -> None:
        """Set what `create_task` makes tasks with; None for `asyncio.Task`."""
        super().set_task_factory(factory)
        self._set_engine_task_factory(factory is not None)

    # ---- transports

    def _ensure_fd_no_transport(self, fd: Any) -> None:
        """Refuse a descriptor that a transport reads and writes, except while it lends it to `sendfile`."""
        fileno = _native.file_number(fd)
        transport = self._transport_of(fileno) if fileno >= 0 else None
        if transport is None:
            super()._ensure_fd_no_transport(fileno)
        elif not transport.is_closing() and getattr(transport, "_empty_waiter", None) is None:
            raise RuntimeError(f"File descriptor {fd!r} is used by transport {transport!r}")

    async def _sendfile_native(self, transp: Any, file: Any, offset: int, count: int | None) -> int:
        self._transports[transp._sock_fd] = transp  # asyncio takes it off there, and puts it back
        try:
            return await super()._sendfile_native(transp, file, offset, count)  # type: ignore[no-any-return]
        finally:
            self._transports.pop(transp._sock_fd, None)

    def _start_serving(
        self, protocol_factory: Any, sock: Any, sslcontext: Any = None, server: Any = None, *args: Any, **kwargs: Any
    ) -> None:
        base_events._set_nodelay(sock)  # Linux hands it down to every connection
        count_clients(server)
        super()._start_serving(protocol_factory, sock, sslcontext, server, *args, **kwargs)
        _warm_up.begin(self, _warm_up.STREAMS)

    def _accept_connection(
        self,
        protocol_factory: Any,
        sock: Any,
        sslcontext: Any = None,
        server: Any = None,
        backlog: int = 100,
        *timeouts: Any,
    ) -> None:
        if sslcontext is not None or type(sock) is not socket.socket or ACCEPTING.are_replaced(self):
            super()._accept_connection(protocol_factory, sock, sslcontext, server, backlog, *timeouts)
            return
        acceptor = self._acceptors.get(sock)
        if acceptor is None:
            self._acceptors[sock] = acceptor = Acceptor(self, protocol_factory, sock, server, backlog, timeouts)
        acceptor.ready()

    def _stop_serving(self, sock: Any) -> None:
        acceptor = self._acceptors.pop(sock, None)
        if acceptor is not None:
            acceptor.close()
        super()._stop_serving(sock)

    def _make_socket_transport(
        self, sock: Any, protocol: Any, waiter: Any = None, *, extra: Any = None, server: Any = None
    ) -> SocketTransport:
        self._ensure_fd_no_transport(sock)
        return SocketTransport(self, sock, protocol, waiter, extra, server)

    def _make_datagram_transport(
        self, sock: Any, protocol: Any, address: Any = None, waiter: Any = None, extra: Any = None
    ) -> Any:
        from . import _datagram  # here: most programs have no datagrams

        if not _datagram.is_plain(sock):
            return super()._make_datagram_transport(sock, protocol, address, waiter, extra)
        self._ensure_fd_no_transport(sock)
        _native.load_datagrams()
        transport = _datagram.DatagramTransport(self, sock, protocol, address, waiter, extra)
        if address is None:  # a server
            _warm_up.begin(self, _warm_up.DATAGRAMS)
        return transport

    def _make_ssl_transport(
        self,
        rawsock: Any,
        protocol: Any,
        sslcontext: Any,
        waiter: Any = None,
        *,
        server_side: bool = False,
        server_hostname: str | None = None,
        extra: Any = None,
        server: Any = None,
        **timeouts: Any,
    ) -> Any:
        self._ensure_fd_no_transport(rawsock)
        timeouts.setdefault("ssl_handshake_timeout", constants.SSL_HANDSHAKE_TIMEOUT)
        ssl_protocol = sslproto.SSLProtocol(
            self, protocol, sslcontext, waiter, server_side, server_hostname, **timeouts
        )
        SocketTransport(self, rawsock, ssl_protocol, None, extra, server)
        return ssl_protocol._app_transport


CONNECTING.keep(Loop)
ACCEPTING.keep(Loop)


if sys.version_info >= (3, 13, 3):

    @_reports_as("create_task")
    def create_task_slow(self: Loop, coro: Any, **kwargs: Any) -> Any:
        """`Loop.create_task` where Java does not make the task: in debug mode, with a task factory or rare keywords.

        A task factory is given every keyword, and the task its name once more: before 3.13.3 asyncio did
        the latter, and factories rely on it.
        """
        self._check_closed()
        if self._task_factory is None:
            task = tasks.Task(coro, loop=self, **kwargs)
            if task._source_traceback:
                del task._source_traceback[-1]
        else:
            task = self._task_factory(self, coro, **kwargs)
            name = kwargs.get("name")
            if name is not None and hasattr(task, "set_name"):
                task.set_name(name)
        try:
            return task
        finally:
            del task  # an exception's traceback must not keep it

else:
    create_task_slow: Any = base_events.BaseEventLoop.create_task  # type: ignore[no-redef]


# Debug mode: the checks and the traceback of asyncio, around the same queues.


def call_soon_debug(loop: Loop, context: Any, callback: Callable[..., object], *args: Any) -> events.Handle:
    """`Loop.call_soon` in debug mode."""
    loop._check_thread()
    loop._check_callback(callback, "call_soon")
    handle = events.Handle(callback, args, loop, context)
    if handle._source_traceback:
        del handle._source_traceback[-1]
    loop._add_callback(handle)
    return handle


def call_soon_threadsafe_debug(loop: Loop, context: Any, callback: Callable[..., object], *args: Any) -> events.Handle:
    """`Loop.call_soon_threadsafe` in debug mode."""
    loop._check_callback(callback, "call_soon_threadsafe")
    handle = _AsyncioThreadSafeHandle(callback, args, loop, context)
    if handle._source_traceback:
        # this function, and the handle's own __init__ where it has one
        del handle._source_traceback[-1 if _AsyncioThreadSafeHandle is events.Handle else -2 :]
    loop._add_callback(handle)
    loop._write_to_self()
    return handle


def call_at_debug(
    loop: Loop, context: Any, when: float, callback: Callable[..., object], *args: Any
) -> events.TimerHandle:
    """`Loop.call_at` in debug mode."""
    loop._check_thread()
    loop._check_callback(callback, "call_at")
    return _timer(loop, when, callback, args, context)


def watch_debug(loop: Loop, context: Any, fd: Any, callback: Callable[..., object], *args: Any) -> events.Handle:
    """The handle of `Loop.add_reader` and `Loop.add_writer` in debug mode."""
    handle = events.Handle(callback, args, loop, context)
    if handle._source_traceback:
        del handle._source_traceback[-1]
    return handle


def call_later_slow(
    loop: Loop, context: Any, delay: float, callback: Callable[..., object], *args: Any
) -> events.TimerHandle:
    """`Loop.call_later` in debug mode, and where the program has a `time` or a `call_at` of its own."""
    timer: Any = loop.call_at(loop.time() + delay, callback, *args, context=context)
    if timer._source_traceback:
        del timer._source_traceback[-1]
    return timer  # type: ignore[no-any-return]


def _timer(loop: Loop, when: float, callback: Any, args: Any, context: Any) -> events.TimerHandle:
    timer = TimerHandle(when, callback, args, loop, context)
    if timer._source_traceback:
        del timer._source_traceback[-2:]
    loop._add_timer(timer)
    return timer
