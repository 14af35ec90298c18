"""Lets `faulthandler` and HotSpot live in one process.

Both want SIGSEGV and its like, HotSpot for its ordinary work. Whenever `faulthandler` is switched on or off, HotSpot's
handlers are put back afterwards; a real crash still prints the Python traceback, because HotSpot ends the process by
`abort()` and SIGABRT stays with `faulthandler`.
"""

import faulthandler
import functools
import signal
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

# the signals by which HotSpot learns of null pointers, safepoints and divisions by zero
FAULTS = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGTRAP})


def guard(restore: Callable[[], None]) -> None:
    """Call `restore` after each `faulthandler.enable()` and `faulthandler.disable()` from now on."""
    faulthandler.enable = _followed_by(restore, faulthandler.enable)
    faulthandler.disable = _followed_by(restore, faulthandler.disable)


def _followed_by(then: Callable[[], None], function: Callable[P, R]) -> Callable[P, R]:
    @functools.wraps(function)
    def both(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        finally:
            then()

    return both
