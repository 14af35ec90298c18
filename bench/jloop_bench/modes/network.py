"""Servers under load, and one client."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jloop_bench.child import ChildFailed
from jloop_bench.modes.base import CPU, P50, P99, P999, RATE, REQUEST_FIGURES, RSS, USER, Figure, Mode

if TYPE_CHECKING:
    from jloop_bench.loops import LoopSpec
    from jloop_bench.modes.base import Setup

STALL = 30.0  # seconds that a run may take beyond warm-up and window


def per_operation(result: dict[str, float]) -> dict[str, float]:
    """What the load generator (or a client) reports, with processor time in microseconds per operation."""
    operations = result.get("operations", 0)
    if not operations:
        raise ChildFailed("not one request was answered in time")
    sample: dict[str, float] = {
        key: result[key] for key in ("rate", "p50_us", "p99_us", "p999_us", "load_share", "lost") if key in result
    }
    sample["cpu_us"] = result["server_cpu_seconds"] / operations * 1e6
    sample["user_us"] = result["server_user_seconds"] / operations * 1e6
    sample["server_share"] = result["server_cpu_seconds"] / result["seconds"]
    return sample


@dataclass(frozen=True)
class RequestMode(Mode):
    """Requests and replies: a server program, its `spec`, the load generator's `verb` and `options`.

    `transport` is tcp, unix or tls.
    """

    program: str = ""
    spec: dict[str, object] = field(default_factory=dict)
    options: dict[str, object] = field(default_factory=dict)
    verb: str = "request"
    transport: str = "tcp"

    def includes(self, loop: LoopSpec) -> bool:
        """Bounds are compared with the plainest server only."""
        plain = self.program == "echo" and self.spec.get("flavor") == "proto" and self.transport != "tls"
        return plain if loop.bound else True

    def sample(self, setup: Setup, loop: LoopSpec) -> dict[str, float]:
        """Serve, load, and report per request."""
        spec = dict(self.spec)
        if self.transport == "unix":
            spec["unix"] = setup.unix_path()
        elif self.transport == "tls":
            spec["certificate"], spec["key"] = setup.certificate()
        with setup.server(loop, self.program, **spec) as (child, address):
            options = {"address": address, "seconds": setup.seconds, "pid": child.pid, **self.options}
            if not setup.load.used:
                setup.load.run(self.verb, setup.seconds + STALL, warmup=0, **options)
            timeout = setup.warmup + setup.seconds + STALL
            result = setup.load.run(self.verb, timeout, warmup=setup.warmup, **options)
            return {**per_operation(result), **child.memory()}


@dataclass(frozen=True)
class BulkMode(Mode):
    """Bytes one way over a few connections; `direction` is sink (the server receives) or source."""

    direction: str = "sink"

    def sample(self, setup: Setup, loop: LoopSpec) -> dict[str, float]:
        """Serve, load, and report per mebibyte."""
        with setup.server(loop, "bulk", direction=self.direction) as (child, address):
            result = setup.load.run(
                "bulk",
                setup.warmup + setup.seconds + STALL,
                address=address,
                direction=self.direction,
                pid=child.pid,
                warmup=setup.warmup,
                seconds=setup.seconds,
            )
            mebibytes = result["bytes"] / 2**20
            return {
                "cpu_us_per_mib": result["server_cpu_seconds"] / mebibytes * 1e6,
                "user_us_per_mib": result["server_user_seconds"] / mebibytes * 1e6,
                "mib_per_second": mebibytes / result["seconds"],
                "load_share": result["load_share"],
                "server_share": result["server_cpu_seconds"] / result["seconds"],
                **child.memory(),
            }


@dataclass(frozen=True)
class IdleMode(Mode):
    """Many connections that do nothing: what each costs, how soon all are open, and what active ones cost beside them."""

    connections: int = 10_000

    def sample(self, setup: Setup, loop: LoopSpec) -> dict[str, float]:
        """Open some for warming up, measure memory, open all, measure again; then 32 of them echo."""
        with setup.server(loop, "echo", flavor="proto") as (child, address):
            target = {"address": address, "pid": child.pid}
            setup.load.run("idle", STALL, address=address, connections=50)
            setup.load.run("release", STALL)
            setup.load.run("request", STALL, warmup=0, seconds=setup.warmup, **target)
            before = child.memory()
            opened = setup.load.run("idle", 180, address=address, connections=self.connections)
            after = child.memory()
            result = setup.load.run(
                "request", setup.seconds + STALL, warmup=setup.warmup, seconds=setup.seconds, **target
            )
            setup.load.run("release", STALL)
            return {
                **per_operation(result),
                "kib_each": (after["rss_mib"] - before["rss_mib"]) * 1024 / self.connections,
                "open_seconds": opened["open_seconds"],
                "slowest_ms": opened["slowest_ms"],
                "rss_mib": after["rss_mib"],
            }


@dataclass(frozen=True)
class ClientMode(Mode):
    """An HTTP client under test, against the load generator's server."""

    connections: int = 64
    size: int = 1024

    def sample(self, setup: Setup, loop: LoopSpec) -> dict[str, float]:
        """The client measures itself."""
        setup.end_load()  # a server cannot be taken back
        spec = {
            "loop": loop.name,
            "address": setup.load.serve(size=self.size),
            "connections": self.connections,
            "size": self.size,
            "warmup": setup.warmup,
            "seconds": setup.seconds,
        }
        with setup.module("clients.aiohttp_client", json.dumps(spec)) as child:
            return per_operation(child.answer(setup.warmup + setup.seconds + STALL))


