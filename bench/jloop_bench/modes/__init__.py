"""What is measured. Each module has `MODES`; a new mode is one more entry there."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from jloop_bench.modes import network, process, uvloop_own
from jloop_bench.modes.base import Figure, Mode, Setup

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ALL", "Figure", "Mode", "Setup", "select"]

ALL: tuple[Mode, ...] = (*process.MODES, *network.MODES, *uvloop_own.MODES)


def select(patterns: Sequence[str]) -> list[Mode]:
    """The modes whose name or group matches one of `patterns` (shell wildcards), in the order of `ALL`.

    Raises KeyError for a pattern that matches nothing.
    """
    for pattern in patterns:
        if not any(_matches(mode, pattern) for mode in ALL):
            raise KeyError(f"no mode {pattern!r}; `--list` shows them")
    return [mode for mode in ALL if any(_matches(mode, pattern) for pattern in patterns)]


def _matches(mode: Mode, pattern: str) -> bool:
    return fnmatchcase(mode.name, pattern) or fnmatchcase(mode.group, pattern)
