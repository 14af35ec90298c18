"""The start-up cache: what the JVM learnt in a training run, mapped into memory by every later start.

A cache (JEP 483 and 515, `-XX:AOTCache`) fits exactly one runtime, one set of jars and one set of options, and its
name says which. It is only ever put in place after a child process has started with it. Without one everything works,
only the first loop takes longer. `JLOOP_AOT` says what is done here:

- unset: use the cache; where there is none, make it in the background, once
- `use`: use the cache where there is one, never make one
- `0`: neither

It runs in every process that makes a loop, so it imports only what asyncio has imported already.
"""

import os
import subprocess
import sys
import time
from binascii import crc32

from ._jars import JARS
from ._java_homes import JVM, OWN_RUNTIME

MODE_VARIABLE = "JLOOP_AOT"
FOLDER_VARIABLE = "JLOOP_CACHE_DIR"

# What a method was compiled with in the training is known, so HotSpot need not first compile it quickly to count; but
# not before a thousand calls, or it compiles while a process starts. Options of JDK 25: later ones may have lost them,
# and one that a JVM does not know keeps it from starting.
_TRUST_TRAINING = (
    "-XX:+UnlockDiagnosticVMOptions",
    "-XX:+SkipTier2IfPossible",
    "-XX:Tier0InvokeNotifyFreqLog=10",
)

_RETRY_AFTER = 24 * 3600  # seconds until a cache that could not be made is tried again

# set in the processes that train and prove: they say themselves which cache options they start with
forced_options: list[str] | None = None


def options(jvm: JVM | None, others: list[str]) -> list[str]:
    """The JVM options that use the cache for this runtime and the `others`; none if there is no such cache."""
    if forced_options is not None:
        return forced_options
    if jvm is None or _mode() == "0" or _has_own_archive(others):
        return []
    path = _usable_path(jvm, others)
    return use(jvm, path) if path is not None else []


def use(jvm: JVM, path: str) -> list[str]:
    """The JVM options that start this runtime with the cache at `path`."""
    return [f"-XX:AOTCache={path}", *(_TRUST_TRAINING if jvm.version.partition(".")[0] == "25" else ())]


def make_in_background(jvm: JVM, others: list[str]) -> None:
    """Start making the cache in a detached process of low priority, unless it is there or was tried lately."""
    if forced_options is not None or _mode() != "make" or _has_own_archive(others):
        return
    path = cache_path(jvm, others)
    if os.path.exists(path) or _failed_lately(path) or "python" not in os.path.basename(sys.executable or ""):
        return
    # sh ends at once, so that the process that makes the cache is no child of this program's
    command = ["/bin/sh", "-c", 'cd / && "$@" > /dev/null 2>&1 < /dev/null &', "sh", *builder_command()]
    try:
        subprocess.run(command, env=builder_environment(jvm), start_new_session=True, check=False, timeout=5)
    except (OSError, subprocess.SubprocessError):
        pass


def builder_command(*arguments: str) -> list[str]:
    """The command of a Python process that runs `jloop._aot_build` from this very package.

    By its file and not by name: the JVM does not notice a cache that was trained with the classes of another package
    of that name, an installed one beside a checkout, and would run those.
    """
    package = os.path.dirname(os.path.abspath(__file__))
    source = f"""
import importlib.util, sys
spec = importlib.util.spec_from_file_location("jloop", {os.path.join(package, "__init__.py")!r})
sys.modules["jloop"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sys.modules["jloop"])
from jloop import _aot_build
sys.exit(_aot_build.child(sys.argv[1:]))
"""
    return [sys.executable, "-I", "-c", source, *arguments]


def builder_environment(jvm: JVM) -> dict[str, str]:
    """The environment of such a process, in which this runtime is the one that is found."""
    return {**os.environ, "JLOOP_JAVA_HOME": jvm.home}


