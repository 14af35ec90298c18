"""Benchmarks of asyncio event loops: interleaved, pinned, with load that is neither Python nor the loop under test.

Start with `__main__` (commands), then `modes` (what is measured), `loops` (who takes part), `runner` (in which order).
`servers`, `clients` and `inprocess` run in processes of their own, under the loop they are told to use.
"""
