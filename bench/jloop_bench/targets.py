"""What jloop is to reach, and whether it did."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from jloop_bench import loops

if TYPE_CHECKING:
    from jloop_bench.modes.base import Figure
    from jloop_bench.results import Results

SUBJECT = "jloop"
BEST = "best rival"


class Target(NamedTuple):
    """jloop's figure is to be on the good side of `factor` times that of `reference`, plus `plus`.

    `reference` is a loop's name, `BEST` for the best of the rivals, or empty for none: then `plus` is the limit. The
    unit of `plus` is the figure's.
    """

    mode: str
    key: str
    reference: str = BEST
    factor: float = 1.0
    plus: float = 0.0


class Verdict(NamedTuple):
    """A target held against results: `value`, `limit`, the `reference` it came from and whether it is `met`.

    `value` is NaN where jloop failed, and so not met.
    """

    target: Target
    figure: Figure
    title: str
    value: float
    limit: float
    reference: str
    met: bool

    @property
    def times_as_good(self) -> float:
        """How many times as good as the limit jloop's figure is: as high, or as low where less is better."""
        return self.limit / self.value if self.figure.lower_is_better else self.value / self.limit


_ECHO_PROTO = tuple(f"{transport}-{flavor}-1k" for transport in ("tcp", "unix") for flavor in ("proto", "buffered"))
_LARGE = tuple(
    f"{transport}-{flavor}-100k" for transport in ("tcp", "unix") for flavor in ("proto", "buffered", "streams", "sock")
)
_HTTP = (
    "httptools-1k",
    "httptools-10k",
    "httptools-100k",
    "uvicorn",
    "fastapi",
    "aiohttp-server",
    "aiohttp-client",
    "websockets",
)
_REQUESTS = (*_ECHO_PROTO, "tcp-streams-1k", "tcp-sock-1k", "udp-64", "udp-1k", "tls-proto-1k", "connect", *_HTTP)

TARGETS = (
    *(Target(mode, "best", BEST, 1.2) for mode in ("call_soon", "call_soon_few", "call_soon_args", "call_soon_kept")),
    *(Target(mode, "best") for mode in ("threadsafe_own", "threadsafe_other")),
    *(
        Target(mode, "best", BEST, 1.1)
        for mode in ("timer_cancel", "timer_due", "timer_zero", "timer_chain", "timer_heap")
    ),
    *(Target(mode, "best") for mode in ("task_step", "future_wakeup", "gather", "ready_chain")),
    *(Target(mode, "best") for mode in ("executor", "getaddrinfo", "connect_both", "spawn", "spawn_large")),
    *(Target(mode, "cpu_us") for mode in _ECHO_PROTO),
    *(Target(f"{transport}-proto-1k", "cpu_us", "C epoll", 1.08) for transport in ("tcp", "unix")),
    *(Target(f"{transport}-streams-1k", "cpu_us", BEST, 0.85) for transport in ("tcp", "unix")),
    *(Target(f"{transport}-sock-1k", "cpu_us", BEST, 0.8) for transport in ("tcp", "unix")),
    *(Target(mode, "cpu_us") for mode in _LARGE),
    *(Target(mode, "cpu_us", BEST, 0.8) for mode in ("udp-64", "udp-1k")),
    *(Target(mode, "cpu_us") for mode in _HTTP),
    *(Target(mode, "cpu_us_per_mib") for mode in ("bulk-sink", "bulk-source")),
    Target("connect", "rate"),
    Target("tls-proto-1k", "cpu_us", "zuvloop", 1.1),
    *(Target(mode, "p99_us", "uvloop") for mode in _REQUESTS),
    Target("start", "first_ms", "uvloop", plus=60),
    Target("memory", "rss_mib", "", plus=60),
    Target("idle-10k", "kib_each", "", plus=1),
    Target("idle-10k", "open_seconds", "zuvloop"),
)

FLOORS = (
    *(Target(mode, "best", "uvloop", 2.2) for mode in ("call_soon", "call_soon_args", "call_soon_kept")),
    *(Target(mode, "best", "uvloop", 1.5) for mode in ("timer_cancel", "timer_due")),
    Target("tcp-proto-1k", "cpu_us", "uvloop"),
    Target("start", "first_ms", "", plus=150),
)


def judge(results: Results, targets: tuple[Target, ...] = TARGETS) -> list[Verdict]:
    """Hold `targets` against `results`; those whose figures were measured."""
    verdicts = []
    for target in targets:
        mode = results.modes.get(target.mode)
        mine = results.summary(target.mode, SUBJECT, target.key)
        failed = SUBJECT in results.failures.get(target.mode, {})
        if mode is None or (mine is None and not failed):
            continue
        figure = next(figure for figure in mode.figures if figure.key == target.key)
        reference, base = "", 0.0
        if target.reference:
            found = _reference(results, target, figure)
            if found is None:
                continue
            reference, base = found
        limit = target.factor * base + target.plus
        value = math.nan if mine is None else mine.median
        met = value <= limit if figure.lower_is_better else value >= limit
        verdicts.append(Verdict(target, figure, mode.title, value, limit, reference, met))
    return verdicts


def _reference(results: Results, target: Target, figure: Figure) -> tuple[str, float] | None:
    """The loop to compare with and its median; None if it was not measured."""
    names = [target.reference]
    if target.reference == BEST:
        names = [name for name in results.loops if name != SUBJECT and loops.is_rival(name)]
    found = [(summary.median, name) for name in names if (summary := results.summary(target.mode, name, target.key))]
    if not found:
        return None
    value, name = min(found) if figure.lower_is_better else max(found)
    return name, value