def cache_path(jvm: JVM, others: list[str]) -> str:
    """Where the cache for this runtime and these options is or would be; the jars count with their contents."""
    status = os.stat(jvm.libjvm)
    return os.path.join(folder(), _name(jvm, jvm.home, str(status.st_size), str(status.st_mtime_ns), *others))


def shipped_path(jvm: JVM, others: list[str]) -> str:
    """Where the package of a runtime has, or would have, the cache for these options, wherever it is installed."""
    options = [option for option in others if not option.startswith("-Djava.class.path=")]
    return os.path.join(os.path.dirname(jvm.home), _name(jvm, *options))


def _usable_path(jvm: JVM, others: list[str]) -> str | None:
    """The cache to start with: the one that came with the runtime, or else the one made here."""
    if jvm.source == OWN_RUNTIME and os.path.exists(shipped := shipped_path(jvm, others)):
        return shipped
    path = cache_path(jvm, others)
    return path if _is_ours(path) else None


def _name(jvm: JVM, *key: str) -> str:
    contents = 0
    for jar in JARS:
        with open(jar, "rb") as file:
            contents = crc32(file.read(), contents)
    return f"{jvm.version}-{crc32(chr(0).join(key).encode(errors='replace')):08x}-{contents:08x}.aot"


def folder() -> str:
    """Where caches are kept: `JLOOP_CACHE_DIR`, or else `jloop` in the user's cache folder."""
    own = os.environ.get(FOLDER_VARIABLE)
    if own:
        return own
    return os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "jloop")


def state(jvm: JVM, others: list[str]) -> str:
    """One line about the cache for this runtime and these options."""
    if _mode() == "0":
        return f"off ({MODE_VARIABLE}=0)"
    if _has_own_archive(others):
        return "off (the JVM options name an archive of their own)"
    used = _usable_path(jvm, others)
    if used is not None:
        return f"in use: {used} ({os.stat(used).st_size / 2**20:.0f} MB)"
    path = cache_path(jvm, others)
    if os.path.exists(path):
        return f"not used, because others may write it: {path}"
    if _failed_lately(path):
        with open(_failure(path), errors="replace") as file:
            return f"could not be made: {file.read().strip()}"
    return "none yet: made in the background" if _mode() == "make" else "none: python -m jloop cache --build"


def report(path: str, failure: str | None) -> None:
    """Keep in mind why this cache could not be made, so that not every process tries; None: it was made."""
    if failure is not None:
        with open(_failure(path), "w") as file:
            file.write(failure)
    elif os.path.exists(_failure(path)):
        os.unlink(_failure(path))


# ---- whether the JVM has started with some options before ------------------------------------------------------------


def remembers(jvm: JVM, others: list[str]) -> bool:
    """Whether the JVM is known to start with these options."""
    path = cache_path(jvm, others)
    return _is_ours(path) or _is_ours(_success(path))


def remember(jvm: JVM, others: list[str]) -> None:
    """Keep in mind that the JVM starts with these options."""
    path = cache_path(jvm, others)
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        os.close(os.open(_success(path), os.O_CREAT | os.O_WRONLY, 0o600))
    except OSError:
        pass  # then it is tried every time


def _success(path: str) -> str:
    return f"{path}.starts"


def _failure(path: str) -> str:
    return f"{path}.failed"


def _failed_lately(path: str) -> bool:
    try:
        return time.time() - os.stat(_failure(path)).st_mtime < _RETRY_AFTER
    except OSError:
        return False


def _mode() -> str:
    """ "0", "use" or "make"."""
    value = os.environ.get(MODE_VARIABLE, "")
    return value if value in ("0", "use") else "make"


def _has_own_archive(others: list[str]) -> bool:
    return any(option.startswith(("-XX:AOT", "-XX:SharedArchiveFile", "-Xshare")) for option in others)


def _is_ours(path: str) -> bool:
    """Whether the file is there and none but this user and root can have written it."""
    try:
        status = os.stat(path)
    except OSError:
        return False
    return status.st_uid in (0, os.geteuid()) and not status.st_mode & 0o022
