"""A drop-in asyncio event loop for CPython, written in Java.

>>> import jloop
>>> async def main():
...     ...
>>> jloop.run(main())

Importing the package starts nothing; the first loop starts the JVM.
"""

from __future__ import annotations

from . import _modules as _modules  # first: it brings the others back where they were imported before
from ._errors import JVMError
from ._runner import new_event_loop, run
from ._version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._loop import Loop as Loop
    from ._policy import EventLoopPolicy as EventLoopPolicy
    from ._policy import install as install

__all__ = ("EventLoopPolicy", "JVMError", "Loop", "__version__", "install", "new_event_loop", "run")

# `Loop` needs the JVM only when it is made, and policies are deprecated in newer Pythons: each is loaded on first use.
_LAZY = {"Loop": "_loop", "EventLoopPolicy": "_policy", "install": "_policy"}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    _modules.restore()
    value = getattr(import_module(f".{_LAZY[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
