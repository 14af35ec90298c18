"""Reads `left_out.txt`: the tests that are left out, and why."""

import fnmatch
import operator
import re
from dataclasses import dataclass
from pathlib import Path

PATH = Path(__file__).parent.parent / "left_out.txt"

KINDS = {
    "libuv": "tests libuv, Cython or uvloop's own interface",
    "private": "tests a private detail of asyncio's own loop",
    "asyncio": "fails on asyncio's own loop too",
    "as asyncio": "runs, and expects what uvloop's tests expect of asyncio",
}
_COMPARISONS = {"<": operator.lt, ">=": operator.ge}


@dataclass(frozen=True)
class Entry:
    """One line: `PATTERN | CONDITIONS | KIND: REASON`."""

    pattern: str
    kind: str
    reason: str

    def matches(self, test: str) -> bool:
        """Whether this is about the test, its class or its module: `suite/module.Class.test`."""
        module, _, rest = test.partition(".")
        names = (module, module + "." + rest.partition(".")[0], test)
        return any(fnmatch.fnmatchcase(name, self.pattern) for name in names)


class LeftOut:
    """The entries that hold here."""

    def __init__(self, text: str, version: tuple[int, ...], debug: bool) -> None:
        self.entries = []
        for line in text.splitlines():
            if not line.strip() or line.startswith("#"):
                continue
            pattern, conditions, why = (part.strip() for part in line.split("|", 2))
            kind, _, reason = why.partition(": ")
            if kind not in KINDS or not reason:
                raise ValueError(f"{PATH.name}: a reason is one of {', '.join(KINDS)}, and tells: {line}")
            if all(_holds(word, version, debug) for word in conditions.split()):
                self.entries.append(Entry(pattern, kind, reason))

    def find(self, test: str) -> Entry | None:
        """The entry that leaves this test (class, module) out."""
        return next((entry for entry in self.entries if entry.kind != "as asyncio" and entry.matches(test)), None)

    def as_asyncio(self, test: str) -> bool:
        """Whether this test of uvloop's is to expect what it expects of asyncio."""
        return any(entry.kind == "as asyncio" and entry.matches(test) for entry in self.entries)


def _holds(word: str, version: tuple[int, ...], debug: bool) -> bool:
    """`always`, `debug`, `py<3.12`, `py>=3.13.3`."""
    if word in ("always", "debug"):
        return word == "always" or debug
    match = re.fullmatch(r"py(<|>=)([0-9.]+)", word)
    if not match:
        raise ValueError(f"{PATH.name}: not a condition: {word}")
    return bool(_COMPARISONS[match[1]](version, tuple(int(part) for part in match[2].split("."))))
