"""The ahead-of-time cache that makes the JVM start faster."""

from ._java_homes import JVM


def options(jvm: JVM | None) -> list[str]:
    """JVM options that use the cache of this runtime, if there is a proved one."""
    del jvm
    return []


def state(jvm: JVM) -> str:
    """One line about the cache of this runtime."""
    del jvm
    return "none"
