"""The start-up cache: what the JVM learnt in a training run, mapped into memory by every later start.

A cache (JEP 483 and 515, `-XX:AOTCache`) fits exactly one runtime, one set of jars and one set of options, and its
name says which. It is only ever put in place after a child process has started with it. Without one everything works,
only the first loop takes longer. `JLOOP_AOT` says what is done here:

- unset: use the cache; where there is none, make it in the background, once
- `use`: use the cache where there is one, never make one
- `0`: neither
"""

import os
import subprocess
import sys
import time
from zlib import crc32

from ._java_homes import JVM

__all__ = ["cache_path", "forget", "make_in_background", "options", "remember", "remembers", "state"]

MODE_VARIABLE = "JLOOP_AOT"
FOLDER_VARIABLE = "JLOOP_CACHE_DIR"

_RETRY_AFTER = 24 * 3600  # seconds until a cache that could not be made is tried again
_JARS = tuple(
    os.path.join(os.path.dirname(__file__), "lib", name) for name in ("jloop-cpython.jar", "jloop-engine.jar")
)

# set in the processes that train and prove: they say themselves which cache options they start with
forced_options: list[str] | None = None


def options(jvm: JVM | None, others: list[str]) -> list[str]:
    """The JVM options that use the cache for this runtime and the `others`; none if there is no such cache."""
    if forced_options is not None:
        return forced_options
    if jvm is None or _mode() == "0" or _has_own_archive(others):
        return []
    path = cache_path(jvm, others)
    return [f"-XX:AOTCache={path}"] if _is_ours(path) else []


def make_in_background(jvm: JVM, others: list[str]) -> None:
    """Start making the cache in a detached process of low priority, unless it is there or was tried lately."""
    if forced_options is not None or _mode() != "make" or _has_own_archive(others):
        return
    path = cache_path(jvm, others)
    if path.exists() or _failed_lately(path) or "python" not in Path(sys.executable or "").name:
        return
    # sh ends at once, so that the process that makes the cache is no child of this program's
    command = ["/bin/sh", "-c", 'cd / && "$@" > /dev/null 2>&1 < /dev/null &', "sh", *builder_command()]
    try:
        subprocess.run(command, env=builder_environment(jvm), start_new_session=True, check=False, timeout=5)
    except (OSError, subprocess.SubprocessError):
        pass


def builder_command(*arguments: str) -> list[str]:
    """The command of a Python process that runs `jloop._aot_build` from this very package."""
    source = (
        f"import sys; sys.path.append({str(_PACKAGE.parent)!r}); "
        "from jloop import _aot_build; sys.exit(_aot_build.child(sys.argv[1:]))"
    )
    return [sys.executable, "-I", "-c", source, *arguments]


def builder_environment(jvm: JVM) -> dict[str, str]:
    """The environment of such a process, in which this runtime is the one that is found."""
    return {**os.environ, "JLOOP_JAVA_HOME": str(jvm.home)}


def cache_path(jvm: JVM, others: list[str]) -> Path:
    """Where the cache for this runtime and these options is or would be; the jars count with their contents."""
    status = jvm.libjvm.stat()
    key = hashlib.sha256()
    for part in (str(jvm.home), jvm.version, str(status.st_size), str(status.st_mtime_ns), *others):
        key.update(part.encode(errors="surrogateescape") + b"\0")
    for jar in sorted((_PACKAGE / "lib").glob("*.jar")):
        key.update(jar.read_bytes())
    return folder() / f"{key.hexdigest()[:32]}.aot"


def folder() -> Path:
    """Where caches are kept: `JLOOP_CACHE_DIR`, or else `jloop` in the user's cache folder."""
    own = os.environ.get(FOLDER_VARIABLE)
    if own:
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jloop"


def state(jvm: JVM, others: list[str]) -> str:
    """One line about the cache for this runtime and these options."""
    if _mode() == "0":
        return f"off ({MODE_VARIABLE}=0)"
    if _has_own_archive(others):
        return "off (the JVM options name an archive of their own)"
    path = cache_path(jvm, others)
    if _is_ours(path):
        return f"in use: {path} ({path.stat().st_size / 2**20:.0f} MB)"
    if path.exists():
        return f"not used, because others may write it: {path}"
    if _failed_lately(path):
        return f"could not be made: {_failure(path).read_text(errors='replace').strip()}"
    return "none yet: made in the background" if _mode() == "make" else "none: python -m jloop cache --build"


# ---- what was found out about these options, beside the cache --------------------------------------------------------


def remembers(jvm: JVM, others: list[str]) -> bool:
    """Whether the JVM has started with these options before."""
    path = cache_path(jvm, others)
    return _is_ours(path) or _is_ours(path.with_suffix(".ok"))


def remember(jvm: JVM, others: list[str]) -> None:
    """Keep in mind that the JVM starts with these options."""
    path = cache_path(jvm, others)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.with_suffix(".ok").touch()
    except OSError:
        pass  # then it is tried every time


def report_failure(path: Path, reason: str) -> None:
    """Keep in mind that this cache cannot be made, so that not every process tries."""
    _failure(path).write_text(reason)


def report_success(path: Path) -> None:
    """Drop what an earlier failure left."""
    _failure(path).unlink(missing_ok=True)


def forget() -> int:
    """Remove every cache and all that is remembered; returns how many bytes that were."""
    freed = 0
    for path in folder().glob("*"):
        if path.suffix in (".aot", ".ok", ".failed", ".lock"):
            freed += path.stat().st_size
            path.unlink(missing_ok=True)
    return freed


def _failure(path: Path) -> Path:
    return path.with_suffix(".failed")


def _failed_lately(path: Path) -> bool:
    try:
        return time.time() - _failure(path).stat().st_mtime < _RETRY_AFTER
    except OSError:
        return False


def _mode() -> str:
    """ "0", "use" or "make"."""
    value = os.environ.get(MODE_VARIABLE, "")
    return value if value in ("0", "use") else "make"


def _has_own_archive(others: list[str]) -> bool:
    return any(option.startswith(("-XX:AOT", "-XX:SharedArchiveFile", "-Xshare")) for option in others)


def _is_ours(path: Path) -> bool:
    """Whether the file is there and none but this user and root can have written it."""
    try:
        status = path.stat()
    except OSError:
        return False
    return status.st_uid in (0, os.geteuid()) and not status.st_mode & 0o022
