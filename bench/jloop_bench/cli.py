"""The command line of the benchmarks."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from jloop_bench import bounds, charts, java, loops, machine, modes, publish, report, runner, targets
from jloop_bench.modes.base import PACKAGE_ROOT
from jloop_bench.results import Results

if TYPE_CHECKING:
    from collections.abc import Sequence

# In a checkout beside the sources, where it is ignored by git; elsewhere in the current folder.
_OUTPUT = "bench/results" if Path("bench/jloop_bench").is_dir() else "bench-results"

CORE_MODES = (
    "call_soon",
    "call_soon_args",
    "call_soon_kept",
    "timer_cancel",
    "timer_due",
    "tcp-proto-1k",
    "start",
    "memory",
)

COMMANDS = ("run", "core", "report", "publish")

EPILOG = """\
Modes and groups are chosen by name, with shell wildcards: --modes 'tcp-*-1k' http call_soon.
A loop that is not in the list is given as MODULE:FACTORY.
`core` runs the few modes that tell whether the core is fast, and holds them against their floors.
`report FILE` writes tables and charts again from a results file; `publish FILE` puts them into docs/performance.md.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    command = words.pop(0) if words and words[0] in COMMANDS else "run"
    try:
        if command == "publish":
            return _publish(words)
        return _report(words) if command == "report" else _measure(words, core=command == "core")
    except (KeyError, ValueError, java.NotFound, FileNotFoundError) as error:
        print(error.args[0] if isinstance(error, KeyError) else error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nstopped; what was measured is in the results file", file=sys.stderr)
        return 130


def _measure(words: Sequence[str], core: bool) -> int:
    options = _parser(core).parse_args(words)
    if options.list:
        _list()
        return 0
    if options.quick:
        options.rounds, options.seconds, options.warmup = 2, 0.7, 0.7
    environment = _environment(options.python)
    chosen_loops = _loops(options.loops, environment["packages"])
    chosen_modes = _modes(options.modes or ["*"], environment["packages"])
    cores = machine.choose_cores()
    settings = {
        "rounds": options.rounds,
        "seconds": options.seconds,
        "warmup": options.warmup,
        "cores_shared": cores.shared,
    }
    if options.resume:
        directory = options.resume
        results = Results.read(directory / "results.json")
        results.settings["rounds"] = options.rounds
        if (results.settings, results.environment) != (settings, environment):
            raise ValueError(f"{directory} was measured with other settings or versions")
    else:
        directory = Path(options.output) / time.strftime("%Y%m%d-%H%M%S")
        started = time.strftime("%Y-%m-%d %H:%M", time.gmtime()) + " UTC"
        names = [loop.name for loop in chosen_loops]
        results = Results(names, machine.describe(), environment, settings, started)
    print(f"{report.circumstances(results)}- results go to {directory}\n", file=sys.stderr)
    _prepare(options.python, chosen_loops)
    # The driver waits most of the time; the load's core has more room than the server's.
    os.sched_setaffinity(0, cores.load)
    with tempfile.TemporaryDirectory(prefix="jloop-bench-") as temporary:
        setup = modes.Setup(options.python, cores, options.seconds, options.warmup, Path(temporary))
        try:
            runner.run(chosen_modes, chosen_loops, options.rounds, setup, results, directory / "results.json")
        finally:
            setup.end_load()
    _write(results, directory)
    if core:
        print(report.group_tables(results, list(results.modes.values())))
        print(report.targets_section(results, targets.FLOORS, "Floors"))
    print(f"{directory / 'report.md'}", file=sys.stderr)
    return 0


def _parser(core: bool) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="jloop bench", description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--modes", nargs="+", metavar="NAME", default=list(CORE_MODES) if core else None)
    parser.add_argument("--loops", nargs="+", metavar="NAME", help="default: what is installed, and bounds")
    parser.add_argument("--rounds", type=int, default=3 if core else 5, help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=1.5, help="measured per sample; default: %(default)s")
    parser.add_argument("--warmup", type=float, default=1.5, help="seconds before each; default: %(default)s")
    parser.add_argument(
        "--python", metavar="EXE", default=sys.executable, help="interpreter of the processes under test"
    )
    parser.add_argument("--quick", action="store_true", help="two short rounds: does it work, and about how fast")
    parser.add_argument("--output", metavar="DIR", default=_OUTPUT, help="default: %(default)s")
    parser.add_argument(
        "--resume",
        metavar="DIR",
        type=Path,
        help="go on with the modes, and with the rounds, that an earlier run did not reach",
    )
    parser.add_argument("--list", action="store_true", help="list modes and loops, and end")
    return parser


def _list() -> None:
    for mode in modes.ALL:
        print(f"{mode.group:12} {mode.name:32} {mode.title}")
    print("\nloops:", ", ".join(loop.name for loop in loops.LOOPS + loops.BOUNDS))


def _environment(python: str) -> dict[str, dict[str, str]]:
    """What the interpreter under test has; see `jloop_bench.environment`."""
    paths = os.pathsep.join(path for path in (str(PACKAGE_ROOT), os.environ.get("PYTHONPATH", "")) if path)
    done = subprocess.run(
        [python, "-m", "jloop_bench.environment"],
        env={**os.environ, "PYTHONPATH": paths},
        check=True,
        stdout=subprocess.PIPE,
    )
    found: dict[str, dict[str, str]] = json.loads(done.stdout)
    return found


def _prepare(python: str, chosen: Sequence[loops.LoopSpec]) -> None:
    """Let the loops make what they would otherwise make while something is measured."""
    for loop in chosen:
        if loop.prepare:
            print(f"{loop.name}: python {' '.join(loop.prepare)}", file=sys.stderr)
            subprocess.run([python, *loop.prepare], check=False, stdout=subprocess.DEVNULL)


def _loops(names: Sequence[str] | None, packages: dict[str, str]) -> list[loops.LoopSpec]:
    """The loops to measure. Raises KeyError for one that is not installed."""
    possible = loops.installed(packages) + bounds.available()
    if names is None:
        return list(possible)
    wanted = [loops.find(name) for name in names]
    for loop in wanted:
        if loop not in possible and ":" not in loop.name:
            raise KeyError(f"{loop.name} is not installed here")
    return wanted


def _modes(patterns: Sequence[str], packages: dict[str, str]) -> list[modes.Mode]:
    """The modes to measure; those that cannot be are told and left out."""
    chosen = []
    for mode in modes.select(patterns):
        missing = mode.missing(packages)
        if missing:
            print(f"{mode.name} left out: no {', '.join(missing)} here", file=sys.stderr)
        else:
            chosen.append(mode)
    return chosen


def _write(results: Results, directory: Path) -> None:
    """Tables and charts beside the results file."""
    (directory / "report.md").write_text(report.full(results))
    if charts.available():
        charts.write_all(results, directory)
    else:
        print("no charts: matplotlib is not installed", file=sys.stderr)


def _report(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="jloop bench report", description="Tables and charts from a results file.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--output", type=Path, metavar="DIR", help="default: where the file is")
    options = parser.parse_args(words)
    directory = options.output or options.file.parent
    directory.mkdir(parents=True, exist_ok=True)
    _write(Results.read(options.file), directory)
    print(directory / "report.md")
    return 0


def _publish(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="jloop bench publish", description=publish.__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--docs", type=Path, metavar="DIR", default=Path("docs"), help="default: %(default)s")
    parser.add_argument("--name", default="", help="of the run's page and block; default: its Python's, such as cp314")
    options = parser.parse_args(words)
    for path in publish.publish(Results.read(options.file), options.docs, options.name):
        print(path)
    return 0
