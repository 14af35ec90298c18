"""Children of `multiprocessing`: those that start afresh run jloop, those that are forked from a running JVM run CPython's loop."""

from __future__ import annotations

import pytest

from .child import Child

PROGRAM = """
    import asyncio, concurrent.futures, multiprocessing, sys, warnings
    from underloop import KIND, load, mixed, new_event_loop, run, say

    def factory():
        if KIND == "asyncio":
            return asyncio.new_event_loop()
        import jloop
        return jloop.new_event_loop()

    def work(number=0):
        warnings.simplefilter("ignore")
        loop = factory()
        load(loop)
        loop.close()
        return type(loop).__module__.split(".")[0], number

    def put(queue):
        queue.put(work())

    def main():
        method, way = sys.argv[1:]
        context = multiprocessing.get_context(method)
        if "preload" in way:
            context.set_forkserver_preload(["jloop", "underloop"] if KIND == "jloop" else ["asyncio"])
        if "before" in way:
            loop = new_event_loop()
            load(loop)
        if "process" in way:
            queue = context.Queue()
            processes = [context.Process(target=put, args=(queue,)) for _ in range(2)]
            for process in processes:
                process.start()
            say(*sorted({queue.get()[0] for _ in processes}))
            for process in processes:
                process.join()
            say(*sorted({process.exitcode for process in processes}))
        if "pool" in way:
            with context.Pool(2) as pool:
                say(*sorted({name for name, _ in pool.map(work, range(4))}))
                pool.close()
                pool.join()
        if "executor" in way:
            async def ask():
                with concurrent.futures.ProcessPoolExecutor(2, context) as executor:
                    running = asyncio.get_running_loop()
                    answers = await asyncio.gather(*(running.run_in_executor(executor, work, n) for n in range(4)))
                    await mixed()
                assert [number for _, number in answers] == list(range(4))
                say(*sorted({name for name, _ in answers}))
            run(ask())

    if __name__ == "__main__":
        warnings.simplefilter("ignore", DeprecationWarning)
        main()
"""


@pytest.mark.parametrize("way", ["process", "process before", "pool before", "executor"])
@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_children_run_loops(child: Child, method: str, way: str) -> None:
    fresh = method != "fork" or way == "process"
    name = "jloop" if child.loop == "jloop" and fresh else "asyncio"
    child.run(PROGRAM, method, way, out=f"{name}\n0\n" if "process" in way else f"{name}\n", limit=150)


def test_a_fork_server_may_preload_jloop(child: Child) -> None:
    """Importing it starts nothing, so the server's children have no running JVM behind them."""
    child.run(PROGRAM, "forkserver", "process preload before", out=f"{child.loop}\n0\n", limit=150)
