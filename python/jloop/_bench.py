"""`python -m jloop bench`: compare event loops on this machine.

The benchmarks are the package `jloop_bench`, which the wheel brings along; what it measures does not
import this package, unless it is the loop under test.
"""

import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

# where a checkout has the package
_CHECKOUT = Path(__file__).parents[2] / "bench"


def main(arguments: Sequence[str]) -> int:
    """Run the benchmarks' command line; the exit status."""
    if find_spec("jloop_bench") is None and _CHECKOUT.is_dir():
        sys.path.append(str(_CHECKOUT))
    from jloop_bench.cli import main as run

    return run(arguments)
