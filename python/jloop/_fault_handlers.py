"""Lets `faulthandler` and HotSpot live in one process, where CPython's calls of `sigaction` cannot be led elsewhere.

Both want SIGSEGV and its like, HotSpot for its ordinary work: it must come first. So whenever `faulthandler` is
switched on or off, HotSpot's handlers are put back. A real crash prints the Python traceback all the same: HotSpot
calls the handlers it found when it started, and where `faulthandler` was switched on later, it gets the SIGABRT by
which HotSpot ends the process. `_jvm._keep_fault_handlers` is the better way: it sees `enable` under any name, too.
"""

from __future__ import annotations

import faulthandler
import functools
from collections.abc import Callable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import ParamSpec, TypeVar

    P = ParamSpec("P")
    R = TypeVar("R")


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
