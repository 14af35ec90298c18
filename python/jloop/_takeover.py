"""Makes asyncio itself use jloop, for programs that know nothing of it."""

import asyncio
import sys
from typing import Any

from ._policy import EventLoopPolicy, set_event_loop_policy
from ._runner import StandardLoop, new_event_loop


class _AnySelectorLoop(type):
    def __instancecheck__(cls, instance: object) -> bool:
        if cls is _DefaultEventLoop:
            return isinstance(instance, StandardLoop)
        return super().__instancecheck__(instance)


class _DefaultEventLoop(StandardLoop, metaclass=_AnySelectorLoop):
    """Stands for `asyncio.SelectorEventLoop` and `asyncio.EventLoop`: calling it makes a jloop.

    A subclass of it, and a loop made with a selector of the program's own, stay the standard library's.
    """

    def __new__(cls, selector: Any = None) -> Any:
        if cls is not _DefaultEventLoop:
            return super().__new__(cls)
        return new_event_loop() if selector is None else StandardLoop(selector)


def take_over() -> None:
    """From now on every way to a default loop leads to jloop: asyncio's functions and classes, and `import uvloop`."""
    set_event_loop_policy(EventLoopPolicy())
    for module in (asyncio, asyncio.unix_events):
        for name in ("SelectorEventLoop", "EventLoop"):
            if hasattr(module, name):
                setattr(module, name, _DefaultEventLoop)
    # servers take uvloop where they find it; jloop offers the same names
    sys.modules["uvloop"] = sys.modules["jloop"]
