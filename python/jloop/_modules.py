"""Keeps jloop's modules as long as the process lives, as the JVM does, which knows their classes and starts once.

Some programs take modules out of `sys.modules` and import them anew: pytest's `pytester` does between its runs.
"""

import sys
from types import ModuleType

_KEPT = "_jloop_modules"  # of `sys`, which nobody takes out


def keep() -> None:
    """From now on these modules are those of this process."""
    modules = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == __package__}
    setattr(sys, _KEPT, modules)


def restore() -> None:
    """Put those back that are missing; the package itself may be a new one."""
    kept: dict[str, ModuleType] = getattr(sys, _KEPT, {})
    for name, module in kept.items():
        sys.modules.setdefault(name, module)


restore()
