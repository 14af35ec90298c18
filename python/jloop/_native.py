"""Hands Python's classes to Java once, and Java installs its methods on them: the seam of the two languages."""

from __future__ import annotations

import asyncio
import atexit
import os
import socket
import sys
import threading
import types
from asyncio import streams
from collections.abc import Callable

from . import _hotspot, _interposition, _jvm, _modules, _platform

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Roots", "file_number", "fileno", "load", "load_datagrams"]

_lock = threading.Lock()
_namespace: dict[str, Any] = {}
_datagrams_loaded = False


class Roots:
    """Shows the collector what Java holds of one loop; Java gives it its traverse function."""

    __slots__ = ("_unused",)


class _Hooks:
    """Carries what Java offers for the turns of a process's life."""

    fork_word: int
    prepare_fork: Any
    begin_exit: Any
    install_datagrams: Any


class _Overlap:
    """What several threads want for a while: begun by the first that enters, and ended by the last that leaves."""

    def __init__(self, begin: Callable[[], None], end: Callable[[], None]) -> None:
        self._begin = begin
        self._end = end
        self._inside = 0
        self._lock = threading.RLock()  # a signal handler may come and leave while its thread holds it

    def enter(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._begin()

    def leave(self) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._end()


# Threads may fork at the same moment.
_slots_left = _Overlap(_jvm.leave_type_slots, _jvm.take_type_slots_again)
_compiler_stopped = _Overlap(_hotspot.stop_compiling, _hotspot.go_on)

# What a forked child may call on objects that its parent made, and gets this answer. The engine's descriptors are
# the parent's too: taking one off the shared epoll would take it off the parent's.
_HARMLESS_AFTER_FORK: dict[str, Any] = {
    "_block_sends": None,
    "_block_writes": None,
    "_close_channel": None,
    "_close_engine": None,
    "_discard_sends": None,
    "_discard_writes": None,
    "_is_polling": False,
    "_look_for_replaced_methods": None,
    "_open_transports": (),
    "_remove_reader": False,
    "_remove_writer": False,
    "_set_buffered": None,
    "_set_engine_debug": None,
    "_set_engine_task_factory": None,
    "_set_high_water": None,
    "_stop_reading": None,
    "_stop_waiting": None,
    "_timer_handle_cancelled": None,
    "_transport_of": None,
    "_write_to_self": None,
    "get_write_buffer_size": 0,
}


# What asyncio's own methods do there, below Java's.
_INHERITED_AFTER_FORK = frozenset(("cancel", "cancelled", "create_future", "create_task"))


def _leave_java(namespace: dict[str, Any]) -> None:
    """Cut every way into Java, in a forked child: the JVM's threads are in the parent only.

    Even entering it could hang, where the thread that forked was not known to the JVM. A loop that runs is told by a
    word of memory, and leaves as soon as the callback that forked returns.
    """
    _hotspot.ask_for_nothing()
    _jvm.write_long(_Hooks.fork_word, 1)
    for cls in [value for value in namespace.values() if isinstance(value, type)]:
        for name, method in list(vars(cls).items()) if cls.__module__.startswith("jloop.") else ():
            if not isinstance(method, types.MethodDescriptorType):
                continue
            if name in _INHERITED_AFTER_FORK:
                delattr(cls, name)
            else:
                setattr(cls, name, _method_after_fork(name))
    namespace["loop"]._leave_wakeup_fd()


def _method_after_fork(name: str) -> Any:
    if name in _HARMLESS_AFTER_FORK:
        answer = _HARMLESS_AFTER_FORK[name]
        return lambda self, *args: answer

    def refuse(self: Any, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(
            f"{type(self).__name__}.{name}: this object was made before the process was forked, and the JVM that "
            "drives it is in the parent; make a new loop here"
        )

    return refuse


def fileno(fd: Any) -> int:
    """The descriptor of an int or of an object with `fileno()`; ValueError as asyncio's selector raises it."""
    number = file_number(fd)
    if number < 0:
        raise ValueError(f"Invalid file descriptor: {number}")
    return number


def file_number(fd: Any) -> int:
    """As `fileno`; of a closed socket it is -1."""
    if isinstance(fd, int):
        return fd
    try:
        return int(fd.fileno())
    except (AttributeError, TypeError, ValueError):
        raise ValueError(f"Invalid file object: {fd!r}") from None


def _raise_os_error(errno: int) -> None:
    """Raise the OSError of an error number, of the subclass that fits."""
    raise OSError(errno, os.strerror(errno))


def _leave_room(unused: None) -> None:
    """A thread without a loop calls one."""
    _jvm.leave_room_for_java()


def _asyncio_function(function: Any) -> Any:
    """A method of asyncio's streams, None if it is not the one that asyncio defined."""
    return function if getattr(function, "__globals__", None) is vars(streams) else None


def _probe_socket() -> socket.socket | None:
    """A socket with values that Java knows, to find out where they are; None where the system gives none."""
    try:
        probe = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    except OSError:
        return None
    probe.settimeout(1.5)
    return probe


def load() -> None:
    """Start the JVM and let Java install its methods; does nothing if that has happened. Any thread.

    Raises `jloop.JVMError` if there is no usable JVM, RuntimeError if this CPython is not one that Java knows.
    """
    if _namespace:
        return
    with _lock:
        if _namespace:
            return
        _platform.require()
        from . import _handles, _loop, _transport

        namespace: dict[str, Any] = {
            "loop": _loop.Loop,
            "handle": _handles.Handle,
            "timer_handle": _handles.TimerHandle,
            "thread_safe_handle": _handles.ThreadSafeHandle,
            "socket_transport": _transport.SocketTransport,
            "roots": Roots,
            "hooks": _Hooks,
            "asyncio_handle": asyncio.Handle,
            "asyncio_timer_handle": asyncio.TimerHandle,
            "asyncio_thread_safe_handle": _handles._AsyncioThreadSafeHandle,
            "asyncio_handle_cancel": asyncio.Handle.cancel,
            "asyncio_timer_handle_cancel": asyncio.TimerHandle.cancel,
            "run_debug": _handles.run_debug,
            "event_ran": _handles.event_ran,
            "callback_failed": _handles.callback_failed,
            "callback_ended": _handles.callback_ended,
            "await_callback": _handles.await_callback,
            "call_soon_debug": _loop.call_soon_debug,
            "call_soon_threadsafe_debug": _loop.call_soon_threadsafe_debug,
            "watch_debug": _loop.watch_debug,
            "call_later_slow": _loop.call_later_slow,
            "call_at_debug": _loop.call_at_debug,
            "write_slow": _transport.write_slow,
            "writelines_slow": _transport.writelines_slow,
            "transport_failed": _transport.transport_failed,
            "fileno": fileno,
            "raise_os_error": _raise_os_error,
            "tasks_globals": vars(asyncio.tasks),
            "task_in_c": getattr(asyncio.tasks, "_CTask", None),
            "future_in_c": getattr(asyncio.futures, "_CFuture", None),
            "futures_globals": vars(asyncio.futures),
            "leave_room": _leave_room if _jvm.stack_counts() else None,
            "tasks_take_keywords": sys.version_info >= (3, 13, 3),
            "create_task_slow": _loop.create_task_slow,
            "one_and_a_half": 1.5,
            "minus_one_and_a_half": -1.5,
            "stream_reader": streams.StreamReader,
            "stream_reader_protocol": streams.StreamReaderProtocol,
            "stream_data_received": _asyncio_function(streams.StreamReaderProtocol.data_received),
            "stream_feed_data": _asyncio_function(streams.StreamReader.feed_data),
            "stream_wakeup_waiter": _asyncio_function(streams.StreamReader._wakeup_waiter),  # type: ignore[attr-defined]
            "socket": socket.socket,
            "probe_socket": _probe_socket(),
        }
        _jvm.start()
        for cls in (_handles.Handle, _handles.TimerHandle, _handles.ThreadSafeHandle, Roots):
            _jvm.remember_type_slots(cls)
        _jvm.call_static("jloop.cpython.Bootstrap", "start", id(namespace))
        _jvm.keep_descriptors_private()
        if namespace["probe_socket"] is not None:
            namespace["probe_socket"].close()
        _namespace.update(namespace)
        # Java keeps the first dict's address: it must live as long as the process
        _namespace["namespace"] = namespace
        _modules.keep()
        atexit.register(_begin_exit)
        os.register_at_fork(
            before=_prepare_fork, after_in_parent=_end_fork, after_in_child=lambda: _leave_java(namespace)
        )


def load_datagrams() -> None:
    """Let Java install the methods of datagram transports; does nothing if that has happened. Any thread.

    `load` has been called. Apart from it, since most programs have no datagrams and all wait for their start.
    """
    global _datagrams_loaded
    with _lock:
        if not _datagrams_loaded:
            from . import _datagram

            namespace = _namespace["namespace"]
            namespace["sendto_slow"] = _datagram.sendto_slow
            namespace["datagram_header_size"] = _datagram.HEADER_SIZE
            namespace["datagram_sends_empty"] = _datagram.SENDS_EMPTY
            namespace["datagram_transport"] = _datagram.DatagramTransport
            _Hooks().install_datagrams()
            _jvm.keep_descriptors_private()
            _datagrams_loaded = True
            _modules.keep()


def _prepare_fork() -> None:
    """Make ready for a child that has to leave the running loop: load what it needs for that, and no thread works."""
    if _jvm.forked():
        return
    _slots_left.enter()
    if _runs_here():
        _Hooks().prepare_fork()
        _compiler_stopped.enter()
        _hotspot.wait_for_rest()


def _end_fork() -> None:
    """In the parent."""
    if _jvm.forked():
        return
    if _runs_here():
        _compiler_stopped.leave()
    _slots_left.leave()


def _runs_here() -> bool:
    return isinstance(asyncio._get_running_loop(), _namespace["loop"])


def _begin_exit() -> None:
    """Tell Java that the interpreter ends: from now on it takes part in no destructor.

    Daemon threads that run callbacks then must not end, see Java's `Finalization`; from 3.14 on CPython lets them wait.
    """
    if not _jvm.forked():
        park = sys.version_info < (3, 14) and len(sys._current_frames()) > 1
        parking_place = _Hooks().begin_exit(park)
        if park:
            _interposition.exchange("pthread_exit", parking_place)
