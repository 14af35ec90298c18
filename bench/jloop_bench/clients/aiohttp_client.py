"""`python -m jloop_bench.clients.aiohttp_client SPEC`: GETs over kept-alive connections by aiohttp.

`SPEC` is a JSON object: `loop`, `address`, `connections`, `size` of the body in bytes, `warmup` and `seconds`.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from typing import Any

import aiohttp

from jloop_bench import loops
from jloop_bench.stats import percentile


async def measure(spec: dict[str, Any]) -> dict[str, float]:
    """Requests in the window, with processor seconds of this process and percentiles in microseconds."""
    begin = time.perf_counter() + spec["warmup"]
    end = begin + spec["seconds"]
    latencies: list[float] = []
    connector = aiohttp.TCPConnector(limit=spec["connections"])

    async with aiohttp.ClientSession(connector=connector) as session:

        async def ask_forever() -> None:
            sent = time.perf_counter()
            while sent < end:
                async with session.get(f"http://{spec['address']}/") as response:
                    body = await response.read()
                if response.status != 200 or len(body) != spec["size"]:
                    raise RuntimeError(f"wrong answer: status {response.status}, {len(body)} bytes")
                now = time.perf_counter()
                if begin <= now < end:
                    latencies.append(now - sent)
                sent = now

        tasks = [asyncio.ensure_future(ask_forever()) for _ in range(spec["connections"])]
        await asyncio.sleep(begin - time.perf_counter())
        before = resource.getrusage(resource.RUSAGE_SELF)
        began = time.perf_counter()
        await asyncio.sleep(end - began)
        after = resource.getrusage(resource.RUSAGE_SELF)
        seconds = time.perf_counter() - began
        await asyncio.gather(*tasks)

    latencies.sort()
    user, system = after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime
    return {
        "seconds": seconds,
        "operations": len(latencies),
        "rate": len(latencies) / seconds,
        "p50_us": percentile(latencies, 50) * 1e6,
        "p99_us": percentile(latencies, 99) * 1e6,
        "p999_us": percentile(latencies, 99.9) * 1e6,
        "server_cpu_seconds": user + system,
        "server_user_seconds": user,
        "server_system_seconds": system,
    }


def main() -> None:
    """Measure what the first argument says."""
    spec = json.loads(sys.argv[1])
    loop = loops.factory(spec["loop"])()
    asyncio.set_event_loop(loop)
    print(json.dumps(loop.run_until_complete(measure(spec))), flush=True)


if __name__ == "__main__":
    main()
