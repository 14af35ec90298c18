"""In which order samples are taken."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from jloop_bench.child import ChildFailed
from jloop_bench.modes import ALL
from jloop_bench.progress import Progress, shown

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from jloop_bench.loops import LoopSpec
    from jloop_bench.modes import Mode, Setup
    from jloop_bench.results import Results

NAME_WIDTH = 18


def run(
    modes: Sequence[Mode], loops: Sequence[LoopSpec], rounds: int, setup: Setup, results: Results, path: Path
) -> None:
    """Measure every mode: in each round every loop once, each round beginning with another loop.

    What one moment does to the machine so hits all loops alike. A loop that fails twice in a row is left out of that
    mode. Where `results` has rounds of a mode already, those that are missing are measured. `results` are saved to
    `path` after each mode.
    """
    missing = [
        (mode, range(taken, rounds), _taking_part(mode, loops, results))
        for mode in modes
        if (taken := results.rounds_taken(mode.name)) < rounds
    ]
    progress = Progress(sum(len(to_do) * len(taking_part) for _, to_do, taking_part in missing))
    for mode, to_do, taking_part in missing:
        results.add_mode(mode)
        progress.say(f"{mode.name}: {mode.title} ({mode.figures[0].title})")
        for round_ in to_do:
            first = round_ % max(1, len(taking_part))
            for loop in taking_part[first:] + taking_part[:first]:
                progress.begin(mode.name, round_, loop.name)
                if not _sample(mode, loop, round_, setup, results):
                    taking_part.remove(loop)
                    progress.say(f"  {loop.name:{NAME_WIDTH}} left out: {results.failures[mode.name][loop.name]}")
                    progress.step(rounds - 1 - round_)
                progress.step()
        setup.end_load()
        for loop in taking_part:
            progress.say(_line(mode, loop, results))
        results.put_in_order([known.name for known in ALL])
        results.save(path)


def _taking_part(mode: Mode, loops: Sequence[LoopSpec], results: Results) -> list[LoopSpec]:
    """The loops that a mode is for, but for those that failed in it before."""
    failed = results.failures.get(mode.name, {})
    return [loop for loop in loops if mode.includes(loop) and loop.name not in failed]


def _sample(mode: Mode, loop: LoopSpec, round_: int, setup: Setup, results: Results) -> bool:
    """Take one sample, trying twice; whether it worked."""
    for attempt in range(2):
        try:
            results.add(mode.name, loop.name, round_, mode.sample(setup, loop))
            return True
        except (ChildFailed, OSError, ValueError, ArithmeticError, subprocess.CalledProcessError) as error:
            setup.end_load()  # it may still be busy with what failed
            if attempt == 1:
                results.fail(mode.name, loop.name, str(error))
    return False


def _line(mode: Mode, loop: LoopSpec, results: Results) -> str:
    """The main figure of one loop, and how far the rounds are apart."""
    main = mode.figures[0]
    summary = results.summary(mode.name, loop.name, main.key)
    if summary is None:
        return f"  {loop.name:{NAME_WIDTH}} nothing measured"
    limit = "  (the load was the limit)" if results.load_was_limit(mode.name, loop.name) else ""
    low, high = shown(summary.low, main, unit=False), shown(summary.high, main)
    return f"  {loop.name:{NAME_WIDTH}} {shown(summary.median, main):>12}   {low} … {high}{limit}"
