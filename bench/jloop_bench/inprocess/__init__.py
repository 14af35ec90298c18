"""Benchmarks inside one process: scheduling, timers, tasks, threads, names, connections, child processes.

Each is a function that takes a loop, prepares, and returns a batch: a function that does a fixed amount of work on that
loop and returns how many operations that was. `__main__` times batches.
"""
