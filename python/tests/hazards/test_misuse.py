"""What a program does to descriptors, slots and the loop itself at moments when Java holds their addresses.

None of it may end the process; where asyncio answers with an error, so does jloop.
"""

from __future__ import annotations

import re
import textwrap

import pytest

from .child import Child

PROGRAM = """
    import asyncio, gc, os, socket
    from underloop import load, new_event_loop, say

    def number_of(sock):
        number = sock.fileno()
        sock.close()
        return number

    def pair():
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        return ours, theirs

    async def main():
        loop = asyncio.get_running_loop()
"""

END = """
    loop = new_event_loop()
    loop.set_exception_handler(lambda loop, context: None)
    loop.run_until_complete(main())
    loop.close()
    load(new_event_loop())
    say("survived")
"""

MISUSES = {
    "a descriptor is closed before its callbacks are removed": """
        ours, theirs = pair()
        loop.add_reader(ours, print)
        loop.add_writer(ours, int)
        number = number_of(ours)
        loop.remove_reader(number)
        loop.remove_writer(number)
        again, _ = pair()
        assert again.fileno() == number
        called = asyncio.Event()
        loop.add_writer(again, called.set)
        try:
            loop.remove_writer(ours)
        except ValueError:  # it has no descriptor, and is not known any more
            pass
        await called.wait()
        assert not loop.remove_reader(again)
        assert loop.remove_writer(again)
    """,
    "a descriptor is closed that has a duplicate, and one of its callbacks is removed": """
        ours, theirs = pair()
        duplicate = os.dup(ours.fileno())
        loop.add_reader(ours, int)
        loop.add_writer(ours, int)
        loop.remove_writer(number_of(ours))
        theirs.send(b"x")
        await asyncio.sleep(0.01)
    """,
    "a socket is closed while somebody sends on it": """
        ours, theirs = pair()
        loop.add_reader(ours, int)
        sending = asyncio.ensure_future(loop.sock_sendall(ours, bytes(5_000_000)))
        await asyncio.sleep(0)
        number = number_of(ours)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        again, other = pair()
        assert again.fileno() == number
        receiving = asyncio.ensure_future(loop.sock_recv(again, 10))
        await asyncio.sleep(0)
        other.send(b"x")
        assert await receiving == b"x"
    """,
    "the arguments of handles are lists": """
        for _ in range(2000):
            handle = loop.call_soon(lambda *args: None, 1, 2)
            handle._args = [object(), object()]
            del handle
            await asyncio.sleep(0)
    """,
    "pooled handles are found and changed": """
        for _ in range(300):
            loop.call_soon(int, 1)
        await asyncio.sleep(0)
        changes = [lambda handle: handle.cancel(), lambda handle: setattr(handle, "_args", [1]),
                   lambda handle: delattr(handle, "_args"), lambda handle: setattr(handle, "_cancelled", True)]
        for number, handle in enumerate(thing for thing in gc.get_objects() if isinstance(thing, asyncio.Handle)):
            if handle._loop is None:
                try:
                    changes[number % 4](handle)
                except AttributeError:
                    pass
        called = []
        for number in range(1000):
            loop.call_soon(called.append, number)
        await asyncio.sleep(0.01)
        assert called == list(range(1000)), len(called)
    """,
    "slots of transports are deleted": """
        for kind, slots in ((socket.SOCK_STREAM, ["_protocol", "_context", "_write_context"]),
                            (socket.SOCK_DGRAM, ["_protocol", "_address", "_context"])):
            for slot in slots:
                ours, theirs = socket.socketpair(type=kind)
                if kind == socket.SOCK_STREAM:
                    transport, _ = await loop.create_connection(asyncio.Protocol, sock=ours)
                else:
                    transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, sock=ours)
                await asyncio.sleep(0)
                try:
                    delattr(transport, slot)
                except AttributeError:
                    continue
                theirs.send(b"data")
                try:
                    transport.write(b"data") if kind == socket.SOCK_STREAM else transport.sendto(b"data")
                except (AttributeError, TypeError):
                    pass
                await asyncio.sleep(0.001)
                theirs.close()
                await asyncio.sleep(0.001)
    """,
    "a descriptor is none that there can be": """
        for number in (10**5, 10**7, 2**31 - 1, 10**30):
            try:
                loop.add_reader(number, print)
            except (OSError, OverflowError, ValueError):
                pass
            loop.remove_reader(number)
    """,
}


@pytest.mark.parametrize("misuse", MISUSES)
def test_the_process_survives(jloop_child: Child, misuse: str) -> None:
    body = textwrap.indent(textwrap.dedent(MISUSES[misuse]), " " * 8)
    jloop_child.run(PROGRAM + body + END, out="survived\n", err=re.compile(".*", re.DOTALL))


CLOSES = {
    "pause_writing": """
        class Closing(asyncio.Protocol):
            def pause_writing(self):
                loop.close()
        ours, theirs = socket.socketpair()
        transport, _ = loop.run_until_complete(loop.create_connection(Closing, sock=ours))
        transport.writelines([bytes(4_000_000)] * 3)
    """,
    "fileno": """
        class File:
            asked = 0
            def fileno(self):
                self.asked += 1
                if self.asked == 2:
                    loop.close()
                return ours.fileno()
        ours, theirs = socket.socketpair()
        loop.add_reader(File(), print)
    """,
    "a socket that others have by now": """
        ours, theirs = socket.socketpair()
        first, _ = loop.run_until_complete(loop.create_connection(asyncio.Protocol, sock=ours))
        first.write(bytes(3_000_000))
        first.close()
        number = ours.fileno()
        ours.close()
        again, other = socket.socketpair()
        assert again.fileno() == number
        second, _ = loop.run_until_complete(loop.create_connection(asyncio.Protocol, sock=again))
        loop.close()
        for transport in (first, second):
            transport.write(b"data")
            transport.abort()
    """,
}


@pytest.mark.parametrize("place", CLOSES)
def test_memory_of_a_loop_that_is_closed_in_the_middle_is_left_alone(jloop_child: Child, place: str) -> None:
    """Blocks of the sizes that the loop had are taken at once, and must stay as they are."""
    body = textwrap.indent(textwrap.dedent(CLOSES[place]), " " * 8)
    jloop_child.run(
        f"""
    import asyncio, socket
    from underloop import load, new_event_loop, say

    loop = new_event_loop()
    blocks = []
    close = loop.close

    def close_and_take():
        close()
        blocks.extend(bytearray(size) for size in (12_320, 12_288, 65_536, 262_144, 16_448, 80, 64) for _ in range(20))

    loop.close = close_and_take
    try:
        pass
{body}
    except (RuntimeError, OSError) as error:
        assert "internal error" not in str(error), error
    assert blocks
    assert not any(map(any, blocks))
    load(new_event_loop())
    say("survived")
    """,
        out="survived\n",
        err=re.compile(".*", re.DOTALL),
    )
