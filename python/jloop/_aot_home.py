"""The runtime that a start-up cache is trained with: the user's, with more lambda forms to put into the cache.

A method handle of a shape that the JDK does not know yet costs a class, made while the first loop starts: thirty of
them take a fifth of that time. When the JVM writes a cache it makes such classes for the shapes that its
`lib/classlist` names. So training runs in a folder that is the runtime by links, except for that list, and libjvm, by
whose place the JVM finds it. The cache fits the runtime itself: the JVM compares versions, sizes and times, not places.
"""

import os
import shutil
from pathlib import Path

from ._java_homes import JVM

TRACE_OPTIONS = ["-Djava.lang.invoke.MethodHandle.TRACE_RESOLVE=true"]  # tells the forms on standard output
_TRACED = "[LF_RESOLVE] java.lang.invoke."
_LISTED = "@lambda-form-invoker "


def lambda_forms(output: str) -> list[str]:
    """The forms that a JVM with `TRACE_OPTIONS` has told, as a class list names them."""
    # "[LF_RESOLVE] java.lang.invoke.Invokers$Holder invokeExact_MT LJ7L_J (fail)"
    return sorted({line.split(" (")[0] for line in output.splitlines() if line.startswith(_TRACED)})


def make(jvm: JVM, forms: list[str], folder: Path) -> JVM:
    """Make that runtime in `folder`, which does not exist yet. Raises OSError."""
    home, lib, server = (Path(jvm.home, *parts) for parts in ((), ("lib",), ("lib", "server")))
    (folder / "lib" / "server").mkdir(parents=True)
    _link_entries(home, folder, but="lib")
    _link_entries(lib, folder / "lib", but="server")
    _link_entries(server, folder / "lib" / "server", but="libjvm.so")
    libjvm = folder / "lib" / "server" / "libjvm.so"
    try:
        os.link(jvm.libjvm, libjvm)
    except OSError:  # another file system, or another's file
        shutil.copy2(jvm.libjvm, libjvm)
    classlist = folder / "lib" / "classlist"
    known = classlist.read_text() if classlist.exists() else ""
    classlist.unlink(missing_ok=True)
    classlist.write_text(known + "".join(f"{_LISTED}{form}\n" for form in forms))
    return JVM(str(folder), str(libjvm), jvm.version, jvm.source)


def _link_entries(source: Path, target: Path, *, but: str) -> None:
    for entry in source.iterdir():
        if entry.name != but:
            (target / entry.name).symlink_to(entry.resolve())
