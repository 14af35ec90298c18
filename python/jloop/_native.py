"""Hands Python's classes to Java once, and Java installs its methods on them: the seam of the two languages."""

import asyncio
import atexit
import os
import threading
from typing import Any

from . import _jvm

__all__ = ["Roots", "load"]

_lock = threading.Lock()
_namespace: dict[str, Any] = {}


class Roots:
    """Shows the collector what Java holds of one loop; Java gives it its traverse function."""

    __slots__ = ("_unused",)


class _Hooks:
    """Carries the functions that Java wants to have called at the turns of a process's life."""

    begin_exit: Any
    after_fork: Any


def _fileno(fd: Any) -> int:
    """The descriptor of an int or of an object with `fileno()`; ValueError as asyncio's selector raises it."""
    if isinstance(fd, int):
        number = fd
    else:
        try:
            number = int(fd.fileno())
        except (AttributeError, TypeError, ValueError):
            raise ValueError(f"Invalid file object: {fd!r}") from None
    if number < 0:
        raise ValueError(f"Invalid file descriptor: {number}")
    return number


def _raise_os_error(errno: int) -> None:
    """Raise the OSError of an error number, of the subclass that fits."""
    raise OSError(errno, os.strerror(errno))


def load() -> None:
    """Start the JVM and let Java install its methods; does nothing if that has happened. Any thread.

    Raises `jloop.JVMError` if there is no usable JVM, RuntimeError if this CPython is not one that Java knows.
    """
    if _namespace:
        return
    with _lock:
        if _namespace:
            return
        from . import _handles, _loop, _transport

        namespace: dict[str, Any] = {
            "loop": _loop.Loop,
            "handle": _handles.Handle,
            "timer_handle": _handles.TimerHandle,
            "socket_transport": _transport.SocketTransport,
            "roots": Roots,
            "hooks": _Hooks,
            "asyncio_handle": asyncio.Handle,
            "asyncio_timer_handle": asyncio.TimerHandle,
            "asyncio_handle_cancel": asyncio.Handle.cancel,
            "asyncio_timer_handle_cancel": asyncio.TimerHandle.cancel,
            "run_debug": _handles.run_debug,
            "callback_failed": _handles.callback_failed,
            "call_soon_debug": _loop.call_soon_debug,
            "call_soon_threadsafe_debug": _loop.call_soon_threadsafe_debug,
            "call_later_debug": _loop.call_later_debug,
            "call_at_debug": _loop.call_at_debug,
            "write_slow": _transport.write_slow,
            "writelines_slow": _transport.writelines_slow,
            "transport_failed": _transport.transport_failed,
            "fileno": _fileno,
            "raise_os_error": _raise_os_error,
            "one_and_a_half": 1.5,
        }
        _jvm.start()
        _jvm.call_static("jloop/cpython/Bootstrap", "start", id(namespace))
        _namespace.update(namespace)
        # Java keeps the first dict's address: it must live as long as the process
        _namespace["namespace"] = namespace
        hooks = _Hooks()
        atexit.register(hooks.begin_exit)
        os.register_at_fork(after_in_child=hooks.after_fork)
