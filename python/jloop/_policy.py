"""Event loop policies, for Pythons and programs that use them."""

import asyncio
import sys
import warnings

from ._runner import new_event_loop

__all__ = ["EventLoopPolicy", "install", "set_event_loop_policy"]

if sys.version_info >= (3, 14):
    # the public names warn that policies are on their way out
    from asyncio.events import _set_event_loop_policy as set_event_loop_policy
    from asyncio.unix_events import _DefaultEventLoopPolicy as DefaultEventLoopPolicy
else:
    from asyncio import DefaultEventLoopPolicy, set_event_loop_policy


class EventLoopPolicy(DefaultEventLoopPolicy):
    """Asyncio's own policy, except that the loops are jloop's.

    >>> asyncio.set_event_loop_policy(jloop.EventLoopPolicy())
    """

    @staticmethod
    def _loop_factory() -> asyncio.AbstractEventLoop:
        return new_event_loop()


def install() -> None:
    """Make every loop that asyncio makes from now on, `asyncio.run` included, a jloop.

    Deprecated from Python 3.12 on, where policies are on their way out: use `jloop.run`.
    """
    if sys.version_info >= (3, 12):
        warnings.warn(
            "jloop.install() is deprecated in favor of jloop.run() starting with Python 3.12.",
            DeprecationWarning,
            stacklevel=2,
        )
    set_event_loop_policy(EventLoopPolicy())
