"""Puts one run into the documentation: its data, its charts, and its part of `performance.md`."""

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


def publish(results: Results, docs: Path) -> list[Path]:
    """Write `docs/performance/TAG.json`, the charts beside it, and the block of TAG in `docs/performance.md`.

    TAG is cp and the version of CPython, such as cp314. The block is what stands between the comments `begin TAG` and
    `end TAG`. Returns the paths written. Raises ValueError if the page has no such block.
    """
    tag = tag_of(results)
    folder, page = docs / "performance", docs / "performance.md"
    old = page.read_text()
    block = re.compile(rf"(<!-- begin {tag} -->\n).*?(<!-- end {tag} -->)", re.DOTALL)
    if not block.search(old):
        raise ValueError(f"{page} has no block {tag}")
    data = folder / f"{tag}.json"
    results.save(data)
    drawn = charts.write_all(results, folder, f"-{tag}")
    text = section(results, tag, {path.name for path in drawn})
    page.write_text(block.sub(lambda found: f"{found[1]}\n{text}\n{found[2]}", old))
    return [data, *drawn, page]


def tag_of(results: Results) -> str:
    """cp314 for CPython 3.14.x."""
    found = re.search(r"(\d+)\.(\d+)", str(results.environment.get("python")))
    if not found:
        raise ValueError("the results do not tell their Python")
    return f"cp{found[1]}{found[2]}"


def section(results: Results, tag: str, drawn: set[str]) -> str:
    """Circumstances, targets, where jloop is behind, then a table and charts per group; details folded away."""
    parts = [
        report.circumstances(results),
        report.targets_section(results, targets.TARGETS, "Targets").replace("## ", "### ", 1),
        f"### Where jloop is behind\n\n{report.behind(results)}",
    ]
    for group, title in report.GROUPS.items():
        modes = [mode for mode in results.modes.values() if mode.group == group]
        if not modes:
            continue
        parts.append(f"### {title}\n")
        for chart in CHARTS_OF.get(group, ()):
            name = f"{chart}-{tag}.svg"
            if name in drawn:
                parts.append(f"![{title}](performance/{name})\n")
        parts.append(report.group_tables(results, modes))
        parts += [report.detail(results, mode) for mode in modes if len(mode.figures) > 2]
    parts.append(report.failures(results).replace("## ", "### ", 1))
    return "\n".join(part for part in parts if part)
