"""Loops made, closed, dropped and run by the thousand and in many threads at once."""

from __future__ import annotations

import re

import pytest

from .child import Child

PROGRAM = """
    import asyncio, gc, sys, threading, time, warnings
    from underloop import (KIND, callbacks, collect, descriptors, echo, kernel_threads, load, mixed, new_event_loop, resident, run,
                           say, timers)
"""


def test_a_thousand_loops_made_and_closed(child: Child) -> None:
    child.run(
        PROGRAM
        + """
    def thousand(count):
        for number in range(count):
            loop = new_event_loop()
            loop.run_until_complete(asyncio.sleep(0))
            if number % 50 == 0:
                load(loop)
            loop.close()

    thousand(200)
    collect()
    before = descriptors(), kernel_threads(), resident()
    thousand(1000)
    collect()
    after = descriptors(), kernel_threads(), resident()
    assert after[0] == before[0] and after[1] <= before[1] + 2 and after[2] - before[2] < 10, (before, after)
    say("done")
    """,
        out="done\n",
    )


def test_many_loops_open_at_once(child: Child) -> None:
    child.run(
        PROGRAM
        + """
    loops = [new_event_loop() for _ in range(200)]
    for loop in loops:
        loop.run_until_complete(echo(1, 2))
    for loop in reversed(loops):
        loop.close()
    load(new_event_loop())
    say("done")
    """,
        out="done\n",
    )


def test_a_loop_dropped_without_close_warns_as_asyncio_does(child: Child) -> None:
    child.run(
        PROGRAM
        + """
    before = descriptors()
    for ran in (False, True):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            loop = new_event_loop()
            if ran:
                loop.run_until_complete(callbacks(10))
            del loop
            collect()
        say(*[f"{warning.category.__name__}: {str(warning.message)[:21]}" for warning in caught])
    # not asyncio's: closing them in the collector trips over descriptors that were used again meanwhile
    for _ in range(100 if KIND == "jloop" else 0):
        new_event_loop()
    collect()
    assert descriptors() <= before + 20, (before, descriptors())
    load(new_event_loop())
    """,
        options=("-W", "ignore::ResourceWarning"),
        out="ResourceWarning: unclosed event loop <\n" * 2,
    )


def test_transports_dropped_without_close_warn_as_asyncio_does(child: Child) -> None:
    child.run(
        PROGRAM
        + """
    def make():
        loop = new_event_loop()
        server = loop.run_until_complete(loop.create_server(asyncio.Protocol, "127.0.0.1", 0))
        things = loop.run_until_complete(loop.create_connection(asyncio.Protocol, *server.sockets[0].getsockname()))
        loop.run_until_complete(asyncio.sleep(0.01))

    make()
    collect()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        make()
        collect()
    said = sorted({str(warning.message).split("<")[0].strip() for warning in caught})
    assert {warning.category for warning in caught} == {ResourceWarning}
    say(*[line for line in said if "transport" in line or "loop" in line])
    """,
        options=("-W", "ignore::ResourceWarning"),
        out=re.compile(r"unclosed event loop unclosed transport\n"),
    )


def test_loops_in_threads_under_load_at_once(child: Child) -> None:
    child.run(
        PROGRAM
        + """
    def thread(number):
        for _ in range(3):
            loop = new_event_loop()
            load(loop, 2)
            loop.close()
        done.append(number)

    done = []
    threads = [threading.Thread(target=thread, args=(number,)) for number in range(6)]
    for each in threads:
        each.start()
    load(new_event_loop(), 3)
    for each in threads:
        each.join()
    say(sorted(done))
    """,
        out="[0, 1, 2, 3, 4, 5]\n",
    )


FIRST_USES = {
    "connections": """
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"x")
        assert await reader.read() == b"x"
        writer.close()
        server.close()
    """,
    "datagrams": """
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0))
        transport.sendto(b"x", transport.get_extra_info("sockname"))
        transport.close()
    """,
}


@pytest.mark.parametrize("use", FIRST_USES)
def test_first_uses_in_many_threads_at_once(child: Child, use: str) -> None:
    """Where the lock goes from thread to thread with each instruction, a class of Java's is often half initialized."""
    child.run(
        PROGRAM
        + f"""
    async def serve(reader, writer):
        writer.write(await reader.readexactly(1))
        writer.close()

    async def use():
        {FIRST_USES[use].strip()}

    def thread():
        loop = new_event_loop()
        barrier.wait()
        loop.run_until_complete(use())
        loop.close()

    sys.setswitchinterval(1e-6)
    barrier = threading.Barrier(8)
    threads = [threading.Thread(target=thread) for _ in range(8)]
    for started in threads:
        started.start()
    for started in threads:
        started.join()
    say("done")
    """,
        out="done\n",
        limit=60,
    )


