"""Everything one run measured, and its file.

The file is JSON: `machine`, `environment`, `settings`, `started`; `modes`, by name, with title and figures; `values`, by
mode, loop and figure a list with one number per round (null where a round failed); `failures`, by mode and loop.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jloop_bench import stats
from jloop_bench.modes.base import Figure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jloop_bench.modes.base import Mode

FORMAT = 1
FOLDERS = re.compile(r"(?<![\w.])/(?:[\w.+@-]+/)+")  # in messages: nobody else has the same
DIGITS = 6  # significant; more would be noise


@dataclass(frozen=True)
class ModeInfo:
    """What a report needs to know of a mode."""

    name: str
    group: str
    title: str
    figures: tuple[Figure, ...]

    @property
    def main(self) -> Figure:
        """The figure that the mode is about."""
        return self.figures[0]


@dataclass
class Results:
    """One run. `loops` are in the order of reports."""

    loops: list[str]
    machine: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    started: str = ""
    modes: dict[str, ModeInfo] = field(default_factory=dict)
    failures: dict[str, dict[str, str]] = field(default_factory=dict)
    _values: dict[str, dict[str, dict[str, list[float | None]]]] = field(default_factory=dict)

    def add_mode(self, mode: Mode) -> None:
        """Enter a mode, before its samples."""
        self.modes[mode.name] = ModeInfo(mode.name, mode.group, mode.title, mode.figures)

    def put_in_order(self, names: Sequence[str]) -> None:
        """Let modes stand in the order of `names`, those that are not among them last; a resumed run adds some late."""
        position = {name: place for place, name in enumerate(names)}

        def by_position(entry: tuple[str, Any]) -> int:
            return position.get(entry[0], len(position))

        self.modes = dict(sorted(self.modes.items(), key=by_position))
        self._values = dict(sorted(self._values.items(), key=by_position))
        self.failures = dict(sorted(self.failures.items(), key=by_position))

    def add(self, mode: str, loop: str, round_: int, sample: dict[str, float]) -> None:
        """Enter one sample; `round_` counts from 0."""
        figures = self._values.setdefault(mode, {}).setdefault(loop, {})
        for key, value in sample.items():
            column = figures.setdefault(key, [])
            column += [None] * (round_ + 1 - len(column))
            column[round_] = float(f"{value:.{DIGITS}g}")

    def fail(self, mode: str, loop: str, message: str) -> None:
        """Enter that `loop` cannot do `mode`."""
        self.failures.setdefault(mode, {})[loop] = FOLDERS.sub("…/", " ".join(message.split()))

    def rounds(self, mode: str, loop: str, key: str) -> dict[int, float]:
        """The values of one figure by round; those there are."""
        column = self._values.get(mode, {}).get(loop, {}).get(key, [])
        return {round_: value for round_, value in enumerate(column) if value is not None}

    def rounds_taken(self, mode: str) -> int:
        """In how many rounds a mode was measured; 0 if it was not."""
        by_loop = self._values.get(mode, {}).values()
        return max((len(column) for figures in by_loop for column in figures.values()), default=0)

    def summary(self, mode: str, loop: str, key: str) -> stats.Summary | None:
        """Median and spread of one figure; None if it was not measured."""
        values = list(self.rounds(mode, loop, key).values())
        return stats.summarise(values) if values else None

    def load_was_limit(self, mode: str, loop: str) -> bool:
        """Whether the load generator was busy all the time while the server was not."""
        load = self.summary(mode, loop, "load_share")
        server = self.summary(mode, loop, "server_share")
        return bool(load and server and load.median > 0.95 and server.median < 0.9)

    def save(self, path: Path) -> None:
        """Write the file."""
        data = {
            "format": FORMAT,
            "started": self.started,
            "machine": self.machine,
            "environment": self.environment,
            "settings": self.settings,
            "loops": self.loops,
            "modes": {
                mode.name: {"group": mode.group, "title": mode.title, "figures": [list(f) for f in mode.figures]}
                for mode in self.modes.values()
            },
            "failures": self.failures,
        }
        # One line per loop and mode keeps the file small and its changes readable.
        head = json.dumps(data, indent=1)[:-2]
        lines = [
            f'  "{mode}": {{\n'
            + ",\n".join(f'   "{loop}": {json.dumps(figures)}' for loop, figures in by_loop.items())
            + "\n  }"
            for mode, by_loop in self._values.items()
        ]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(head + ',\n "values": {\n' + ",\n".join(lines) + "\n }\n}\n")

    @classmethod
    def read(cls, path: Path) -> Results:
        """Read a file that `save` wrote. Raises ValueError if it is of another format."""
        data = json.loads(path.read_text())
        if data.get("format") != FORMAT:
            raise ValueError(f"{path} is not of format {FORMAT}")
        modes = {
            name: ModeInfo(name, mode["group"], mode["title"], tuple(Figure(*figure) for figure in mode["figures"]))
            for name, mode in data["modes"].items()
        }
        return cls(
            loops=data["loops"],
            machine=data["machine"],
            environment=data["environment"],
            settings=data["settings"],
            started=data["started"],
            modes=modes,
            failures=data["failures"],
            _values=data["values"],
        )
