"""`loop.getaddrinfo` of addresses that are numbers already: answered at once, by the same function, without a thread.

The system looks nothing up for them, so it cannot block. What it answered is remembered where it follows from the
arguments alone.
"""

from __future__ import annotations

import _socket
import socket
import sys
import types
from asyncio import base_events

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    _AddressInfo = list[tuple[Any, Any, int, str, Any]]

__all__ = ["Resolver", "numeric_info"]

_getaddrinfo = socket.getaddrinfo
_system_getaddrinfo = _socket.getaddrinfo
# What was replaced before we came does not count as the original.
_ORIGINAL = getattr(_getaddrinfo, "__globals__", None) is vars(socket) and isinstance(
    _system_getaddrinfo, types.BuiltinFunctionType
)

_FAMILIES = (0, socket.AF_INET, socket.AF_INET6)
_FLAGS = socket.AI_PASSIVE | socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
_REMEMBERED = 1024

_answers: dict[tuple[str, int, int, int, int, int], _AddressInfo] = {}
_type = type
_BASE_EVENTS = vars(base_events)  # tests exchange what is in there
_ipaddr_info = base_events._ipaddr_info  # type: ignore[attr-defined]


# What asyncio makes of a host that is a number, with what follows the port in the address.
_numeric: dict[tuple[str, int, int, int], tuple[Any, Any, int, str, tuple[int, ...]]] = {}


class Resolver:
    """`getaddrinfo` of the loop, in front of asyncio's own, which asks in a thread."""

    _closed: bool
    _debug: bool

    async def _ensure_resolved(
        self,
        address: Any,
        *,
        family: int = 0,
        type: int = socket.SOCK_STREAM,  # noqa: A002
        proto: int = 0,
        flags: int = 0,
        loop: Any,
    ) -> _AddressInfo:
        """asyncio's own, whose answer is remembered for hosts that are numbers."""
        if _type(address) is tuple and len(address) == 2:
            info = numeric_info(*address, family, type, proto)
            if info is not None:
                return [info]
        return await super()._ensure_resolved(  # type: ignore[misc, no-any-return]
            address, family=family, type=type, proto=proto, flags=flags, loop=loop
        )

    async def getaddrinfo(
        self,
        host: Any,
        port: Any,
        *,
        family: int = 0,
        type: int = 0,  # noqa: A002
        proto: int = 0,
        flags: int = 0,
    ) -> _AddressInfo:
        """What `socket.getaddrinfo` answers; asked in the default executor unless `host` is an address or None."""
        if (
            socket.getaddrinfo is _getaddrinfo
            and _socket.getaddrinfo is _system_getaddrinfo
            and not self._closed
            and not self._debug  # asyncio logs how long it took
            and _ORIGINAL
        ):
            if _type(host) is str and _type(port) is int:  # True and 1.0 are equal to 1, and refused
                answer = _answers.get((host, port, family, type, proto, flags))
                if answer is not None and _type(family + type + proto + flags) is int:
                    sys.audit("socket.getaddrinfo", host, port, family, type, proto)
                    return answer.copy()
            if _is_immediate(host, port, family, flags):
                answer = _getaddrinfo(host, port, family, type, proto, flags)
                if _type(host) is str and _type(port) is int and "%" not in host:  # interfaces come and go
                    if len(_answers) >= _REMEMBERED:
                        _answers.clear()
                    _answers[host, port, family, type, proto, flags] = answer.copy()
                return answer
        return await super().getaddrinfo(  # type: ignore[misc, no-any-return]
            host, port, family=family, type=type, proto=proto, flags=flags
        )


def numeric_info(host: Any, port: Any, family: int, kind: int, proto: int) -> Any:
    """The entry of `getaddrinfo` for a host that is a number, as asyncio makes it; None for any other."""
    if type(host) is not str or type(port) is not int or _BASE_EVENTS["socket"] is not socket:
        return None
    key = (host, family, kind, proto)
    known = _numeric.get(key)
    if known is None:
        info = _ipaddr_info(host, port, family, kind, proto)
        if info is None:
            return None
        if len(_numeric) >= _REMEMBERED:
            _numeric.clear()
        _numeric[key] = known = (*info[:4], info[4][2:])
    return (*known[:4], (host, port, *known[4]))


def _is_immediate(host: Any, port: Any, family: Any, flags: Any) -> bool:
    """Whether the system answers without looking anything up."""
    if family not in _FAMILIES or not isinstance(flags, int) or flags & ~_FLAGS:
        return False
    if not (port is None or _type(port) is int or (_type(port) is str and port.isascii() and port.isdigit())):
        return False
    return host is None or (_type(host) is str and _is_address(host))


def _is_address(host: str) -> bool:
    try:
        socket.inet_pton(socket.AF_INET, host)
    except (OSError, ValueError):
        pass
    else:
        return True
    try:
        socket.inet_pton(socket.AF_INET6, host.partition("%")[0])
    except (OSError, ValueError):
        return False
    return True
