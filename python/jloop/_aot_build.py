"""Makes the start-up cache: `python -m jloop cache`, and the processes behind it.

The building process takes a lock, lets a first child run a training program whose JVM writes the cache as it ends,
lets a second child prove that a loop starts with it, and only then puts it in place.
"""

import fcntl
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from . import _aot, _jvm

_TIME_LIMIT = 120  # seconds for each child
_KEPT = 6  # caches, of 10 to 15 MB each


def main(arguments: list[str]) -> int:
    """`python -m jloop cache --build|--clear`; returns the exit status."""
    match arguments:
        case ["--build"]:
            jvm = _jvm.find_jvm()
            failure = build(jvm)
            print(_aot.state(jvm, _jvm.basic_options()) if failure is None else f"no cache: {failure}")
            return 0 if failure is None else 1
        case ["--clear"]:
            print(f"{clear() / 2**20:.0f} MB removed from {_aot.folder()}")
            return 0
    print("usage: python -m jloop cache --build|--clear", file=sys.stderr)
    return 2


def build(jvm: _jvm.JVM) -> str | None:
    """Make the cache for this runtime and the options of now, unless it is there; returns why that failed, or None."""
    path = Path(_aot.cache_path(jvm, _jvm.basic_options()))
    if path.exists():
        return None
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with Path(f"{path}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return "another process is making it"
        with tempfile.TemporaryDirectory(prefix="making-", dir=path.parent) as scratch:
            candidate = Path(scratch) / "cache.aot"
            failure = _run_child(jvm, "train", candidate) or _run_child(jvm, "prove", candidate)
            if failure is None:
                candidate.chmod(0o600)
                candidate.replace(path)
                _remove_old(path.parent)
        _aot.report(str(path), failure)
        return failure


def clear() -> int:
    """Remove every cache and what is remembered beside them; returns how many bytes that were."""
    freed = 0
    for path in Path(_aot.folder()).glob("*.aot*"):
        freed += path.stat().st_size
        path.unlink(missing_ok=True)
    return freed


def _run_child(jvm: _jvm.JVM, what: str, candidate: Path) -> str | None:
    """Run a training or proving process to its end; returns what went wrong, or None."""
    try:
        child = subprocess.run(
            _aot.builder_command(what, str(candidate)),
            env=_aot.builder_environment(jvm),
            cwd=candidate.parent,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_TIME_LIMIT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{what}: {error}"
    if child.returncode != 0:
        output = child.stdout.decode(errors="replace").strip()
        return f"{what}: exit status {child.returncode}: {output[-2000:]}"
    if not candidate.exists():
        return f"{what}: no cache was written: {child.stdout.decode(errors='replace').strip()[-2000:]}"
    return None


def _remove_old(folder: Path) -> None:
    """Keep the newest caches."""
    caches = sorted(folder.glob("*.aot"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in caches[_KEPT:]:
        path.unlink(missing_ok=True)


# ---- in the processes that `_aot.builder_command` starts -------------------------------------------------------------


def child(arguments: list[str]) -> int:
    """Build in the background (no arguments), `train FILE` or `prove FILE`; returns the exit status."""
    match arguments:
        case []:
            os.nice(19)
            return 0 if build(_jvm.find_jvm()) is None else 1
        case ["train", file]:
            # the JVM writes the cache when it ends in order, which it does in no process of a user's
            _aot.forced_options = [f"-XX:AOTCacheOutput={file}"]
            _work()
            sys.stdout.flush()
            _jvm.destroy()
            os._exit(0)
        case ["prove", file]:
            # `on` instead of the usual `auto`: a cache that cannot be used is an error
            _aot.forced_options = [f"-XX:AOTCache={file}", "-XX:AOTMode=on"]
            _work()
            return 0
    return 2


def _work() -> None:
    from . import _aot_training, _runner

    _runner.run(_aot_training.work())
