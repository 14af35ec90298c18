"""Connections as bare descriptors: the socket object that few programs ask for is made when one does.

A connection is a `socket.socket` or, as an int, a non-blocking descriptor that nobody else closes.
"""

from __future__ import annotations

import _socket
import os
import socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["INET", "TCP", "close", "closed_socket", "family_of", "kind_of", "may_be_bare", "opened", "unpacked"]

INET = (socket.AF_INET, socket.AF_INET6)
TCP = {(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) for family in INET}  # as `kind_of` tells it

# Families, types and protocols of which a socket object that is made of its descriptor alone lacks nothing; where the
# listening socket has 0 for TCP, as it may, that of a connection has the protocol's number.
_BARE = TCP | {(family, socket.SOCK_STREAM, 0) for family in (*INET, socket.AF_UNIX)}

# As ints: making an enum's member takes longer than all else that is done with it.
family_of = _socket.socket.family.__get__
_type_of = _socket.socket.type.__get__
_proto_of = _socket.socket.proto.__get__


def kind_of(sock: socket.socket) -> tuple[int, int, int]:
    """Family, type and protocol of a socket."""
    return family_of(sock), _type_of(sock), _proto_of(sock)


def may_be_bare(kind: tuple[int, int, int]) -> bool:
    """Whether connections of this family, type and protocol may do without a socket object."""
    return kind in _BARE


def opened(conn: socket.socket | int) -> socket.socket:
    """The socket object of a connection, which owns the descriptor from now on."""
    if type(conn) is not int:
        return conn  # type: ignore[return-value]  # or a mock of one
    sock = socket.socket(fileno=conn)
    sock.setblocking(False)
    return sock


def close(conn: socket.socket | int) -> None:
    """Close a connection."""
    if type(conn) is int:
        os.close(conn)
    else:
        conn.close()  # type: ignore[union-attr]


def closed_socket(name: Any) -> socket.socket:
    """A closed socket object, of the family that an address belongs to."""
    families = {2: socket.AF_INET, 4: socket.AF_INET6}
    sock = socket.socket(families[len(name)] if isinstance(name, tuple) else socket.AF_UNIX)
    sock.close()
    return sock


def unpacked(name: Any) -> Any:
    """An address as Java gives it: those of IPv4 as an int of 48 bits, whose low 16 are the port."""
    if type(name) is not int:
        return name
    return socket.inet_ntoa((name >> 16).to_bytes(4, "big")), name & 0xFFFF
