"""Drives HTTP load at a server on this machine: keep-alive connections, one request in flight on each.

    python examples/load.py PORT [--path /] [--connections 32] [--seconds 4] [--json]

It speaks just enough HTTP/1.1 to be much faster than the servers it measures: responses need a Content-Length.
"""

import argparse
import json
import selectors
import socket
import time
from dataclasses import asdict, dataclass


@dataclass
class Result:
    """What one run saw."""

    requests: int
    errors: int
    seconds: float
    median_ms: float  # latency
    p99_ms: float

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds


class Connection:
    """One keep-alive connection with at most one request in flight."""

    def __init__(self, port: int, request: bytes) -> None:
        self._request = request
        self._received = b""
        self._sent_at = 0.0
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)

    def send(self) -> None:
        self._sent_at = time.perf_counter()
        self.socket.send(self._request)

    def receive(self) -> tuple[bytes, float] | None:
        """The status line and the latency in seconds of a finished response; None if it is not all there yet."""
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("the server closed the connection")
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if not separator or len(body) < self._content_length(head):
            return None
        self._received = b""
        return head[: head.index(b"\r\n")], time.perf_counter() - self._sent_at

    @staticmethod
    def _content_length(head: bytes) -> int:
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                return int(line[15:])
        raise ValueError(f"no Content-Length in {head!r}")


def drive(port: int, path: str = "/", connections: int = 32, seconds: float = 4.0) -> Result:
    """Load the server at 127.0.0.1:`port` for `seconds`; raises OSError if it cannot be reached."""
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
    selector = selectors.DefaultSelector()
    everyone = [Connection(port, request) for _ in range(connections)]
    for connection in everyone:
        selector.register(connection.socket, selectors.EVENT_READ, connection)
        connection.send()
    latencies: list[float] = []
    errors = 0
    start = now = time.perf_counter()
    while now - start < seconds:
        ready = selector.select(1)
        for key, _ in ready:
            connection = key.data
            finished = connection.receive()
            if finished is None:
                continue
            status, latency = finished
            if b" 200" in status:
                latencies.append(latency)
            else:
                errors += 1
            connection.send()
        now = time.perf_counter()
    for connection in everyone:
        connection.socket.close()
    latencies.sort()

    def percentile(fraction: float) -> float:
        return latencies[int(fraction * (len(latencies) - 1))] * 1e3 if latencies else 0.0

    return Result(len(latencies), errors, now - start, percentile(0.5), percentile(0.99))


def main() -> None:
    parser = argparse.ArgumentParser(description="Drive HTTP load at a server on this machine.")
    parser.add_argument("port", type=int)
    parser.add_argument("--path", default="/")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--json", action="store_true", help="print the result as one line of JSON")
    options = parser.parse_args()
    result = drive(options.port, options.path, options.connections, options.seconds)
    if options.json:
        print(json.dumps(asdict(result)))
    else:
        print(
            f"{result.per_second:.0f} requests/s, {result.errors} errors, "
            f"latency {result.median_ms:.2f} ms median, {result.p99_ms:.2f} ms p99"
        )


if __name__ == "__main__":
    main()
