"""Makes the start-up cache: `python -m jloop cache`, and the processes behind it.

The building process takes a lock and starts three children. The first runs a training program and tells what lambda
forms that takes, the second runs it in a JVM that knows them (`_aot_home`) and writes the cache as it ends, and the
third proves that a loop starts with it. Only then it is put in place.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from . import _aot, _aot_home, _jvm

_TIME_LIMIT = 120  # seconds for each child
_KEPT = 6  # caches, of 10 to 15 MB each
_SCRATCH = "making-"
_ABANDONED_AFTER = 3600  # seconds after which a scratch folder is what a process left that was ended


def main(arguments: list[str]) -> int:
    """`python -m jloop cache --build|--clear`; returns the exit status."""
    match arguments:
        case ["--build"]:
            jvm = _jvm.find_jvm()
            failure = build(jvm)
            print(_aot.state(jvm, _jvm.basic_options()) if failure is None else f"no cache: {failure}")
            return 0 if failure is None else 1
        case ["--ship"]:  # scripts/build-runtime
            failure = ship(_jvm.find_jvm())
            if failure is not None:
                print(f"no cache: {failure}")
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
        with tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=path.parent) as scratch:
            candidate = Path(scratch) / "cache.aot"
            failure = _make(jvm, candidate)
            if failure is None:
                candidate.chmod(0o600)
                candidate.replace(path)
                _remove_old(path.parent)
        _aot.report(str(path), failure)
        return failure


def ship(jvm: _jvm.JVM) -> str | None:
    """Make the cache that the package of this runtime brings with it; returns why that failed, or None."""
    path = Path(_aot.shipped_path(jvm, _jvm.basic_options()))
    with tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=path.parent) as scratch:
        candidate = Path(scratch) / "cache.aot"
        failure = _make(jvm, candidate)
        if failure is None:
            candidate.replace(path)
        return failure


def clear() -> int:
    """Remove every cache and what is remembered beside them; returns how many bytes that were."""
    freed = 0
    _remove_abandoned(Path(_aot.folder()))
    for path in Path(_aot.folder()).glob("*.aot*"):
        freed += path.stat().st_size
        path.unlink(missing_ok=True)
    return freed


def _make(jvm: _jvm.JVM, candidate: Path) -> str | None:
    """Make a cache that has proved itself; returns why that failed, or None."""
    try:
        try:
            forms = _aot_home.lambda_forms(_run_child(jvm, "trace", candidate))
            _train(jvm, _aot_home.make(jvm, forms, candidate.parent / "home"), candidate)
        except (_ChildError, OSError):  # a runtime of another making: it still has its own lambda forms
            candidate.unlink(missing_ok=True)
            _train(jvm, jvm, candidate)
    except _ChildError as failure:
        return str(failure)
    return None


def _train(jvm: _jvm.JVM, trained: _jvm.JVM, candidate: Path) -> None:
    """Make a cache with the runtime `trained` and prove it with `jvm`. Raises _ChildError."""
    _run_child(trained, "train", candidate)
    _run_child(jvm, "prove", candidate)


class _ChildError(Exception):
    """What went wrong in which child."""


def _run_child(jvm: _jvm.JVM, what: str, candidate: Path) -> str:
    """Run a process that traces, trains or proves to its end; returns what it printed. Raises _ChildError."""
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
        raise _ChildError(f"{what}: {error}") from error
    output = child.stdout.decode(errors="replace").strip()
    if child.returncode != 0:
        raise _ChildError(f"{what}: exit status {child.returncode}: {output[-2000:]}")
    if what == "train" and not candidate.exists():
        raise _ChildError(f"{what}: no cache was written: {output[-2000:]}")
    return output


def _remove_old(folder: Path) -> None:
    """Keep the newest caches."""
    _remove_abandoned(folder)
    caches = sorted(folder.glob("*.aot"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in caches[_KEPT:]:
        path.unlink(missing_ok=True)


def _remove_abandoned(folder: Path) -> None:
    for path in folder.glob(f"{_SCRATCH}*"):
        with suppress(OSError):  # its owner has just removed it
            if time.time() - path.stat().st_mtime > _ABANDONED_AFTER:
                shutil.rmtree(path, ignore_errors=True)


# ---- in the processes that `_aot.builder_command` starts -------------------------------------------------------------


def child(arguments: list[str]) -> int:
    """Build in the background (no arguments), `trace FILE`, `train FILE` or `prove FILE`; returns the exit status."""
    from . import _aot_training

    match arguments:
        case []:
            os.nice(19)
            return 0 if build(_jvm.find_jvm()) is None else 1
        case ["trace", _]:
            _aot.forced_options = _aot_home.TRACE_OPTIONS
            _work(_aot_training.FEW)
            return 0
        case ["train", file]:
            # The JVM writes the cache when it ends in order, which it does in no process of a user's. While more than
            # Tier3DelayOn methods wait for C2, HotSpot has others compiled without counters: their profiles were lost.
            _aot.forced_options = [f"-XX:AOTCacheOutput={file}", "-XX:Tier3DelayOn=1000"]
            _work(_aot_training.MANY)
            for _ in range(2):  # what a loop does only once, after all is compiled, so that these branches are known
                _work(_aot_training.FEW)
            sys.stdout.flush()
            _jvm.destroy()
            os._exit(0)
        case ["prove", file]:
            # `on` instead of the usual `auto`: a cache that cannot be used is an error
            _aot.forced_options = [*_aot.use(_jvm.find_jvm(), file), "-XX:AOTMode=on"]
            _work(_aot_training.FEW)
            return 0
    return 2


def _work(rounds: int) -> None:
    from . import _aot_training, _runner

    _runner.run(_aot_training.work(rounds))
