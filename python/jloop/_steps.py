"""The steps of asyncio's own methods, which a shorter way of ours must not pass over where a program replaced one."""

from __future__ import annotations

import operator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Steps"]


class Steps:
    """Methods of the loop's class by name, as they are when nobody has touched them."""

    def __init__(self, *names: str) -> None:
        self._names = names
        self._of = operator.attrgetter(*names)
        self._standard: Any = None

    def keep(self, loop_class: type) -> None:
        """Remember what they are now."""
        self._standard = self._of(loop_class)

    def are_replaced(self, loop: Any) -> bool:
        """Whether one of them is another now, in the loop's class, a subclass, or on the loop itself."""
        return self._of(type(loop)) != self._standard or not loop.__dict__.keys().isdisjoint(self._names)
