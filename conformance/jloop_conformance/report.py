"""Tells what became of the tests."""

from collections import Counter
from collections.abc import Iterable, Mapping

from .left_out import Entry
from .processes import Result

_ALWAYS = ("passed", "failed")


def count(results: Iterable[Result]) -> str:
    """`12 passed, 0 failed, 1 skipped`."""
    found = Counter(result.status for result in results)
    statuses = ("passed", "failed", "crashed", "hung", "skipped")
    return ", ".join(f"{found[status]} {status}" for status in statuses if found[status] or status in _ALWAYS)


def summary(results: Mapping[str, Result], left_out: Iterable[str], prefix: str = "") -> str:
    """The counts of a suite, or of all."""
    chosen = [result for test, result in results.items() if test.startswith(prefix)]
    excluded = sum(test.startswith(prefix) for test in left_out)
    flaky = sum(result.flaky for result in chosen)
    return f"{count(chosen)}, {excluded} left out" + (f", {flaky} of the passed only when repeated" if flaky else "")


def tell_failures(results: Mapping[str, Result], verbose: bool) -> None:
    """Print what failed, and what passed only the second time, with all that is known of it if `verbose`."""
    for test, result in sorted(results.items()):
        if result.bad or result.flaky:
            status = "failed, then passed" if result.flaky else result.status
            print(f"{status}: {test}")
            lines = result.text.strip().splitlines()
            # of a failure the last line says most; of a crash or hang the first
            one = lines[:1] if result.status in ("crashed", "hung") else lines[-1:]
            for line in lines if verbose else one:
                print(f"    {line}")


def tell_left_out(left_out: Mapping[str, Entry]) -> None:
    """Print each test that is left out, with its reason."""
    for test, entry in sorted(left_out.items()):
        print(f"left out: {test} ({entry.kind}: {entry.reason})")


def verified(results: Mapping[str, Result]) -> int:
    """Print the tests that are left out as failing on asyncio, and do not; 1 if there are any."""
    wrong = [test for test, result in sorted(results.items()) if result.status == "passed" and not result.flaky]
    for test in wrong:
        print(f"passes on asyncio: {test}")
    print(f"{len(results) - len(wrong)} tests fail on asyncio as the list says, {len(wrong)} do not")
    return int(bool(wrong))
