"""Charts as SVG, one per question, by matplotlib; without it there are none."""

from __future__ import annotations

import importlib.util
import textwrap
from typing import TYPE_CHECKING, Any, NamedTuple

from jloop_bench import loops
from jloop_bench.progress import shown

if TYPE_CHECKING:
    from pathlib import Path

    from jloop_bench.results import ModeInfo, Results

COLUMNS = 3  # panels side by side
PANEL_WIDTH = 3.9  # inches
BAR_HEIGHT = 0.26  # inches
SUBJECT_COLOR = "#c8324b"
OTHER_COLOR = "#9fb0c3"
BOUND_COLOR = "#e3e7ec"
TITLE_WIDTH = 46  # characters per panel
TEXT_COLOR = "#20262e"


class Chart(NamedTuple):
    """One question: a panel per mode. `key` is the figure shown, empty for each mode's main one."""

    name: str
    title: str
    modes: tuple[str, ...]
    key: str = ""


def _flavors(transport: str, size: str) -> tuple[str, ...]:
    return tuple(f"{transport}-{flavor}-{size}" for flavor in ("proto", "buffered", "streams", "sock"))


CHARTS = (
    Chart(
        "overview",
        "jloop beside other event loops, each on one core: an overview",
        ("call_soon", "timer_cancel", "tcp-proto-1k", "tcp-streams-1k", "uvicorn", "fastapi"),
    ),
    Chart(
        "callbacks",
        "Callbacks scheduled and run per second (longer is better)",
        (
            "call_soon",
            "call_soon_args",
            "call_soon_kept",
            "call_soon_few",
            "threadsafe_own",
            "threadsafe_other",
            "ready_chain",
        ),
    ),
    Chart(
        "timers",
        "Timers per second (longer is better)",
        ("timer_cancel", "timer_due", "timer_zero", "timer_chain", "timer_heap"),
    ),
    Chart(
        "tasks",
        "Tasks, futures and threads per second (longer is better)",
        ("task_step", "future_wakeup", "gather", "executor", "getaddrinfo", "ready_chain"),
    ),
    Chart("echo-1k", "TCP echo of 1 KiB: server CPU per request (shorter is better)", _flavors("tcp", "1k")),
    Chart("echo-100k", "TCP echo of 100 KiB: server CPU per request (shorter is better)", _flavors("tcp", "100k")),
    Chart("unix-1k", "Unix socket echo of 1 KiB: server CPU per request (shorter is better)", _flavors("unix", "1k")),
    Chart(
        "tls-udp",
        "TLS and UDP echo: server CPU per request (shorter is better)",
        ("tls-proto-1k", "tls-streams-1k", "tls-proto-100k", "udp-64", "udp-1k"),
    ),
    Chart(
        "http",
        "HTTP and WebSocket: CPU per request (shorter is better)",
        ("httptools-1k", "uvicorn", "fastapi", "aiohttp-server", "aiohttp-client", "websockets"),
    ),
    Chart(
        "latency",
        "p99 latency under full load (shorter is better)",
        ("tcp-proto-1k", "tcp-streams-1k", "tls-proto-1k", "uvicorn", "fastapi", "aiohttp-server"),
        "p99_us",
    ),
    Chart(
        "rate",
        "Requests per second of a server on one core (longer is better)",
        ("tcp-proto-1k", "tcp-streams-1k", "tls-proto-1k", "uvicorn", "fastapi", "aiohttp-server"),
        "rate",
    ),
    Chart("bulk", "Bulk transfer: server CPU per MiB (shorter is better)", ("bulk-sink", "bulk-source")),
    Chart("connections", "Short connections: CPU for accept, echo, close (shorter is better)", ("connect",)),
    Chart("spawn", "Child processes per second (longer is better)", ("spawn", "spawn_large")),
    Chart("start", "First callback after the start of the interpreter (shorter is better)", ("start", "start-cold")),
    Chart(
        "memory",
        "Resident memory: idle, and after load (shorter is better)",
        ("memory", "tcp-proto-1k", "fastapi"),
        "rss_mib",
    ),
    Chart("idle", "Each of 10,000 idle connections: resident memory (shorter is better)", ("idle-10k",)),
    Chart(
        "idle-open", "10,000 connections: time until all are open (shorter is better)", ("idle-10k",), "open_seconds"
    ),
    Chart(
        "uvloop-own",
        "uvloop's own echo benchmark, TCP: requests per second (longer is better)",
        tuple(
            f"uvloop-own-tcp-{flavor}-{size}k"
            for size in (1, 10, 100)
            for flavor in ("proto", "buffered", "streams", "sockets")
        ),
    ),
)


def available() -> bool:
    """Whether charts can be drawn."""
    return importlib.util.find_spec("matplotlib") is not None


