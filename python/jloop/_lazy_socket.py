"""Connections without the socket object that few programs ask for, and what is quicker asked of those there are."""

import _socket
import os
import socket

__all__ = ["LazySocket", "family_of", "kind_of", "opened"]

# As ints: making an enum's member takes longer than all else that is done with it.
family_of = _socket.socket.family.__get__
_type_of = _socket.socket.type.__get__
_proto_of = _socket.socket.proto.__get__


def kind_of(sock: socket.socket) -> tuple[int, int, int]:
    """Family, type and protocol of a socket."""
    return family_of(sock), _type_of(sock), _proto_of(sock)


class LazySocket:
    """A connected, non-blocking descriptor that becomes a `socket.socket` when somebody needs one."""

    __slots__ = ("family", "fd", "proto", "type")

    def __init__(self, fd: int, family: int, type: int, proto: int) -> None:  # noqa: A002
        self.fd = fd
        self.family = family
        self.type = type
        self.proto = proto

    def fileno(self) -> int:
        """The descriptor, -1 once it is closed."""
        return self.fd

    def close(self) -> None:
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)

    def open(self) -> socket.socket:
        """The socket object, which owns the descriptor from now on; a closed one after `close`."""
        if self.fd < 0:
            sock = socket.socket(self.family, self.type, self.proto)
            sock.close()
            return sock
        sock = socket.socket(self.family, self.type, self.proto, fileno=self.fd)
        self.fd = -1
        sock.setblocking(False)
        return sock


def opened(conn: socket.socket | LazySocket) -> socket.socket:
    """The socket object of a connection."""
    return conn.open() if isinstance(conn, LazySocket) else conn
