"""Makes loops and runs coroutines on them."""

from __future__ import annotations

import asyncio
import sys
import warnings
from collections.abc import Callable, Coroutine

from . import _modules, _platform

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeVar

    T = TypeVar("T")

# taken now: `python -m jloop` puts another in its place
StandardLoop = asyncio.SelectorEventLoop


def new_event_loop() -> asyncio.AbstractEventLoop:
    """A new `jloop.Loop`; the first one in a process starts the JVM.

    In a process forked from one whose JVM runs it is the standard library's loop, with one RuntimeWarning.
    Raises JVMError if there is no usable JVM, RuntimeError on a platform or build that is not supported.
    """
    _platform.require()
    _modules.restore()
    from . import _jvm

    if _jvm.forked():
        return _forked_loop()
    from . import _native
    from ._loop import Loop

    _native.load()  # where that fails, no half-made loop is left to complain at its end
    return Loop()


def run(
    main: Coroutine[Any, Any, T],
    *,
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = new_event_loop,
    debug: bool | None = None,
    **run_kwargs: Any,
) -> T:
    """Run the coroutine on a new loop, then close the loop, as `asyncio.run` does; returns its result.

    `loop_factory` makes the loop, which must be a `jloop.Loop` (None: what asyncio makes). `run_kwargs` go to
    `asyncio.run` (from 3.12 on) or `asyncio.Runner` (3.11). Raises RuntimeError inside a running loop, TypeError
    for a loop of another kind, and what `asyncio.run` raises if `main` is not a coroutine.
    """
    if asyncio._get_running_loop() is not None:
        raise RuntimeError("jloop.run() cannot be called from a running event loop")
    factory = _only_jloop(loop_factory or asyncio.new_event_loop)
    if sys.version_info >= (3, 12):
        return asyncio.run(main, loop_factory=factory, debug=debug, **run_kwargs)
    if not asyncio.iscoroutine(main):
        raise ValueError(f"a coroutine was expected, got {main!r}")
    if sys.version_info >= (3, 11):
        with asyncio.Runner(loop_factory=factory, debug=debug, **run_kwargs) as runner:
            return runner.run(main)
    if run_kwargs:
        raise TypeError(f"jloop.run() got unexpected keyword arguments: {', '.join(run_kwargs)}")
    return _run(main, factory, debug)


def _only_jloop(factory: Callable[[], asyncio.AbstractEventLoop]) -> Callable[[], asyncio.AbstractEventLoop]:
    """The factory, whose loops are checked: who calls `jloop.run` means to run on jloop."""

    def checked() -> asyncio.AbstractEventLoop:
        _modules.restore()
        from . import _jvm
        from ._loop import Loop

        loop = factory()
        if not isinstance(loop, Loop) and not _jvm.forked():
            loop.close()
            raise TypeError(f"jloop.run() uses a non-jloop event loop: {loop!r}")
        return loop

    return checked


def _run(main: Coroutine[Any, Any, T], loop_factory: Callable[[], asyncio.AbstractEventLoop], debug: bool | None) -> T:
    """What `asyncio.run` of Python 3.10 does, with a loop of our choice."""
    loop = loop_factory()
    try:
        asyncio.set_event_loop(loop)
        if debug is not None:
            loop.set_debug(debug)
        return loop.run_until_complete(main)
    finally:
        try:
            _cancel_all_tasks(loop)
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
        finally:
            asyncio.set_event_loop(None)
            loop.close()


def _cancel_all_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel what is left, wait for it, and report what failed instead of being cancelled."""
    tasks = asyncio.all_tasks(loop)
    if not tasks:
        return
    for task in tasks:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
    for task in tasks:
        if not task.cancelled() and task.exception() is not None:
            loop.call_exception_handler(
                {
                    "message": "unhandled exception during jloop.run() shutdown",
                    "exception": task.exception(),
                    "task": task,
                }
            )


_warned_of_fork = False


def _forked_loop() -> asyncio.AbstractEventLoop:
    """The standard library's loop, for a process that was forked from one whose JVM runs."""
    global _warned_of_fork
    if not _warned_of_fork:
        _warned_of_fork = True
        warnings.warn(
            "this process was forked from one that runs jloop; its JVM did not come along, so asyncio's own loop is "
            "used here. To use jloop in forked processes, make no loop before the fork, or start them with 'spawn'.",
            RuntimeWarning,
            stacklevel=3,
        )
    return StandardLoop()
