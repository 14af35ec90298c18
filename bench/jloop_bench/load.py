"""The load generator as the driver sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jloop_bench import java
from jloop_bench.child import Child, ChildFailed

if TYPE_CHECKING:
    from types import TracebackType

OPTIONS = (
    "-XX:+UseSerialGC",
    "-Xms64m",
    "-Xmx256m",
    "-XX:-UsePerfData",
    "--enable-native-access=ALL-UNNAMED",
)


class Load:
    """A running load generator; it may serve many runs, so that its own warming up is done once.

    Use as a context manager.
    """

    def __init__(self, cores: frozenset[int]) -> None:
        self._child = Child([str(java.find_java()), *OPTIONS, "-jar", str(java.find_jar())], cores)
        self.used = False

    def __enter__(self) -> Load:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._child.kill()

    def run(self, verb: str, timeout: float, **options: object) -> dict[str, float]:
        """Carry out one command; its result. The options are those of the Java class `Main`.

        Raises ChildFailed if the command fails or takes more than `timeout` seconds.
        """
        return {name: float(value) for name, value in self._ask(verb, timeout, options).items()}

    def serve(self, **options: object) -> str:
        """Answer HTTP from now on; the address."""
        return self._ask("serve", 10, options)["address"]

    def _ask(self, verb: str, timeout: float, options: dict[str, object]) -> dict[str, str]:
        self._child.tell(" ".join([verb, *(f"{name}={value}" for name, value in options.items())]))
        result: dict[str, str] = self._child.answer(timeout)
        if "error" in result:
            raise ChildFailed(result["error"])
        self.used = True
        return result
