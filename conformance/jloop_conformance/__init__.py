"""Runs the asyncio tests of uvloop and of CPython against a loop: `scripts/conformance`."""
