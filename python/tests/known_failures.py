"""What jloop does not do yet as asyncio does, each with what stands in its way.

A test is named as pytest names it, from this folder on: "hazards/test_fork.py::test_x[jloop]". A listed test that passes
fails the run, so that what is done is taken off the list. `RACES` is for what fails now and then only: it may pass.
"""

import sys

_CLOCK = "timers run on the engine's clock; a loop whose time() is replaced would need timers of its own"
_DEEP = "an upcall needs more of the stack than CPython 3.14, which measures it, leaves below its limit"
_POOLED = "the collector shows handles that wait to be used again; they have no callback to print"

KNOWN_FAILURES = {
    # name of the test: reason
    "test_transport_freedom.py::TestSubclassesOfTheLoop::test_an_overridden_time_is_the_time[jloop]": _CLOCK,
    "test_transport_freedom.py::TestPatchedLoops::test_a_patched_clock_moves_timers[jloop]": _CLOCK,
    "test_transport_freedom.py::TestSubclassesOfTheLoop::test_an_overridden_call_soon_sees_what_asyncio_schedules[jloop]": (
        "call_later does not go by call_at, which the subclass overrides as well"
    ),
    "test_transport_freedom.py::TestTypes::test_signatures_accept_what_asyncios_accept[jloop]": (
        "methods that Java installs have no text signature yet"
    ),
    "test_uvloop_wounds.py::TestCrashes::test_objects_made_by_hand_fail_with_exceptions[jloop]": (
        "Java trusts the slots of an object that was made without its constructor, and the process ends"
    ),
    "hazards/test_collector.py::test_every_object_the_collector_shows_can_be_looked_at[jloop]": _POOLED,
}

if sys.version_info >= (3, 14):
    KNOWN_FAILURES |= {
        f"hazards/test_recursion.py::{name}": _DEEP
        for name in (
            "test_recursion_under_a_raised_limit_is_a_recursion_error[jloop-through C and the loop]",
            "test_recursion_in_a_thread_with_a_stack_of_its_own[jloop-through C and the loop-262144]",
            "test_recursion_in_a_thread_with_a_stack_of_its_own[jloop-through C and the loop-524288]",
            "test_recursion_in_a_thread_with_a_stack_of_its_own[jloop-through C and the loop-1048576]",
        )
    }

RACES: dict[str, str] = {}

# Those that would hang are not run at all.
NOT_RUN: set[str] = set()
