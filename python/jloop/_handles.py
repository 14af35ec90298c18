"""The handles that Java fills, and what asyncio does with handles that is too rare for Java."""

from __future__ import annotations

import asyncio
import inspect
import threading
from asyncio import base_events, events, format_helpers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Java asks whether the callback runs before the wait begins: seconds after which it is asked again.
_LONGEST_WAIT = 0.05
_SOURCE_TAKES_DEBUG = "debug" in inspect.signature(format_helpers._format_callback_source).parameters


class Handle(asyncio.Handle):
    """A callback that `call_soon` scheduled: an `asyncio.Handle`, made and recycled by Java."""

    __slots__ = ()


class TimerHandle(asyncio.TimerHandle):
    """A callback that `call_later` or `call_at` scheduled: an `asyncio.TimerHandle`, made and recycled by Java."""

    __slots__ = ()


# From 3.14 on, `call_soon_threadsafe` returns handles of which another thread may ask whether they are cancelled, and
# cancel them, while they run: it waits for their end. asyncio has a lock in each; here Java knows what runs.
_AsyncioThreadSafeHandle: Any = getattr(events, "_ThreadSafeHandle", asyncio.Handle)

if _AsyncioThreadSafeHandle is asyncio.Handle:
    ThreadSafeHandle: Any = Handle
else:

    class ThreadSafeHandle(_AsyncioThreadSafeHandle):  # type: ignore[no-redef]
        """A callback that `call_soon_threadsafe` scheduled, made and recycled by Java."""

        __slots__ = ()

        _run = asyncio.Handle._run  # debug mode may be on by then: Java's handles have no lock to take


# Programs see asyncio's names, in repr() too.
for _cls in (Handle, TimerHandle, ThreadSafeHandle):
    _cls.__qualname__ = _cls.__name__ = _cls.__mro__[1].__name__


_ended = threading.Condition()


def await_callback(loop: Any) -> None:
    """Wait until the callback that `loop` runs on another thread may have ended."""
    with _ended:
        _ended.wait(_LONGEST_WAIT)


def callback_ended(loop: Any) -> None:
    """A callback that another thread waits for has ended."""
    with _ended:
        _ended.notify_all()


def callback_failed(handle: Any, exception: BaseException) -> None:
    """Give an exception out of a callback to the loop's exception handler, as `asyncio.Handle._run` does."""
    loop = handle._loop
    keywords = {"debug": loop.get_debug()} if _SOURCE_TAKES_DEBUG else {}
    source = format_helpers._format_callback_source(handle._callback, handle._args, **keywords)
    context = {"message": f"Exception in callback {source}", "exception": exception, "handle": handle}
    if handle._source_traceback:
        context["source_traceback"] = handle._source_traceback
    loop.call_exception_handler(context)


def event_ran(loop: Any, transport: Any, write: bool, nanoseconds: int) -> None:
    """A transport has read or written in debug mode: logged as `run_debug` logs asyncio's handle for that."""
    duration = nanoseconds * 1e-9
    if duration >= loop.slow_callback_duration:
        name = f"{type(transport).__qualname__}.{'_write_ready' if write else '_read_ready'}"
        base_events.logger.warning("Executing <Handle %s()> took %.3f seconds", name, duration)


def run_debug(loop: Any, handle: Any) -> None:
    """Run a handle in debug mode: a callback slower than `loop.slow_callback_duration` seconds is logged."""
    from asyncio.base_events import _format_handle

    try:
        loop._current_handle = handle
        start = loop.time()
        handle._run()
        duration = loop.time() - start
        if duration >= loop.slow_callback_duration:
            base_events.logger.warning("Executing %s took %.3f seconds", _format_handle(handle), duration)
    finally:
        loop._current_handle = None
        handle = None  # a traceback keeps this frame, and must not keep the handle
