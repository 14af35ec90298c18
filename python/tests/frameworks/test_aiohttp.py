"""aiohttp: its server driven by plain sockets, its client against its server."""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import signal
import ssl
import threading
from pathlib import Path

import pytest

from .conftest import RunProgram, Serve
from .server import APPS, Server, ask, get_json, pattern


def aiohttp_server(serve: Serve, *arguments: str, **options: object) -> Server:
    return serve(str(APPS / "aiohttp_app.py"), "{port}", *arguments, **options)


def test_the_server_under_load(serve: Serve, kind: str) -> None:
    server = aiohttp_server(serve)
    server.check_loop()
    upload = pattern(300_000)

    def work(connection: http.client.HTTPConnection, number: int) -> None:
        assert get_json(connection, f"/items/{number}?q=x{number}") == {"number": number, "q": f"x{number}"}
        if number % 5 == 0:
            assert ask(connection, "POST", "/echo", upload) == (200, upload)
            status, body = ask(connection, "GET", "/bytes/20")
            assert body == b"".join(part.to_bytes(4, "big") * 4096 for part in range(20))
        assert ask(connection, "GET", "/nowhere")[0] == 404

    server.load(work)
    # asyncio's run_app returns after its graceful exit
    server.stop(status=0)
    assert f"started on {kind}\n" in server.text()
    assert "cleaned up\n" in server.text()


def test_files_are_sent(serve: Serve, kind: str, tmp_path: Path) -> None:
    """By `loop.sendfile`."""
    large = tmp_path / "large"
    large.write_bytes(pattern(30_000_000))
    (tmp_path / "no-certificate").touch()
    server = serve("-c", program_that_serves(large))
    for _ in range(3):
        status, body = server.request("GET", "/")
        assert status == 200
        assert body == large.read_bytes()
    status, body = server.request("GET", "/", Range="bytes=1000000-1999999")
    assert (status, body) == (206, large.read_bytes()[1_000_000:2_000_000])
    server.stop(status=0)


def program_that_serves(path: Path) -> str:
    return f"""
from aiohttp import web
from chosen import new_event_loop

async def file(request):
    return web.FileResponse({str(path)!r})

app = web.Application()
app.router.add_get("/", file)
web.run_app(app, host="127.0.0.1", port={{port}}, loop=new_event_loop(), access_log=None)
"""


@pytest.mark.parametrize("number", ["SIGTERM", "SIGINT"])
def test_shutdown_lets_requests_finish(serve: Serve, kind: str, number: str) -> None:
    server = aiohttp_server(serve)
    answers: list[tuple[int, bytes]] = []
    request = threading.Thread(target=lambda: answers.append(server.request("GET", "/slow")))
    request.start()
    server.wait_for_log("slow: started")
    server.stop(signal.Signals[number], status=0)
    request.join()
    assert answers == [(200, b'"slow"')]


CLIENT = """
    import asyncio, hashlib, json, ssl, sys
    import aiohttp
    from chosen import run

    base, *certificate = sys.argv[1:]
    context = ssl.create_default_context(cafile=certificate[0]) if certificate else None

    async def client(session, number):
        for index in range(20):
            async with session.get(f"{base}/items/{number}", params={"q": str(index)}) as response:
                assert response.status == 200
                assert await response.json() == {"number": number, "q": str(index)}
        body = bytes(range(256)) * 5000
        async with session.post(f"{base}/echo", data=body) as response:
            assert await response.read() == body

        async def parts():
            for index in range(50):
                yield bytes([index]) * 10_000

        async with session.post(f"{base}/hash", data=parts()) as response:
            whole = b"".join(bytes([index]) * 10_000 for index in range(50))
            assert await response.json() == {"sha256": hashlib.sha256(whole).hexdigest(), "size": len(whole)}
        form = aiohttp.FormData({"a": "x" * 10})
        form.add_field("b", bytes(100_000), filename="b.bin")
        async with session.post(f"{base}/form", data=form) as response:
            assert await response.json() == {"a": 10, "b": 100_000}
        got = 0
        async with session.get(f"{base}/bytes/100") as response:
            async for chunk in response.content.iter_chunked(8192):
                got += len(chunk)
        assert got == 100 * 4 * 4096, got
        async with session.ws_connect(f"{base}/ws", max_msg_size=10_000_000) as ws:
            for size in (0, 1, 125, 126, 65535, 65536, 1_000_000):
                await ws.send_bytes(body[:size])
                assert await ws.receive_bytes() == body[:size]
            for index in range(100):
                await ws.send_str(str(index))
            for index in range(100):
                assert await ws.receive_str() == str(index)
            await ws.send_str("close")
            message = await ws.receive()
            assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 4001), message
        try:
            async with session.get(f"{base}/slow", timeout=aiohttp.ClientTimeout(total=0.1)) as response:
                await response.read()
        except asyncio.TimeoutError:
            pass
        else:
            raise AssertionError("no timeout")

    async def main():
        connector = aiohttp.TCPConnector(ssl=context) if context else None
        async with aiohttp.ClientSession(connector=connector) as session:
            await asyncio.gather(*(client(session, number) for number in range(8)))
        await asyncio.sleep(0.1)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, left

    run(main())
    print("done")
"""


def test_the_client(serve: Serve, kind: str, run_program: RunProgram) -> None:
    server = aiohttp_server(serve)
    assert run_program(CLIENT, f"http://127.0.0.1:{server.port}") == "done\n"
    server.stop(status=0)


def test_the_client_with_tls(serve: Serve, kind: str, run_program: RunProgram, certificates: Path) -> None:
    context = ssl.create_default_context(cafile=str(certificates / "ca.pem"))
    server = aiohttp_server(serve, str(certificates / "server.pem"), tls=context)
    body = pattern(3_000_000)
    status, answer = server.request("POST", "/hash", body)
    assert (status, json.loads(answer)) == (200, {"sha256": hashlib.sha256(body).hexdigest(), "size": len(body)})
    assert run_program(CLIENT, f"https://localhost:{server.port}", str(certificates / "ca.pem")) == "done\n"
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(30) == 0
    assert not re.search("Traceback|Java", server.text()), server.text()


def test_names_are_resolved_and_refusals_told(kind: str, run_program: RunProgram) -> None:
    out = run_program(
        """
        import asyncio, socket
        import aiohttp
        from chosen import run

        async def main():
            with socket.socket() as closed:
                closed.bind(("127.0.0.1", 0))
                async with aiohttp.ClientSession() as session:
                    try:
                        await session.get(f"http://localhost:{closed.getsockname()[1]}/")
                    except aiohttp.ClientConnectorError as error:
                        print(type(error.os_error).__name__)

        run(main())
        """
    )
    assert out in ("ConnectionRefusedError\n", "OSError\n")
