"""What jloop does not do yet as asyncio does, each with what stands in its way.

A test is named as pytest names it, from this folder on: "hazards/test_fork.py::test_x[jloop]". A listed test that passes
fails the run, so that what is done is taken off the list. `RACES` is for what fails now and then only: it may pass.
"""

KNOWN_FAILURES: dict[str, str] = {}

RACES: dict[str, str] = {}

# Those that would hang are not run at all.
NOT_RUN: set[str] = set()
