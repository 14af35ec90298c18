"""`python -m jloop_bench.inprocess NAME LOOP WARMUP SECONDS`: run one benchmark on one loop in this process.

Warms up, then runs batches for so many seconds, at least three. Prints one JSON line: `best` and `median` operations
per second over the batches, and how many `batches` there were.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

from jloop_bench import loops
from jloop_bench.inprocess import registry
from jloop_bench.stats import median

MINIMUM = 3  # batches


def main() -> None:
    """Run what the arguments say."""
    name, loop_name, warmup, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4])
    loop = loops.factory(loop_name)()
    asyncio.set_event_loop(loop)
    batch = registry.load_all()[name].prepare(loop)

    warm = time.perf_counter() + warmup
    while time.perf_counter() < warm:
        batch()

    rates: list[float] = []
    end = time.perf_counter() + seconds
    while len(rates) < MINIMUM or time.perf_counter() < end:
        began = time.perf_counter()
        operations = batch()
        rates.append(operations / (time.perf_counter() - began))
    print(json.dumps({"best": max(rates), "median": median(rates), "batches": len(rates)}), flush=True)


if __name__ == "__main__":
    main()
