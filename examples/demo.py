"""Serves one FastAPI application with uvicorn on asyncio, uvloop and jloop, and compares them under real HTTP load.

    python examples/demo.py            compare, in under a minute
    python examples/demo.py --serve    serve on jloop until Ctrl-C

The servers run side by side, one is loaded at a time, in turn and several times over, so that a slow moment of the
machine hits all of them. Server and load each have a processor of their own where there are two.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
LOOPS = {"asyncio": "asyncio", "uvloop": "uvloop", "jloop": "jloop:new_event_loop"}
PATH = "/items/7?name=demo"
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")  # per second


@dataclass
class Server:
    """A uvicorn in a process of its own, and what was measured of it."""

    name: str
    port: int
    process: "subprocess.Popen[bytes]"
    rates: list[float] = field(default_factory=list)  # requests per second, one of each round
    costs: list[float] = field(default_factory=list)  # microseconds of processor time per request
    latencies: list[float] = field(default_factory=list)  # p99 in milliseconds

    def cpu_seconds(self) -> float:
        """Processor time used so far, user and system, all threads."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS

    def resident_megabytes(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    def wait_until_up(self) -> None:
        """Wait for the first answer; ends the program if the server does."""
        for _ in range(300):
            if self.process.poll() is not None:
                sys.exit(f"the server on {self.name} ended with status {self.process.returncode}")
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{PATH}", timeout=5) as answer:
                    answer.read()
                return
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.1)
        sys.exit(f"the server on {self.name} does not answer")

    def load(self, seconds: float, connections: int) -> None:
        """Load this server for so long and remember the result."""
        before = self.cpu_seconds()
        command = [sys.executable, str(HERE / "load.py"), str(self.port), "--path", PATH, "--json"]
        command += ["--seconds", str(seconds), "--connections", str(connections)]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, preexec_fn=lambda: _pin(1)).stdout
        result = json.loads(output)
        if result["errors"] or not result["requests"]:
            sys.exit(f"the server on {self.name} answered {result['errors']} requests with an error: {result}")
        self.rates.append(result["requests"] / result["seconds"])
        self.costs.append((self.cpu_seconds() - before) / result["requests"] * 1e6)
        self.latencies.append(result["p99_ms"])


class Progress:
    """One line that tells what happens and how much is left; plain lines where the output is no terminal."""

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._done = 0
        self._terminal = sys.stdout.isatty()

    def say(self, text: str) -> None:
        width = 24
        filled = width * self._done // self._steps
        bar = "█" * filled + "░" * (width - filled)
        if self._terminal:
            print(f"\r\033[K  {bar}  {text}", end="", flush=True)
        else:
            print(f"  [{self._done}/{self._steps}] {text}", flush=True)

    def step(self) -> None:
        self._done += 1

    def end(self) -> None:
        if self._terminal:
            print("\r\033[K", end="", flush=True)


def start(name: str, port: int) -> Server:
    """Start uvicorn on this loop."""
    command = [sys.executable, "-m", "uvicorn", "--loop", LOOPS[name], "--http", "httptools", "--port", str(port)]
    command += ["--log-level", "warning", "--no-access-log", "--app-dir", str(HERE), "fastapi_app:app"]
    return Server(name, port, subprocess.Popen(command, preexec_fn=lambda: _pin(0)))


def compare(rounds: int, seconds: float, connections: int) -> None:
    print(f"FastAPI under uvicorn, GET {PATH}, {connections} keep-alive connections, {_machine()}\n")
    progress = Progress(len(LOOPS) * (rounds + 2))
    servers = []
    try:
        for name in LOOPS:
            progress.say(f"{name}: starting")
            servers.append(start(name, _free_port()))
            servers[-1].wait_until_up()
            progress.step()
        for server in servers:
            progress.say(f"{server.name}: warming up")
            server.load(seconds, connections)
            for series in (server.rates, server.costs, server.latencies):
                series.clear()
            progress.step()
        for number in range(rounds):
            for server in servers:
                progress.say(f"{server.name}: round {number + 1} of {rounds}{_so_far(servers)}")
                server.load(seconds, connections)
                progress.step()
        progress.end()
        _print_table(servers)
    finally:
        for server in servers:
            server.process.terminate()
        for server in servers:
            server.process.wait(10)


def serve(port: int) -> None:
    """Serve on jloop until Ctrl-C."""
    import jloop
    import uvicorn

    print(f"FastAPI on jloop {jloop.__version__}: http://127.0.0.1:{port}/docs (Ctrl-C ends it)", flush=True)
    uvicorn.run("fastapi_app:app", app_dir=str(HERE), port=port, loop="jloop:new_event_loop")


def _print_table(servers: list[Server]) -> None:
    base = statistics.median(servers[0].rates)
    print(f"  {'':8} {'requests/s':>11} {'':24}  {'vs asyncio':>10}  {'CPU µs/request':>14}  {'p99 ms':>7}  {'MB':>5}")
    best = max(statistics.median(server.rates) for server in servers)
    for server in servers:
        rate = statistics.median(server.rates)
        bar = "█" * round(24 * rate / best)
        print(
            f"  {server.name:8} {rate:11,.0f} {bar:24}  {rate / base:9.2f}x  {statistics.median(server.costs):14.0f}"
            f"  {statistics.median(server.latencies):7.1f}  {server.resident_megabytes():5.0f}"
        )


def _so_far(servers: list[Server]) -> str:
    known = [f"{server.name} {statistics.median(server.rates):,.0f}/s" for server in servers if server.rates]
    return f"   ({', '.join(known)})" if known else ""


def _machine() -> str:
    pinned = "server and load pinned to a processor each" if _processors() > 1 else "one processor"
    return f"CPython {sys.version.split()[0]}, {pinned}"


def _processors() -> int:
    return len(os.sched_getaffinity(0))


def _pin(index: int) -> None:
    """Keep this process on the processor of that index, if there are two."""
    if _processors() > 1:
        os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[index]})


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def main() -> None:
    parser = argparse.ArgumentParser(description="A FastAPI application on three event loops.")
    parser.add_argument("--serve", action="store_true", help="serve on jloop until Ctrl-C")
    parser.add_argument("--port", type=int, default=8000, help="of --serve")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=2.5, help="of each round on each loop")
    parser.add_argument("--connections", type=int, default=32)
    options = parser.parse_args()
    if options.serve:
        serve(options.port)
    else:
        compare(options.rounds, options.seconds, options.connections)


if __name__ == "__main__":
    main()
