"""The loop under test, named by the environment: children that a test starts find it too."""

import asyncio
import importlib
import os
import warnings
from typing import Any

NAME = os.environ.get("CONFORMANCE_LOOP", "jloop")

_StandardLoop: type[asyncio.AbstractEventLoop] = asyncio.SelectorEventLoop


def standard_policy() -> Any:
    """The policy class that `asyncio.new_event_loop()` goes through."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # from 3.14 on
        return asyncio.DefaultEventLoopPolicy


def new_event_loop() -> asyncio.AbstractEventLoop:
    """A new loop of the kind under test."""
    if NAME == "asyncio":
        return _StandardLoop()
    loop: asyncio.AbstractEventLoop = importlib.import_module(NAME).new_event_loop()
    return loop


def loop_class() -> Any:
    """The class of the loops under test."""
    return _StandardLoop if NAME == "asyncio" else importlib.import_module(NAME).Loop


def policy_class() -> Any:
    """The policy whose loops are under test."""
    return standard_policy() if NAME == "asyncio" else importlib.import_module(NAME).EventLoopPolicy


def run(main: Any, **options: Any) -> Any:
    """The `run` of the loop under test."""
    return (asyncio if NAME == "asyncio" else importlib.import_module(NAME)).run(main, **options)


class _LoopUnderTest(type):
    """Calls make a loop under test, whatever selector the test asks for; subclasses stay what they are."""

    def __call__(cls, *args: Any, **options: Any) -> Any:
        return new_event_loop() if cls is EventLoop else super().__call__(*args, **options)

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, loop_class()) if cls is EventLoop else super().__instancecheck__(instance)


class EventLoop(_StandardLoop, metaclass=_LoopUnderTest):  # type: ignore[misc, valid-type]
    """What `asyncio.SelectorEventLoop` and `asyncio.EventLoop` are while CPython's tests run."""


def take_over() -> None:
    """Lead every way to a default loop to the loop under test."""
    if NAME == "asyncio":
        return
    importlib.import_module(NAME)  # it may look for asyncio's own classes: these, still
    standard_policy()._loop_factory = staticmethod(new_event_loop)
    for name in ("SelectorEventLoop", "EventLoop"):  # the latter came with 3.13
        if hasattr(asyncio, name):
            setattr(asyncio, name, EventLoop)
