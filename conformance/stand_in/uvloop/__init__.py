"""Stands for uvloop in its own tests: the loops are those under test, and the tests' helpers are uvloop's.

It is on the path of child processes too: some tests start programs that import uvloop.
"""

import asyncio
import os
from typing import Any

from jloop_conformance import target

__version__ = "0.23.0"
__path__.append(os.path.join(os.environ["CONFORMANCE_SDIST"], "uvloop"))  # for uvloop._testbase

new_event_loop = target.new_event_loop
EventLoopPolicy = target.policy_class()
Loop = target.loop_class()


def install() -> None:
    asyncio.set_event_loop_policy(EventLoopPolicy())


def run(main: Any, **options: Any) -> Any:
    return target.run(main, **options)
