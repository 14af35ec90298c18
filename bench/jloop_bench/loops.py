"""The loops that take part. Imported by the processes under test too, so it imports next to nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable, Iterable


class LoopSpec(NamedTuple):
    """One event loop.

    `setup` is Python source that defines `new_event_loop`; the start-up benchmark runs it as it stands. `packages` are
    the distributions it needs. `rival` tells whether it counts when jloop is compared with the best rival. `bound` is
    set where it is no event loop of Python's at all but a program of `bench/bounds`, measured to know what is possible.
    `prepare` are arguments to Python, run once before anything is measured.
    """

    name: str
    setup: str
    packages: tuple[str, ...] = ()
    rival: bool = True
    bound: str = ""
    prepare: tuple[str, ...] = ()


LOOPS = (
    LoopSpec("asyncio", "from asyncio import new_event_loop"),
    LoopSpec("uvloop", "from uvloop import new_event_loop", ("uvloop",)),
    LoopSpec(
        "uvloop+aiofastnet",
        "import aiofastnet, uvloop\nnew_event_loop = aiofastnet.loop_factory(uvloop.new_event_loop)",
        ("uvloop", "aiofastnet"),
    ),
    LoopSpec("zloop", "from zloop import new_event_loop", ("zloop",)),
    LoopSpec("zuvloop", "from zuvloop import new_event_loop", ("zuvloop",)),
    LoopSpec("rloop", "from rloop import new_event_loop", ("rloop",)),
    LoopSpec(
        "jloop",
        "from jloop import new_event_loop",
        ("jloop",),
        rival=False,
        # Left to itself, jloop makes its start-up cache in the background of whatever runs first.
        prepare=("-m", "jloop", "cache", "--build"),
    ),
)

BOUNDS = (
    LoopSpec("C epoll", "", rival=False, bound="echo.c"),
    LoopSpec("Go", "", rival=False, bound="echo.go"),
    LoopSpec("Node", "", rival=False, bound="echo.js"),
)


def find(name: str) -> LoopSpec:
    """The loop called `name`, or any other given as `module:factory`. Raises KeyError if it is neither."""
    for loop in LOOPS + BOUNDS:
        if loop.name == name:
            return loop
    module, colon, factory = name.partition(":")
    if not colon:
        raise KeyError(
            f"no loop {name!r}; there are {', '.join(loop.name for loop in LOOPS + BOUNDS)}, or MODULE:FACTORY"
        )
    return LoopSpec(name, f"from {module} import {factory} as new_event_loop")


def is_bound(name: str) -> bool:
    """Whether `name` is that of a bound."""
    return any(bound.name == name for bound in BOUNDS)


def is_rival(name: str) -> bool:
    """Whether `name` is that of a loop which jloop is compared with."""
    return any(loop.name == name and loop.rival for loop in LOOPS)


def installed(packages: Iterable[str]) -> tuple[LoopSpec, ...]:
    """The loops whose distributions are all among `packages`."""
    have = set(packages)
    return tuple(loop for loop in LOOPS if have.issuperset(loop.packages))


def factory(name: str) -> Callable[[], AbstractEventLoop]:
    """The function that makes the loop called `name`; imports its package."""
    namespace: dict[str, object] = {}
    exec(find(name).setup, namespace)
    return cast("Callable[[], AbstractEventLoop]", namespace["new_event_loop"])