def kib(size: int) -> str:
    """A size in bytes as people write it: 64 B, 10 KiB."""
    return f"{size} B" if size < 1024 else f"{size // 1024} KiB"


def tag(size: int) -> str:
    """A size in bytes as names of modes write it: 64, 10k."""
    return str(size) if size < 1024 else f"{size // 1024}k"


FLAVORS = {"proto": "Protocol", "buffered": "BufferedProtocol", "streams": "streams", "sock": "sock_*"}
TRANSPORTS = {"tcp": "TCP", "unix": "Unix", "tls": "TLS"}


def echo(transport: str, flavor: str, size: int, alone: bool = False) -> RequestMode:
    """Echo by 32 connections or by one alone, each with one request under way."""
    return RequestMode(
        f"{transport}-{flavor}-{tag(size)}" + ("-alone" if alone else ""),
        transport,
        f"{TRANSPORTS[transport]} echo, {FLAVORS[flavor]}, {kib(size)}" + (", one connection" if alone else ""),
        REQUEST_FIGURES,
        programs=("openssl",) if transport == "tls" else (),
        program="echo",
        spec={"flavor": flavor},
        options={"kind": "tls" if transport == "tls" else "stream", "size": size, "connections": 1 if alone else 32},
        transport=transport,
    )


def udp(size: int) -> RequestMode:
    """Echo of datagrams by 32 sockets."""
    return RequestMode(
        f"udp-{tag(size)}",
        "udp",
        f"UDP echo, {kib(size)}",
        REQUEST_FIGURES,
        program="udp",
        options={"kind": "datagram", "size": size, "connections": 32},
    )


def http(
    name: str, title: str, packages: tuple[str, ...], program: str, connections: int, **spec: object
) -> RequestMode:
    """GETs over kept-alive connections; `path` in `spec` is the load's."""
    path = spec.pop("path", "/")
    return RequestMode(
        name,
        "http",
        title,
        REQUEST_FIGURES,
        packages,
        program=program,
        spec=spec,
        options={"kind": "http", "connections": connections, "path": path},
    )


def bulk(direction: str, title: str) -> BulkMode:
    """Bytes one way over four connections."""
    figures = (
        Figure("cpu_us_per_mib", "server CPU per MiB", "µs", True),
        Figure("user_us_per_mib", "of it in user space", "µs", True),
        Figure("mib_per_second", "throughput", "GiB/s", False, 1024),
        RSS,
    )
    return BulkMode(f"bulk-{direction}", "bulk", title, figures, direction=direction)


SIZES = (1024, 10 * 1024, 100 * 1024)
CONNECT_FIGURES = (CPU._replace(title="server CPU per connection"), USER, RATE._replace(title="connections per second"))
CLIENT_FIGURES = (CPU._replace(title="client CPU per request"), USER, RATE, P50, P99, P999)
IDLE_FIGURES = (
    Figure("kib_each", "resident memory per idle connection", "KiB", True),
    Figure("open_seconds", "time to open all", "s", True),
    Figure("cpu_us", "server CPU per request of 32 active ones", "µs", True),
    P99,
    RSS,
)

MODES: tuple[Mode, ...] = (
    *(echo("tcp", flavor, size) for flavor in FLAVORS for size in SIZES),
    echo("tcp", "proto", 1024, alone=True),
    *(echo("unix", flavor, size) for flavor in FLAVORS for size in SIZES),
    *(echo("tls", flavor, size) for flavor in ("proto", "streams") for size in SIZES),
    udp(64),
    udp(1024),
    *(
        http(
            f"httptools-{tag(size)}",
            f"httptools server, {kib(size)}",
            ("httptools",),
            "httptools_server",
            300,
            size=size,
        )
        for size in SIZES
    ),
    http("uvicorn", "uvicorn, 1 KiB", ("uvicorn", "httptools"), "uvicorn_server", 64, app="plaintext", size=1024),
    http(
        "fastapi",
        "FastAPI JSON on uvicorn",
        ("uvicorn", "httptools", "fastapi"),
        "uvicorn_server",
        64,
        app="fastapi",
        path="/items/7?tag=blue",
    ),
    http("aiohttp-server", "aiohttp server, 1 KiB", ("aiohttp",), "aiohttp_server", 64, size=1024),
    ClientMode("aiohttp-client", "http", "aiohttp client, 1 KiB", CLIENT_FIGURES, ("aiohttp",)),
    RequestMode(
        "websockets",
        "http",
        "websockets echo, 1 KiB",
        REQUEST_FIGURES,
        ("websockets",),
        program="websockets_server",
        options={"kind": "websocket", "size": 1024, "connections": 32},
    ),
    RequestMode(
        "connect",
        "connect",
        "Accept, echo, close",
        (*CONNECT_FIGURES, P50, P99, P999, RSS),
        program="echo",
        spec={"flavor": "proto"},
        options={"size": 64, "connections": 32},
        verb="connect",
    ),
    bulk("sink", "Bulk, server receives"),
    bulk("source", "Bulk, server sends"),
    IdleMode("idle-10k", "idle", "10,000 idle connections", IDLE_FIGURES),
)
