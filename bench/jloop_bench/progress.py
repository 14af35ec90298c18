"""What the terminal shows while it measures."""

from __future__ import annotations

import math
import shutil
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jloop_bench.modes.base import Figure

BAR = 20  # characters


class Progress:
    """One line that is rewritten on a terminal: share done, what runs, time left; results scroll above it.

    Elsewhere only the results are printed.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self.done = 0
        self.began = time.monotonic()
        self.live = sys.stderr.isatty()

    def begin(self, mode: str, round_: int, loop: str) -> None:
        """Say what runs now."""
        if self.live:
            filled = BAR * self.done // max(1, self.total)
            bar = "█" * filled + "░" * (BAR - filled)
            text = f"{bar} {self.done}/{self.total} {self._left()}  {mode}, round {round_ + 1}, {loop}"
            sys.stderr.write("\r\x1b[2K" + text[: shutil.get_terminal_size().columns - 1])
            sys.stderr.flush()

    def step(self, count: int = 1) -> None:
        """Some samples are done, or will never be."""
        self.done += count

    def say(self, text: str) -> None:
        """Print a line that stays."""
        if self.live:
            sys.stderr.write("\r\x1b[2K")
        print(text, file=sys.stderr, flush=True)

    def _left(self) -> str:
        if self.done == 0:
            return ""
        seconds = (time.monotonic() - self.began) / self.done * (self.total - self.done)
        return f"{seconds / 60:.0f} min left" if seconds > 90 else f"{seconds:.0f} s left"


def shown(value: float, figure: Figure, unit: bool = True) -> str:
    """A value as people read it: three digits, in the figure's unit."""
    if math.isnan(value):
        return "fails"
    scaled = value / figure.scale
    text = f"{scaled:,.0f}" if abs(scaled) >= 100 else f"{scaled:.1f}" if abs(scaled) >= 10 else f"{scaled:.2f}"
    return f"{text} {figure.unit}" if unit else text
