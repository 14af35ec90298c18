"""Finds what the load generator needs: a Java runtime, the same that jloop would take, and the jar."""

from __future__ import annotations

from pathlib import Path

JAR = Path(__file__).parent / "lib" / "jloop-load.jar"


class NotFound(Exception):
    """No Java runtime, or no jar; the message says what to do."""


def find_java() -> Path:
    """The `java` program. Raises NotFound if there is no runtime that is new enough."""
    from jloop._errors import JVMError
    from jloop._java_homes import find_jvm

    try:
        return Path(find_jvm().home) / "bin" / "java"
    except JVMError as error:
        raise NotFound(str(error)) from None


def find_jar() -> Path:
    """The load generator. Raises NotFound if it has not been built."""
    if not JAR.exists():
        raise NotFound(f"no load generator at {JAR}; scripts/bench builds it")
    return JAR
