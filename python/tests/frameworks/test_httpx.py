"""httpx's AsyncClient, over anyio's asyncio backend, against a server of this test's own threads."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator

import pytest

from .conftest import RunProgram
from .server import pattern


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.answer(pattern(int(self.path.strip("/") or "0")))

    def do_POST(self) -> None:
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(body)

    def answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


PROGRAM = """
    import asyncio, gc, sys
    import httpx
    from chosen import KIND, loop_name, run

    base = f"http://127.0.0.1:{sys.argv[1]}"

    async def client(http, number):
        for index in range(30):
            response = await http.get(f"{base}/{number * 100 + index}")
            assert len(response.content) == number * 100 + index
        body = bytes(range(256)) * 4000
        assert (await http.post(base, content=body)).content == body

        async def parts():
            for index in range(50):
                yield bytes([index]) * 5000
                await asyncio.sleep(0)

        assert (await http.post(base, content=parts())).content == b"".join(bytes([index]) * 5000 for index in range(50))
        got = 0
        async with http.stream("GET", f"{base}/3000000") as response:
            async for chunk in response.aiter_bytes(10_000):
                got += len(chunk)
        assert got == 3_000_000, got
        async with http.stream("GET", f"{base}/3000000") as response:
            async for chunk in response.aiter_bytes():
                break

    async def main():
        assert loop_name() == KIND
        async with httpx.AsyncClient(limits=httpx.Limits(max_connections=5), timeout=30) as http:
            await asyncio.gather(*(client(http, number) for number in range(8)))
            task = asyncio.create_task(http.get(f"{base}/10000000"))
            await asyncio.sleep(0.005)
            task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                pass
            assert (await http.get(f"{base}/5")).status_code == 200
        try:
            async with httpx.AsyncClient() as http:
                await http.get("http://127.0.0.1:1/")
        except httpx.ConnectError:
            pass
        else:
            raise AssertionError("no error")

    run(main())
    gc.collect()
    print("done")
"""


def test_the_client(kind: str, run_program: RunProgram, port: int) -> None:
    assert run_program(PROGRAM, str(port)) == "done\n"
