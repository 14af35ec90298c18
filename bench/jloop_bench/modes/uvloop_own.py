"""uvloop's own echo benchmark, unchanged, from its source distribution: its server, its client, its table.

The programs are downloaded when first needed and kept in the cache folder; nothing of them is in this project.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jloop_bench.child import Child, ChildFailed
from jloop_bench.modes.base import Figure, Mode

if TYPE_CHECKING:
    from jloop_bench.loops import LoopSpec
    from jloop_bench.modes.base import Setup

VERSION = "0.23.0"
FLAVORS = {"proto": ["--proto"], "buffered": ["--proto", "--buffered"], "streams": ["--streams"], "sockets": []}
SERVE_TIMEOUT = 15.0  # seconds until the server must echo
WORKERS = 3  # the client's default
# Messages per worker and second of the window: about what uvloop does with --proto. Others take longer for as many.
MESSAGES = {1: 25_000, 10: 20_000, 100: 15_000}


def programs() -> Path:
    """The folder with echoserver.py and echoclient.py. Raises CalledProcessError if it cannot be downloaded."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jloop-bench"
    folder = cache / f"uvloop-{VERSION}" / "examples" / "bench"
    if folder.exists():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as directory:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "uvloop"]
        subprocess.run([*command, "-d", directory, f"uvloop=={VERSION}"], check=True, capture_output=True)
        with tarfile.open(Path(directory) / f"uvloop-{VERSION}.tar.gz") as archive:
            members = [member for member in archive if "/examples/bench/" in member.name and member.isfile()]
            archive.extractall(directory, members)
        (Path(directory) / f"uvloop-{VERSION}").rename(cache / f"uvloop-{VERSION}")
    return folder


def free_port() -> int:
    """A port that was free a moment ago: the server cannot be asked to choose one."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True)
class UvloopOwnMode(Mode):
    """`echoserver.py` with the loop given, `echoclient.py` with its three workers; requests per second as it prints."""

    flavor: str = "proto"
    unix: bool = False
    size_kib: int = 1

    def sample(self, setup: Setup, loop: LoopSpec) -> dict[str, float]:
        """Start the server, run the client to warm it up, and once more."""
        folder = programs()
        address = f"file:{setup.unix_path()}" if self.unix else f"127.0.0.1:{free_port()}"
        arguments = [str(folder / "echoserver.py"), "--addr", address, *FLAVORS[self.flavor]]
        with setup.module("uvloop_echoserver", loop.name, *arguments) as server:
            self._await_echo(server, address)
            self._ask(setup, folder, address, setup.warmup)
            rate = self._ask(setup, folder, address, setup.seconds)
            server.check()  # this client does not notice when it has died
        return {"rate": rate}

    def _ask(self, setup: Setup, folder: Path, address: str, seconds: float) -> float:
        """Run the client for about so long; the requests per second that it tells of."""
        messages = max(100, int(MESSAGES[self.size_kib] * seconds))
        client = [sys.executable, str(folder / "echoclient.py"), "--addr", address]
        client += ["--msize", str(self.size_kib * 1024), "--num", str(messages), "--workers", str(WORKERS)]
        with Child(client, setup.cores.load) as process:
            line = ""
            while "requests/sec" not in line:
                line = process.line(60 + 20 * seconds)
        found = re.match(r"([\d.]+) requests/sec", line)
        if not found:
            raise ChildFailed(f"cannot read {line!r}")
        return float(found[1])

    def _await_echo(self, server: Child, address: str) -> None:
        """Until the server echoes one message: its client would not notice a server that does not."""
        deadline = time.monotonic() + SERVE_TIMEOUT
        kind, _, where = address.partition(":")
        target = where if kind == "file" else (kind, int(where))
        while True:
            with socket.socket(socket.AF_UNIX if kind == "file" else socket.AF_INET) as probe:
                probe.settimeout(SERVE_TIMEOUT)
                try:
                    probe.connect(target)
                except OSError:
                    server.check()
                    if time.monotonic() > deadline:
                        raise ChildFailed("echoserver.py does not serve") from None
                    time.sleep(0.02)
                    continue
                message = b"x" * self.size_kib * 1024
                probe.sendall(message)
                while message:
                    data = probe.recv(len(message))
                    if not data:
                        raise ChildFailed("echoserver.py does not echo")
                    message = message[len(data) :]
                return


MODES: tuple[Mode, ...] = tuple(
    UvloopOwnMode(
        f"uvloop-own-{'unix' if unix else 'tcp'}-{flavor}-{size}k",
        "uvloop-own",
        f"{'Unix' if unix else 'TCP'}, {flavor}, {size} KiB",
        (Figure("rate", "requests per second", "k/s", False, 1e3),),
        flavor=flavor,
        unix=unix,
        size_kib=size,
    )
    for unix in (False, True)
    for flavor in FLAVORS
    for size in MESSAGES
)