def write_all(results: Results, directory: Path, suffix: str = "") -> list[Path]:
    """Draw every chart that has something to show, as `NAME{suffix}.svg` in `directory`; their paths."""
    directory.mkdir(parents=True, exist_ok=True)
    paths = []
    for chart in CHARTS:
        modes = [results.modes[name] for name in chart.modes if name in results.modes]
        mixed = len({mode.main.lower_is_better for mode in modes}) > 1
        panels = _align([panel for mode in modes if (panel := _panel(results, mode, chart.key, mixed))], results.loops)
        if panels:
            path = directory / f"{chart.name}{suffix}.svg"
            _draw(chart.title, results.environment.get("python", ""), panels, path)
            paths.append(path)
    return paths


class _Bar(NamedTuple):
    name: str
    value: float
    low: float
    high: float
    label: str


class _Panel(NamedTuple):
    title: str
    bars: list[_Bar]


def _panel(results: Results, mode: ModeInfo, key: str, mixed: bool) -> _Panel | None:
    """The bars of one mode; None if there are none. `mixed`: longer is better in some of the chart's panels only."""
    figure = next((figure for figure in mode.figures if figure.key == (key or mode.main.key)), None)
    if figure is None:
        return None
    bars = []
    for name in results.loops:
        summary = results.summary(mode.name, name, figure.key)
        if summary:
            value, low, high = summary.median / figure.scale, summary.low / figure.scale, summary.high / figure.scale
            bars.append(_Bar(name, value, low, high, shown(summary.median, figure, unit=False)))
    direction = f"{figure.unit}: {'shorter' if figure.lower_is_better else 'longer'} is better"
    title = f"{mode.title}\n{direction}" if mixed else f"{mode.title} ({figure.unit})"
    return _Panel(title, bars) if bars else None


def _align(panels: list[_Panel], order: list[str]) -> list[_Panel]:
    """The same loops in every panel, so that one finds them by place; bounds only where they were measured."""
    measured = {bar.name for panel in panels for bar in panel.bars}
    names = [name for name in order if name in measured]
    aligned = []
    for panel in panels:
        bars = {bar.name: bar for bar in panel.bars}
        for name in names:
            if name not in bars and not loops.is_bound(name):
                bars[name] = _Bar(name, 0.0, 0.0, 0.0, "–")
        aligned.append(_Panel(panel.title, [bars[name] for name in names if name in bars]))
    return aligned


def _draw(title: str, subtitle: str, panels: list[_Panel], path: Path) -> None:
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    plt.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "jloop", "font.size": 9, "text.color": TEXT_COLOR})
    columns = min(COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    lines_of_title = max(panel.title.count("\n") for panel in panels) + 1
    height = rows * (max(len(panel.bars) for panel in panels) * BAR_HEIGHT + 0.35 + 0.2 * lines_of_title) + 0.65
    figure, axes = plt.subplots(
        rows, columns, figsize=(columns * PANEL_WIDTH, height), squeeze=False, layout="constrained"
    )
    lines = [*textwrap.wrap(title, columns * TITLE_WIDTH), subtitle]
    figure.suptitle("\n".join(lines), fontsize=11, x=0.01, ha="left")
    cells = [axis for row in axes for axis in row]
    for axis, panel in zip(cells, panels, strict=False):
        _draw_panel(axis, panel)
    for axis in cells[len(panels) :]:
        axis.set_visible(False)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _draw_panel(axis: Any, panel: _Panel) -> None:
    """Horizontal bars from the top down, the range of the rounds as a thin line, the median in figures."""
    top = max(bar.value for bar in panel.bars)
    for position, bar in enumerate(panel.bars):
        axis.barh(position, bar.value, height=0.72, color=_color(bar.name))
        axis.plot([bar.low, bar.high], [position, position], color=TEXT_COLOR, linewidth=0.8)
        weight = "bold" if bar.name == "jloop" else "normal"
        axis.text(max(bar.value, bar.high) + top * 0.02, position, bar.label, va="center", fontweight=weight)
    axis.set_yticks(range(len(panel.bars)), [bar.name for bar in panel.bars])
    axis.invert_yaxis()
    axis.set_xlim(0, max(bar.high for bar in panel.bars) * 1.18)
    axis.set_title(panel.title, fontsize=9, loc="left")
    axis.tick_params(length=0, labelsize=8.5)
    axis.set_xticks([])
    for side in ("top", "right", "bottom"):
        axis.spines[side].set_visible(False)


def _color(name: str) -> str:
    if name == "jloop":
        return SUBJECT_COLOR
    return BOUND_COLOR if loops.is_bound(name) else OTHER_COLOR
