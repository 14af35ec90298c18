"""Fixtures of the frameworks' tests: kinds of loop, servers in child processes, programs in child processes."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from .server import SUSPECT, Server, environment, free_port

Serve = Callable[..., Server]
RunProgram = Callable[..., str]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`--loop` narrows what runs, here as in the other tests."""
    if "kind" in metafunc.fixturenames:
        metafunc.parametrize("kind", metafunc.config.getoption("--loop", None) or ["asyncio", "jloop"], indirect=True)


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> str:
    """The kind of loop that the framework runs on."""
    return str(request.param)


@pytest.fixture
def serve(kind: str, tmp_path: Path) -> Iterator[Serve]:
    """Starts servers: `serve("-m", "uvicorn", "--port", "{port}", ...)`; whatever still runs after the test is ended."""
    started: list[Server] = []

    def start(*command: str, ready: bool = True, port: int | None = None, **options: object) -> Server:
        port = port or free_port()
        words = [word.replace("{port}", str(port)).replace("{folder}", str(tmp_path)) for word in command]
        server = Server(kind, tmp_path, words, port, **options)  # type: ignore[arg-type]
        started.append(server)
        return server.wait_until_ready() if ready else server

    yield start
    for server in started:
        server.kill()


@pytest.fixture
def run_program(kind: str, tmp_path: Path) -> RunProgram:
    """Runs a program on the loop under test and returns its output; anything on standard error fails the test."""

    def run(program: str, *arguments: str, limit: float = 60) -> str:
        path = tmp_path / "program.py"
        path.write_text(textwrap.dedent(program))
        done = subprocess.run(
            [sys.executable, str(path), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=limit,
            cwd=tmp_path,
            env=environment(kind),
        )
        assert done.returncode == 0, f"exit status {done.returncode}\n{done.stdout}\n{done.stderr[-6000:]}"
        assert done.stderr == "", done.stderr
        assert not SUSPECT.search(done.stdout), done.stdout
        return done.stdout

    return run


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `ca.pem` and `server.pem`, the chain and key for localhost."""
    folder = tmp_path_factory.mktemp("certificates")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    authority.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
        str(folder / "server.pem")
    )
    return folder
