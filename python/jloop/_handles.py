"""The handles that Java fills, and what asyncio does with handles that is too rare for Java."""

import asyncio
import inspect
from asyncio import events, format_helpers
from asyncio.log import logger
from typing import Any

_SOURCE_TAKES_DEBUG = "debug" in inspect.signature(format_helpers._format_callback_source).parameters


class Handle(asyncio.Handle):
    """A callback that `call_soon` scheduled: an `asyncio.Handle`, made and recycled by Java."""

    __slots__ = ()


class TimerHandle(asyncio.TimerHandle):
    """A callback that `call_later` or `call_at` scheduled: an `asyncio.TimerHandle`, made and recycled by Java."""

    __slots__ = ()


# Programs see asyncio's names, in repr() too.
for _cls, _base in ((Handle, events.Handle), (TimerHandle, events.TimerHandle)):
    _cls.__qualname__ = _cls.__name__ = _base.__name__


def callback_failed(handle: Any, exception: BaseException) -> None:
    """Give an exception out of a callback to the loop's exception handler, as `asyncio.Handle._run` does."""
    loop = handle._loop
    keywords = {"debug": loop.get_debug()} if _SOURCE_TAKES_DEBUG else {}
    source = format_helpers._format_callback_source(handle._callback, handle._args, **keywords)
    context = {"message": f"Exception in callback {source}", "exception": exception, "handle": handle}
    if handle._source_traceback:
        context["source_traceback"] = handle._source_traceback
    loop.call_exception_handler(context)


def run_debug(loop: Any, handle: Any) -> None:
    """Run a handle in debug mode: a callback slower than `loop.slow_callback_duration` seconds is logged."""
    from asyncio.base_events import _format_handle

    try:
        loop._current_handle = handle
        start = loop.time()
        handle._run()
        duration = loop.time() - start
        if duration >= loop.slow_callback_duration:
            logger.warning("Executing %s took %.3f seconds", _format_handle(handle), duration)
    finally:
        loop._current_handle = None
        handle = None  # a traceback keeps this frame, and must not keep the handle
