"""A short soak; the long one is `soak.py --seconds 600`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.timeout(150)
@pytest.mark.parametrize("kind", ["asyncio", "jloop"])
def test_everything_at_once_for_a_while(kind: str, tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if name == "PYTHONPATH" or not name.startswith("PYTHON")}
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("soak.py")), "--loop", kind, "--seconds", "12"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=140,
        cwd=tmp_path,
        env=env,
    )
    assert done.returncode == 0, f"exit status {done.returncode}\n{done.stdout}\n{done.stderr[-6000:]}"
    assert done.stderr == "", done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["asyncio"])
def test_a_wrong_byte_fails_the_soak(kind: str, tmp_path: Path) -> None:
    """The check itself is checked: a server that swaps one byte in a thousand must be found out."""
    program = f"""
import sys
sys.argv = ["soak.py", "--loop", {kind!r}, "--seconds", "5"]
sys.path.insert(0, {str(Path(__file__).parent)!r})
import soak
received = soak.Echo.data_received
soak.Echo.data_received = lambda self, data: received(self, data if len(data) < 1000 else data[:500] + b"?" + data[501:])
sys.exit(soak.main())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100, cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "wrong bytes at" in done.stdout, done.stdout
