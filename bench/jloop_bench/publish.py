"""Puts one run into the documentation: its data, its charts, a page of its own, and its part of `performance.md`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jloop_bench import charts, report, targets

if TYPE_CHECKING:
    from pathlib import Path

    from jloop_bench.results import Results

CHARTS_OF = {
    "scheduling": ("callbacks",),
    "timers": ("timers",),
    "tasks": ("tasks",),
    "processes": ("spawn",),
    "process": ("start", "memory"),
    "tcp": ("echo-1k", "echo-100k", "latency", "rate"),
    "unix": ("unix-1k",),
    "udp": ("tls-udp",),
    "http": ("http",),
    "connect": ("connections",),
    "bulk": ("bulk",),
    "idle": ("idle", "idle-open"),
    "uvloop-own": ("uvloop-own",),
}


def publish(results: Results, docs: Path, name: str = "") -> list[Path]:
    """Write `docs/performance/NAME.json`, `NAME.md` and the charts beside it, and NAME's block of `docs/performance.md`.

    NAME is cp and the version of CPython, such as cp314, if none is given. The block is what stands between the comments
    `begin NAME` and `end NAME`. Returns the paths written. Raises ValueError if the page has no such block.
    """
    name = name or tag_of(results)
    folder, main_page = docs / "performance", docs / "performance.md"
    old = main_page.read_text()
    block = re.compile(rf"(<!-- begin {name} -->\n).*?(<!-- end {name} -->)", re.DOTALL)
    if not block.search(old):
        raise ValueError(f"{main_page} has no block {name}")
    data, page = folder / f"{name}.json", folder / f"{name}.md"
    results.save(data)
    drawn = charts.write_all(results, folder, f"-{name}")
    page.write_text(whole(results, name, {path.name for path in drawn}))
    text = glance(results, name)
    main_page.write_text(block.sub(lambda found: f"{found[1]}\n{text}\n{found[2]}", old))
    return [data, *drawn, page, main_page]


def tag_of(results: Results) -> str:
    """cp314 for CPython 3.14.x."""
    found = re.search(r"(\d+)\.(\d+)", str(results.environment.get("python")))
    if not found:
        raise ValueError("the results do not tell their Python")
    return f"cp{found[1]}{found[2]}"


def glance(results: Results, name: str) -> str:
    """What `performance.md` tells of a run: circumstances, how often jloop leads, and a few modes."""
    verdicts = targets.judge(results)
    met = sum(verdict.met for verdict in verdicts)
    leading, compared = report.leads(results)
    summary = (
        f"jloop leads in {leading} of {compared} modes and meets {met} of {len(verdicts)} targets: "
        f"[everything measured](performance/{name}.md).\n"
    )
    return "\n".join((report.circumstances(results), summary, report.overview(results)))


def whole(results: Results, name: str, drawn: set[str]) -> str:
    """Circumstances, targets, where jloop is behind, then a table and charts per group; details folded away."""
    parts = [
        f"# {results.environment.get('python')} on {results.machine.get('processor')}: everything measured\n",
        f"Written by `scripts/bench publish`, from [{name}.json]({name}.json); what the figures mean stands in "
        "[performance.md](../performance.md).\n",
        report.circumstances(results),
        report.targets_section(results, targets.TARGETS, "Targets"),
        f"## Where jloop is behind\n\n{report.behind(results)}",
    ]
    for group, title in report.GROUPS.items():
        modes = [mode for mode in results.modes.values() if mode.group == group]
        if not modes:
            continue
        parts.append(f"## {title}\n")
        for chart in CHARTS_OF.get(group, ()):
            picture = f"{chart}-{name}.svg"
            if picture in drawn:
                parts.append(f"![{title}]({picture})\n")
        parts.append(report.group_tables(results, modes))
        parts += [report.detail(results, mode) for mode in modes if len(mode.figures) > 2]
    parts.append(report.failures(results))
    return "\n".join(part for part in parts if part)
