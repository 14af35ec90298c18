"""Tables in Markdown."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from jloop_bench import loops, targets
from jloop_bench.progress import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jloop_bench.modes.base import Figure
    from jloop_bench.results import ModeInfo, Results

GROUPS = {
    "scheduling": "Callbacks",
    "timers": "Timers",
    "tasks": "Tasks and futures",
    "threads": "Threads",
    "network": "Connections and names, inside one process",
    "processes": "Child processes",
    "process": "Start and memory",
    "tcp": "TCP echo",
    "unix": "Unix socket echo",
    "tls": "TLS echo",
    "udp": "UDP echo",
    "http": "HTTP and WebSocket",
    "connect": "Short connections",
    "bulk": "Bulk, one way",
    "idle": "Idle connections",
    "uvloop-own": "uvloop's own benchmark",
}
# The modes that tell most, for who wants to read ten lines only.
OVERVIEW = (
    "call_soon",
    "timer_cancel",
    "task_step",
    "gather",
    "executor",
    "tcp-proto-1k",
    "tcp-buffered-1k",
    "tcp-streams-1k",
    "tcp-sock-1k",
    "tcp-proto-100k",
    "unix-proto-1k",
    "udp-1k",
    "tls-proto-1k",
    "httptools-1k",
    "uvicorn",
    "fastapi",
    "aiohttp-server",
    "aiohttp-client",
    "websockets",
    "connect",
    "bulk-sink",
    "bulk-source",
    "start",
    "memory",
)
LIMITED = "†"
BUSY = 0.7  # load average at the start of a run from which on figures are doubtful


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; all columns but the first are aligned right."""
    lines = [f"| {' | '.join(head)} |", f"|{'|'.join(['---'] + ['---:'] * (len(head) - 1))}|"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def full(results: Results) -> str:
    """Everything: circumstances, targets, one table per group, one per mode."""
    parts = ["# Benchmark results\n", circumstances(results), targets_section(results, targets.TARGETS, "Targets")]
    for group, title in GROUPS.items():
        modes = [mode for mode in results.modes.values() if mode.group == group]
        if modes:
            parts += [f"## {title}\n", group_tables(results, modes)]
            parts += [detail(results, mode) for mode in modes if len(mode.figures) > 2]
    parts.append(failures(results))
    return "\n".join(part for part in parts if part)


def circumstances(results: Results) -> str:
    """Machine, versions and settings, as a list."""
    machine, environment, settings = results.machine, results.environment, results.settings
    packages = ", ".join(f"{name} {version}" for name, version in environment.get("packages", {}).items())
    taken = {results.rounds_taken(mode) for mode in results.modes} or {settings.get("rounds")}
    rounds = " to ".join(str(number) for number in sorted({min(taken), max(taken)}))
    lines = [
        f"- {machine.get('processor')}, {machine.get('cores')} cores, {machine.get('memory_gib')} GiB; "
        f"{machine.get('system')}",
        f"- {environment.get('python')}; {environment.get('openssl')}; {packages}",
        f"- {results.started}; {rounds} rounds of {settings.get('seconds')} s after "
        f"{settings.get('warmup')} s of warming up; server on one core, load on another",
    ]
    if machine.get("load_average", 0) > BUSY:
        lines.append(f"- **The machine was busy with other work (load average {machine['load_average']}).**")
    if settings.get("cores_shared"):
        lines.append("- **Server and load shared the only core: take nothing from these figures.**")
    return "\n".join(lines) + "\n"


def group_tables(results: Results, modes: Sequence[ModeInfo]) -> str:
    """The main figure of each mode; for idle connections and the like one row per figure."""
    names = _taking_part(results, modes)
    rows = []
    for mode in modes:
        figures = mode.figures if mode.group in ("idle", "process") else (mode.main,)
        for figure in figures:
            title = mode.title if len(figures) == 1 else f"{mode.title}: {figure.title}"
            rows.append([f"{title}, {figure.unit}", *_cells(results, mode.name, figure, names)])
    what = modes[0].main.title if len({mode.main.title for mode in modes}) == 1 else ""
    note = "median of the rounds ± half their range; **best**"
    limited = any(results.load_was_limit(mode.name, name) for mode in modes for name in names)
    if limited:
        note += f"; {LIMITED} the load generator was the limit, the server could answer more"
    return table([what or " ", *names], rows) + f"\n{note[0].upper()}{note[1:]}.\n"


def _cells(results: Results, mode: str, figure: Figure, names: Sequence[str]) -> list[str]:
    """One cell per loop, the best one bold; bounds do not compete."""
    summaries = {name: results.summary(mode, name, figure.key) for name in names}
    competing = [s.median for name, s in summaries.items() if s and not loops.is_bound(name)]
    best = (min if figure.lower_is_better else max)(competing, default=None)
    cells = []
    for name, summary in summaries.items():
        if summary is None:
            cells.append("fails" if name in results.failures.get(mode, {}) else "–")
            continue
        text = shown(summary.median, figure, unit=False)
        if summary.median == best and not loops.is_bound(name):
            text = f"**{text}**"
        mark = LIMITED if results.load_was_limit(mode, name) else ""
        cells.append(f"{text}{mark} ±{summary.spread * 50:.0f}%")
    return cells


def detail(results: Results, mode: ModeInfo) -> str:
    """All figures of one mode, a row per loop."""
    head = ["", *(f"{figure.title}, {figure.unit}" for figure in mode.figures)]
    rows = []
    for name in _taking_part(results, [mode]):
        summaries = [(figure, results.summary(mode.name, name, figure.key)) for figure in mode.figures]
        rows.append([name, *(shown(s.median, figure, unit=False) if s else "–" for figure, s in summaries)])
    summary = f"{mode.title}: everything measured (medians)"
    return f"<details><summary>{summary}</summary>\n\n{table(head, rows)}\n</details>\n"


def targets_section(results: Results, wanted: tuple[targets.Target, ...], title: str) -> str:
    """A row per target that could be judged; nothing if there is none."""
    verdicts = targets.judge(results, wanted)
    if not verdicts:
        return ""
    rows = []
    for verdict in verdicts:
        figure, target = verdict.figure, verdict.target
        factor = "" if target.factor == 1 or not target.reference else f"{target.factor:g} × "
        plus = f" + {shown(target.plus, figure)}" if target.plus and target.reference else ""
        base = f"{factor}{verdict.reference}{plus}" if target.reference else "absolute"
        rows.append(
            [
                f"{verdict.title}, {figure.title}",
                shown(verdict.value, figure),
                f"{'≤' if figure.lower_is_better else '≥'} {shown(verdict.limit, figure)}",
                base,
                f"{verdict.value / verdict.limit:.2f}" if verdict.value > 0 else "–",
                "met" if verdict.met else "**missed**",
            ]
        )
    met = sum(verdict.met for verdict in verdicts)
    head = ["", "jloop", "limit", "from", "jloop / limit", ""]
    return f"## {title}\n\n{met} of {len(verdicts)} met.\n\n{table(head, rows)}"


def behind(results: Results) -> str:
    """Where jloop is not the best, worst first: the main figure of every mode against the best rival's."""
    rows = []
    for verdict in _beside_the_best(results):
        if not verdict.met and not math.isnan(verdict.value):  # else told under "Not measured"
            value, limit = shown(verdict.value, verdict.figure), shown(verdict.limit, verdict.figure)
            ratio = 1 / verdict.times_as_good
            rows.append((ratio, [verdict.title, value, f"{limit} ({verdict.reference})", f"{ratio:.2f}"]))
    if not rows:
        return "jloop is nowhere behind.\n"
    rows.sort(key=lambda row: -row[0])
    return table(["", "jloop", "best rival", "times worse"], [row for _, row in rows])


def leads(results: Results) -> tuple[int, int]:
    """In how many modes no rival's main figure is better than jloop's, and in how many there was a rival."""
    verdicts = _beside_the_best(results)
    return sum(verdict.met for verdict in verdicts), len(verdicts)


def _beside_the_best(results: Results) -> list[targets.Verdict]:
    """The main figure of every mode held against the best rival's."""
    return targets.judge(results, tuple(targets.Target(mode.name, mode.main.key) for mode in results.modes.values()))


def overview(results: Results) -> str:
    """A row for each mode of `OVERVIEW`: jloop's main figure, uvloop's and the best rival's, and how many times as good."""
    rows = []
    for mode in (results.modes[name] for name in OVERVIEW if name in results.modes):
        wanted = (targets.Target(mode.name, mode.main.key, reference) for reference in ("uvloop", targets.BEST))
        verdicts = targets.judge(results, tuple(wanted))
        if len(verdicts) < 2 or math.isnan(verdicts[0].value):
            continue
        uvloop, best = (shown(verdict.limit, mode.main, unit=False) for verdict in verdicts)
        ratios = [f"{verdict.times_as_good:.2f}" for verdict in verdicts]
        beside_uvloop, beside_best = (
            f"**{ratio}**" if verdict.met else ratio for ratio, verdict in zip(ratios, verdicts, strict=True)
        )
        rows.append(
            [
                f"{mode.title}, {mode.main.title}, {mode.main.unit}",
                shown(verdicts[0].value, mode.main, unit=False),
                uvloop,
                beside_uvloop,
                f"{best} ({verdicts[1].reference})",
                beside_best,
            ]
        )
    head = ["", "jloop", "uvloop", "times as good", "best rival", "times as good"]
    return table(head, rows) if rows else ""


def failures(results: Results) -> str:
    """Who could not do what, with the message."""
    lines = [
        f"- {results.modes[mode].title}: {loop}: {message}"
        for mode, by_loop in results.failures.items()
        for loop, message in by_loop.items()
    ]
    return "## Not measured\n\n" + "\n".join(lines) + "\n" if lines else ""


def _taking_part(results: Results, modes: Iterable[ModeInfo]) -> list[str]:
    """The loops with a value or a failure in one of `modes`."""
    modes = list(modes)
    return [
        name
        for name in results.loops
        if any(
            results.summary(mode.name, name, mode.main.key) or name in results.failures.get(mode.name, {})
            for mode in modes
        )
    ]