def test_loops_of_different_threads_call_each_other(child: Child) -> None:
    child.run(
        PROGRAM
        + """
    def thread(loop):
        asyncio.set_event_loop(loop)
        loop.run_forever()

    loops = [new_event_loop() for _ in range(4)]
    threads = [threading.Thread(target=thread, args=(loop,)) for loop in loops]
    for each in threads:
        each.start()
    count, finished = 0, threading.Event()

    def hop(at):
        global count
        count += 1
        if count == 20_000:
            finished.set()
        elif count < 20_000:
            loops[(at + 1) % 4].call_soon_threadsafe(hop, (at + 1) % 4)

    loops[0].call_soon_threadsafe(hop, 0)
    assert finished.wait(60), count
    say(sum(asyncio.run_coroutine_threadsafe(asyncio.sleep(0, number), loops[number]).result(30) for number in range(4)))
    for loop in loops:
        loop.call_soon_threadsafe(loop.stop)
    for each in threads:
        each.join()
    for loop in loops:
        loop.close()
    """,
        out="6\n",
    )


def test_a_thousand_short_threads_that_call_into_a_loop(child: Child) -> None:
    """Each is known to the JVM from its first call on, and must be forgotten at its end."""
    child.run(
        PROGRAM
        + """
    called = 0

    def callback():
        global called
        called += 1

    def thread():
        loop.call_soon_threadsafe(callback)
        loop.time()

    async def threads(count):
        for _ in range(count // 10):
            started = [threading.Thread(target=thread) for _ in range(10)]
            for each in started:
                each.start()
            for each in started:
                each.join()
            await asyncio.sleep(0)

    loop = new_event_loop()
    loop.run_until_complete(threads(500))
    before = kernel_threads(), resident()
    loop.run_until_complete(threads(2000))
    loop.run_until_complete(asyncio.sleep(0.1))
    after = kernel_threads(), resident()
    assert called == 2500, called
    assert after[0] <= before[0] + 2 and after[1] - before[1] < 15, (before, after)
    loop.close()
    say("done")
    """,
        out="done\n",
    )


def test_threads_with_thread_locals_end_after_the_jvm_forgot_them(child: Child) -> None:
    """Destructors of thread locals run Python code on a thread that is ending, which may call the loop once more."""
    child.run(
        PROGRAM
        + """
    class Last:
        def __del__(self):
            loop.call_soon_threadsafe(ended.append, 1)

    local, ended = threading.local(), []

    def thread():
        local.last = Last()
        loop.call_soon_threadsafe(int)

    loop = new_event_loop()
    for _ in range(200):
        each = threading.Thread(target=thread)
        each.start()
        each.join()
    loop.run_until_complete(asyncio.sleep(0.1))
    say(len(ended))
    loop.close()
    """,
        out="200\n",
    )


def test_a_loop_handed_from_thread_to_thread(child: Child) -> None:
    child.run(
        PROGRAM
        + """
    loop = new_event_loop()
    for _ in range(20):
        thread = threading.Thread(target=load, args=(loop,))
        thread.start()
        thread.join()
        loop.run_until_complete(echo(1, 2))
    loop.close()
    say("done")
    """,
        out="done\n",
    )


def test_a_loop_closed_while_another_thread_calls_it(child: Child) -> None:
    child.run(
        PROGRAM
        + """
    def thread(loop):
        try:
            while True:
                loop.call_soon_threadsafe(int)
        except RuntimeError as error:
            errors.append(str(error))

    errors = []
    for _ in range(20):
        loop = new_event_loop()
        callers = [threading.Thread(target=thread, args=(loop,)) for _ in range(2)]
        for caller in callers:
            caller.start()
        loop.run_until_complete(asyncio.sleep(0.01))
        loop.close()
        for caller in callers:
            caller.join()
    say(len(errors), *set(errors))
    """,
        out="40 Event loop is closed\n",
    )


SILENT = {
    "closed": "loop.close()",
    "open": "",
    "dropped": "del loop; collect()",
    "in an exception": "raise SystemExit(0)",
    "running": "loop.call_soon(sys.exit); loop.run_forever()",
}


@pytest.mark.parametrize("env", [{"PYTHONASYNCIODEBUG": "1"}, {}], ids=["debug", "no debug"])
@pytest.mark.parametrize("end", SILENT)
def test_a_debug_loop_that_dies_with_the_process_is_silent(child: Child, end: str, env: dict[str, str]) -> None:
    child.run(
        PROGRAM
        + f"""
    loop = new_event_loop()
    loop.set_debug({bool(env)})
    assert loop.get_debug() == {bool(env)}
    load(loop)
    {SILENT[end]}
    """,
        env=env,
    )
