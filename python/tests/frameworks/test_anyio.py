"""anyio's asyncio backend: task groups, cancel scopes, streams, threads, processes, signals."""

from __future__ import annotations

from pathlib import Path

from .conftest import RunProgram

HEAD = """
    import asyncio, os, signal, ssl, sys
    import anyio
    from anyio.streams.tls import TLSListener
    from chosen import KIND, loop_name, new_event_loop

    def run(main):
        anyio.run(main, backend="asyncio", backend_options={"loop_factory": new_event_loop})
        print("done")
"""


def test_sockets(kind: str, run_program: RunProgram) -> None:
    assert (
        run_program(
            HEAD
            + """
    async def serve(stream):
        async with stream:
            async for data in stream:
                await stream.send(data)

    async def talk(connect):
        async with await connect() as stream:
            data = os.urandom(1_000_000)
            got = bytearray()
            async with anyio.create_task_group() as tg:
                tg.start_soon(stream.send, data)
                while len(got) < len(data):
                    got += await stream.receive()
            assert got == data
            await stream.send_eof()

    async def main():
        assert loop_name() == KIND
        async with anyio.create_task_group() as tg:
            tcp = await anyio.create_tcp_listener(local_host="127.0.0.1")
            unix = await anyio.create_unix_listener("socket")
            tg.start_soon(tcp.serve, serve)
            tg.start_soon(unix.serve, serve)
            port = tcp.extra(anyio.abc.SocketAttribute.local_port)
            async with anyio.create_task_group() as clients:
                for _ in range(10):
                    clients.start_soon(talk, lambda: anyio.connect_tcp("127.0.0.1", port))
                    clients.start_soon(talk, lambda: anyio.connect_unix("socket"))
            async with await anyio.create_udp_socket(local_host="127.0.0.1") as udp:
                address = udp.extra(anyio.abc.SocketAttribute.local_address)
                async with await anyio.create_connected_udp_socket(*address) as sender:
                    for number in range(100):
                        await sender.send(str(number).encode())
                        data, peer = await udp.receive()
                        assert data == str(number).encode()
                        await udp.sendto(data, *peer)
                        assert await sender.receive() == data
            tg.cancel_scope.cancel()
        await tcp.aclose()
        await unix.aclose()
        os.path.exists("socket") and os.unlink("socket")

    run(main)
    """
        )
        == "done\n"
    )


def test_tls(kind: str, run_program: RunProgram, certificates: Path) -> None:
    assert (
        run_program(
            HEAD
            + """
    async def serve(stream):
        async with stream:
            async for data in stream:
                await stream.send(data)

    async def main():
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{sys.argv[1]}/server.pem")
        trusted = ssl.create_default_context(cafile=f"{sys.argv[1]}/ca.pem")
        tcp = await anyio.create_tcp_listener(local_host="127.0.0.1")
        listener = TLSListener(tcp, context)
        port = tcp.extra(anyio.abc.SocketAttribute.local_port)
        async with anyio.create_task_group() as tg:
            tg.start_soon(listener.serve, serve)
            for _ in range(5):
                async with await anyio.connect_tcp("127.0.0.1", port, tls_hostname="localhost", ssl_context=trusted) as stream:
                    for size in (1, 1000, 300_000):
                        data, got = os.urandom(size), bytearray()
                        await stream.send(data)
                        while len(got) < size:
                            got += await stream.receive()
                        assert got == data
            tg.cancel_scope.cancel()
        await listener.aclose()

    run(main)
    """,
            str(certificates),
        )
        == "done\n"
    )


def test_tasks_threads_processes_and_signals(kind: str, run_program: RunProgram) -> None:
    assert (
        run_program(
            HEAD
            + """
    import time

    async def main():
        with anyio.move_on_after(0.05) as scope:
            await anyio.sleep(10)
        assert scope.cancelled_caught
        try:
            with anyio.fail_after(0.05):
                async with anyio.create_task_group() as tg:
                    for _ in range(100):
                        tg.start_soon(anyio.sleep, 10)
        except TimeoutError:
            pass
        with anyio.CancelScope(shield=True):
            await anyio.sleep(0.01)

        def in_thread(number):
            time.sleep(0.001)
            return anyio.from_thread.run_sync(lambda: number * 2) + anyio.from_thread.run(back, number)

        async def back(number):
            await anyio.sleep(0)
            return number

        results = []

        async def call(number):
            results.append(await anyio.to_thread.run_sync(in_thread, number))

        async with anyio.create_task_group() as tg:
            for number in range(50):
                tg.start_soon(call, number)
        assert sorted(results) == [number * 3 for number in range(50)]

        done = await anyio.run_process([sys.executable, "-S", "-c", "print(input()[::-1])"], input=b"abc\\n")
        assert done.stdout == b"cba\\n", done
        async with await anyio.open_process(["cat"]) as process:
            for number in range(50):
                await process.stdin.send(b"x" * 1000)
                got = 0
                while got < 1000:
                    got += len(await process.stdout.receive())
            await process.stdin.aclose()
            assert await process.wait() == 0
        with anyio.open_signal_receiver(signal.SIGUSR1, signal.SIGTERM) as signals:
            os.kill(os.getpid(), signal.SIGUSR1)
            async for number in signals:
                assert number == signal.SIGUSR1
                break
        send, receive = anyio.create_memory_object_stream(10)
        async with anyio.create_task_group() as tg:
            async def produce():
                async with send:
                    for number in range(1000):
                        await send.send(number)
            tg.start_soon(produce)
            assert [number async for number in receive] == list(range(1000))
        receive.close()
        async with anyio.create_task_group() as tg:
            event, lock, limit = anyio.Event(), anyio.Lock(), anyio.CapacityLimiter(2)
            async def locked():
                async with lock, limit:
                    await anyio.sleep(0)
                event.set()
            for _ in range(20):
                tg.start_soon(locked)
            await event.wait()

    run(main)
    """
        )
        == "done\n"
    )


def test_a_blocking_portal(kind: str, run_program: RunProgram) -> None:
    """A loop in a thread of its own, called from the others."""
    assert (
        run_program(
            HEAD
            + """
    import threading
    from anyio.from_thread import start_blocking_portal

    async def add(one, two):
        await anyio.sleep(0.001)
        return one + two, loop_name()

    with start_blocking_portal("asyncio", {"loop_factory": new_event_loop}) as portal:
        assert all(portal.call(add, number, 1) == (number + 1, KIND) for number in range(100))
        futures = [portal.start_task_soon(add, number, 2) for number in range(100)]
        assert [future.result()[0] for future in futures] == [number + 2 for number in range(100)]
    print("done")
    """
        )
        == "done\n"
    )
