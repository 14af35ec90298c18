"""uvicorn with a FastAPI application: both HTTP parsers, both WebSocket libraries, lifespan, workers, TLS, shutdown."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import re
import signal
import socket
import ssl
import threading
import time
from pathlib import Path

import pytest

from .conftest import RunProgram, Serve
from .server import APPS, Server, ask, get_json, pattern

LOOPS = {"asyncio": "asyncio", "jloop": "jloop:new_event_loop"}


def uvicorn(serve: Serve, kind: str, *arguments: str, **options: object) -> Server:
    command = ["-m", "uvicorn", "asgi_app:app", "--app-dir", str(APPS), "--loop", LOOPS[kind], "--host", "127.0.0.1"]
    address = () if "--uds" in arguments or "--fd" in arguments else ("--port", "{port}")
    return serve(*command, *address, *arguments, **options)


@pytest.mark.parametrize("http_parser", ["h11", "httptools"])
def test_every_kind_of_request_under_load(serve: Serve, kind: str, http_parser: str) -> None:
    server = uvicorn(serve, kind, "--http", http_parser, "--no-access-log")
    server.check_loop()
    upload = pattern(300_000)

    def work(connection: http.client.HTTPConnection, number: int) -> None:
        assert get_json(connection, f"/items/{number}?q=x{number}") == {"number": number, "q": f"x{number}"}
        item = {"id": number, "name": "ü" * 20, "tags": ["a", "b"]}
        status, body = ask(connection, "POST", "/items", json.dumps(item).encode(), content_type="application/json")
        assert (status, json.loads(body)) == (200, item)
        assert get_json(connection, f"/sync/{number}") == number * 2
        assert get_json(connection, "/depends") == "given"
        assert ask(connection, "GET", "/teapot")[0] == 418
        assert ask(connection, "GET", "/nowhere")[0] == 404
        if number % 10 == 0:
            status, body = ask(connection, "POST", "/echo", upload)
            assert (status, body) == (200, upload)
            status, body = ask(connection, "GET", "/bytes/20")
            assert body == b"".join(part.to_bytes(4, "big") * 4096 for part in range(20))
            assert get_json(connection, f"/background/{number}") == str(number)

    server.load(work)
    assert server.json("/backgrounds") == 36
    assert server.request("GET", "/subprocess") == (200, b"from a child\n")
    server.stop(status=-signal.SIGTERM)
    assert f"lifespan: started on {kind}\n" in server.text()
    assert "lifespan: ended\n" in server.text()


@pytest.mark.parametrize("http_parser", ["h11", "httptools"])
def test_large_bodies(serve: Serve, kind: str, http_parser: str) -> None:
    server = uvicorn(serve, kind, "--http", http_parser)
    body = pattern(20_000_000)
    expected = {"sha256": hashlib.sha256(body).hexdigest(), "size": len(body)}
    status, answer = server.request("POST", "/hash", body)
    assert (status, json.loads(answer)) == (200, expected)
    status, answer = server.request("POST", "/echo", body)
    assert status == 200
    assert answer == body
    status, answer = server.request("GET", "/file")
    assert answer == (APPS / "asgi_app.py").read_bytes()
    server.stop(status=-signal.SIGTERM)


def test_pipelined_requests(serve: Serve, kind: str) -> None:
    server = uvicorn(serve, kind, "--http", "httptools")
    with server.connect() as sock:
        requests = [f"GET /items/{number} HTTP/1.1\r\nHost: x\r\n\r\n" for number in range(50)]
        sock.sendall("".join(requests).encode())
        got = b""
        while got.count(b'{"number"') < 50 or not got.endswith(b"}"):
            part = sock.recv(100_000)
            assert part, got
            got += part
    assert [int(number) for number in re.findall(rb'"number":(\d+)', got)] == list(range(50))
    server.stop(status=-signal.SIGTERM)


def test_clients_that_go_away(serve: Serve, kind: str) -> None:
    """In the middle of a request, of a response, by reset: the server goes on and complains of nothing."""
    server = uvicorn(serve, kind)
    for number in range(60):
        sock = server.connect()
        if number % 4 == 0:
            sock.sendall(b"GET /items/1 HTTP/1.1\r\nHo")
        elif number % 4 == 1:
            sock.sendall(b"POST /hash HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" + bytes(1000))
        elif number % 4 == 2:
            sock.sendall(b"GET /bytes/2000 HTTP/1.1\r\nHost: x\r\n\r\n")
            sock.recv(1000)
        if number % 3 == 0:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        sock.close()
    assert server.json("/items/3") == {"number": 3, "q": "nothing"}
    time.sleep(0.2)
    server.process.send_signal(signal.SIGTERM)
    server.process.wait(30)
    # uvicorn itself logs the disconnect in the middle of an upload; nothing else may be there
    assert "asyncio" not in server.text().replace("on asyncio", ""), server.text()
    assert server.process.returncode == -signal.SIGTERM


def test_a_thousand_connections_at_once(serve: Serve, kind: str) -> None:
    server = uvicorn(serve, kind, "--no-access-log", "--backlog", "2000")
    socks = [server.connect() for _ in range(1000)]
    for number, sock in enumerate(socks):
        sock.sendall(f"GET /items/{number} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    for number, sock in enumerate(socks):
        got = sock.recv(10_000)
        while not got.endswith(b"}"):
            got += sock.recv(10_000)
        assert f'"number":{number},'.encode() in got
    for sock in socks:
        sock.close()
    server.stop(status=-signal.SIGTERM)


@pytest.mark.parametrize("number", ["SIGTERM", "SIGINT"])
def test_shutdown_lets_requests_finish(serve: Serve, kind: str, number: str) -> None:
    server = uvicorn(serve, kind)
    answers: list[tuple[int, bytes]] = []
    request = threading.Thread(target=lambda: answers.append(server.request("GET", "/slow/1")))
    idle = server.client()
    assert get_json(idle, "/items/1") == {"number": 1, "q": "nothing"}
    request.start()
    server.wait_for_log("slow: started")
    server.stop(signal.Signals[number], status={"SIGTERM": -signal.SIGTERM, "SIGINT": 0}[number])
    request.join()
    idle.close()
    assert answers == [(200, b'"slow"')]
    assert "lifespan: ended\n" in server.text()
    assert "Finished server process" in server.text()


def test_sigint_in_an_idle_wait(serve: Serve, kind: str) -> None:
    server = uvicorn(serve, kind, "--lifespan", "off")
    time.sleep(1)
    since = time.monotonic()
    server.stop(signal.SIGINT, status=0)
    assert time.monotonic() - since < 3


WEBSOCKETS = """
    import asyncio, sys
    import websockets
    from chosen import run

    async def client(number):
        async with websockets.connect(f"ws://127.0.0.1:{sys.argv[1]}/ws", max_size=None) as ws:
            for index in range(30):
                text = f"{number} {index} " + "ä" * index
                await ws.send(text)
                assert await ws.recv() == text
            for size in (0, 1, 125, 126, 65535, 65536, 1_000_000):
                data = bytes(range(256)) * (size // 256) + b"z" * (size % 256)
                await ws.send(data)
                assert await ws.recv() == data
            for index in range(100):
                await ws.send(str(index))
            for index in range(100):
                assert await ws.recv() == str(index)
            await (await ws.ping())
            if number % 2:
                await ws.send("close")
                try:
                    await ws.recv()
                except websockets.ConnectionClosed as closed:
                    assert (closed.rcvd.code, closed.rcvd.reason) == (4001, "asked to"), closed

    async def main():
        await asyncio.gather(*map(client, range(10)))

    run(main())
    print("done")
"""


@pytest.mark.parametrize("library", ["websockets", "websockets-sansio", "wsproto"])
def test_websockets(serve: Serve, kind: str, run_program: RunProgram, library: str) -> None:
    server = uvicorn(serve, kind, "--ws", library, "--ws-max-size", "10000000")
    assert run_program(WEBSOCKETS, str(server.port)) == "done\n"
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(30) == -signal.SIGTERM
    assert "Traceback" not in server.text(), server.text()


def test_workers(serve: Serve, kind: str) -> None:
    """Each worker is a fresh process with a loop of its own; a worker that dies is replaced."""
    server = uvicorn(serve, kind, "--workers", "2", "--no-access-log")
    pids = set()
    deadline = time.monotonic() + 40
    while len(pids) < 2:
        assert time.monotonic() < deadline, pids
        server.check_loop()
        pids.add(server.json("/pid"))
        time.sleep(0.02)
    assert server.pid not in pids
    dying = pids.pop()
    assert isinstance(dying, int)
    os.kill(dying, signal.SIGKILL)
    while True:
        assert time.monotonic() < deadline + 40
        try:
            if server.json("/pid") not in {dying, *pids}:
                break
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(0.05)
    server.stop(status=0)
    assert server.text().count(f"lifespan: started on {kind}") == 3
    assert server.text().count("lifespan: ended") == 2


def test_a_unix_socket(serve: Serve, kind: str, tmp_path: Path) -> None:
    server = uvicorn(serve, kind, "--uds", "socket", path=tmp_path / "socket")
    server.load(lambda connection, number: get_json(connection, f"/items/{number}"), each=30)
    server.stop(status=-signal.SIGTERM)


def test_an_inherited_listening_socket(serve: Serve, kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.set_inheritable(True)
        port = listening.getsockname()[1]
        server = uvicorn(serve, kind, "--fd", str(listening.fileno()), port=port, pass_fds=(listening.fileno(),))
        server.check_loop()
        server.load(lambda connection, number: get_json(connection, f"/items/{number}"), each=30)
        server.stop(status=-signal.SIGTERM)


def test_tls(serve: Serve, kind: str, certificates: Path) -> None:
    context = ssl.create_default_context(cafile=str(certificates / "ca.pem"))
    pem = str(certificates / "server.pem")
    server = uvicorn(serve, kind, "--ssl-keyfile", pem, "--ssl-certfile", pem, tls=context)
    server.check_loop()
    server.load(lambda connection, number: get_json(connection, f"/items/{number}"), each=30)
    body = pattern(5_000_000)
    status, answer = server.request("POST", "/echo", body)
    assert status == 200
    assert answer == body
    server.stop(status=-signal.SIGTERM)


def test_uvicorn_started_by_a_program(serve: Serve, kind: str) -> None:
    """`uvicorn.Server.serve` inside a loop that the program runs itself."""
    server = serve(
        "-c",
        "import uvicorn; from chosen import run; "
        "run(uvicorn.Server(uvicorn.Config('asgi_app:app', port={port}, log_level='warning')).serve())",
    )
    server.check_loop()
    server.load(lambda connection, number: get_json(connection, f"/items/{number}"), each=30)
    server.stop(status=-signal.SIGTERM)


def test_python_m_jloop_runs_uvicorn_unchanged(serve: Serve, kind: str) -> None:
    runner = ["-m", "jloop", "-m", "uvicorn"] if kind == "jloop" else ["-m", "uvicorn"]
    server = serve(*runner, "asgi_app:app", "--app-dir", str(APPS), "--port", "{port}", "--loop", "none")
    server.check_loop()
    server.load(lambda connection, number: get_json(connection, f"/items/{number}"), each=30)
    server.stop(status=-signal.SIGTERM)
