"""Echo programs without Python, in `bench/bounds`: what the kernel alone costs, and what Go and Node need."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from jloop_bench import loops

SOURCES = Path(__file__).parent.parent / "bounds"
COMPILERS = {".c": "gcc", ".go": "go", ".js": "node"}


def available() -> tuple[loops.LoopSpec, ...]:
    """The bounds whose source and compiler are there."""
    return tuple(
        bound
        for bound in loops.BOUNDS
        if (SOURCES / bound.bound).exists() and shutil.which(COMPILERS[Path(bound.bound).suffix])
    )


def command(bound: loops.LoopSpec, directory: Path) -> list[str]:
    """What starts `bound`; compiled into `directory` the first time. Raises CalledProcessError if it does not compile."""
    source = SOURCES / bound.bound
    if source.suffix == ".js":
        return ["node", str(source)]
    program = directory / f"bound-{source.suffix[1:]}"
    if not program.exists():
        compiler = {
            ".c": ["gcc", "-O2", "-o", str(program), str(source)],
            ".go": ["go", "build", "-o", str(program), str(source)],
        }
        subprocess.run(compiler[source.suffix], check=True, capture_output=True)
    return [str(program)]
