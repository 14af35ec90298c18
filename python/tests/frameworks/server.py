"""Servers as child processes, and requests that check every byte of the answers."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

APPS = Path(__file__).with_name("apps")

# What a healthy server never prints: the JVM's words, tracebacks, complaints of asyncio or of Python's own.
SUSPECT = re.compile(
    r"Traceback|fatal error|hs_err|OpenJDK|Java HotSpot|WARNING: |Exception ignored|never awaited|never retrieved|"
    r"RuntimeWarning|was destroyed|unclosed|Error:"
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(kind: str) -> dict[str, str]:
    """The variables of a child whose programs ask `chosen` for a loop of this kind."""
    env = {name: value for name, value in os.environ.items() if name == "PYTHONPATH" or not name.startswith("PYTHON")}
    env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(APPS), env.get("PYTHONPATH", "")]))
    env["FRAMEWORK_LOOP"] = kind
    env["PYTHONUNBUFFERED"] = "1"
    return env


class Server:
    """A server that was started with `command`; it listens on loopback `port`, or on the unix socket `path`."""

    def __init__(
        self,
        kind: str,
        folder: Path,
        command: list[str],
        port: int,
        *,
        path: Path | None = None,
        tls: ssl.SSLContext | None = None,
        pass_fds: tuple[int, ...] = (),
    ) -> None:
        self.kind = kind
        self.port = port
        self.path = path
        self.tls = tls
        self.log = folder / f"log-{port}"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=folder,
                env=environment(kind),
                start_new_session=True,
                pass_fds=pass_fds,
            )
        self.pid = self.process.pid

    def text(self) -> str:
        return self.log.read_text(errors="backslashreplace")

    def wait_until_ready(self, seconds: float = 40) -> Server:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self.process.poll() is None, f"ended with {self.process.returncode}:\n{self.text()}"
            try:
                self.connect(1).close()
                return self
            except OSError:
                time.sleep(0.05)
        raise AssertionError(f"not ready after {seconds} s:\n{self.text()}")

    def wait_for_log(self, pattern: str, seconds: float = 40) -> None:
        deadline = time.monotonic() + seconds
        while not re.search(pattern, self.text()):
            assert time.monotonic() < deadline, f"no {pattern!r} in:\n{self.text()}"
            time.sleep(0.05)

    def connect(self, timeout: float = 30) -> socket.socket:
        if self.path:
            sock = socket.socket(socket.AF_UNIX)
            sock.settimeout(timeout)
            try:
                sock.connect(str(self.path))
            except OSError:
                sock.close()
                raise
            return sock
        sock = socket.create_connection(("127.0.0.1", self.port), timeout)
        return self.tls.wrap_socket(sock, server_hostname="localhost") if self.tls else sock

    def client(self) -> http.client.HTTPConnection:
        """One connection, kept alive between requests."""
        connection = http.client.HTTPConnection("localhost", timeout=30)
        connection.sock = self.connect()
        return connection

    def request(self, method: str, target: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        connection = self.client()
        try:
            return ask(connection, method, target, body, **headers)
        finally:
            connection.close()

    def json(self, target: str) -> object:
        status, body = self.request("GET", target)
        assert status == 200, (status, body)
        return json.loads(body)

    def check_loop(self) -> None:
        """The server tells which loop it runs on."""
        assert self.json("/loop") == self.kind

    def load(
        self, work: Callable[[http.client.HTTPConnection, int], None], *, clients: int = 6, each: int = 60
    ) -> None:
        """Do `work(connection, number)` `each` times on each of `clients` connections at once."""

        def client(number: int) -> None:
            connection = self.client()
            try:
                for index in range(each):
                    work(connection, number * each + index)
            finally:
                connection.close()

        with ThreadPoolExecutor(clients) as executor:
            list(executor.map(client, range(clients)))

    def stop(self, number: int = signal.SIGTERM, *, status: int, limit: float = 30) -> None:
        """Send the signal `number`; the server has to end by itself, with `status`, having printed nothing suspect."""
        self.process.send_signal(number)
        self.ended(status=status, limit=limit)

    def ended(self, *, status: int, limit: float = 30) -> None:
        try:
            self.process.wait(limit)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running {limit} s after the signal:\n{self.text()}") from None
        assert self.process.returncode == status, f"exit status {self.process.returncode}:\n{self.text()}"
        suspect = [line for line in self.text().splitlines() if SUSPECT.search(line)]
        assert not suspect, f"{suspect}\n{self.text()}"
        left = [path.name for path in Path(self.log.parent).glob("hs_err*")]
        assert not left, left

    def kill(self) -> None:
        """End what is left of the process group that this test started."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()


def ask(
    connection: http.client.HTTPConnection, method: str, target: str, body: bytes | None = None, **headers: str
) -> tuple[int, bytes]:
    connection.request(method, target, body, {name.replace("_", "-"): value for name, value in headers.items()})
    response = connection.getresponse()
    return response.status, response.read()


def get_json(connection: http.client.HTTPConnection, target: str) -> object:
    status, body = ask(connection, "GET", target)
    assert status == 200, (status, body)
    return json.loads(body)


def pattern(size: int, seed: int = 0) -> bytes:
    """`size` bytes in which every place looks different, so that a lost, doubled or swapped part shows."""
    unit = b"".join((seed + number).to_bytes(4, "big") for number in range(min(size, 40_000) // 4 + 1))
    return (unit * (size // len(unit) + 1))[:size]
