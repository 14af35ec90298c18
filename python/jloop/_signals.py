"""Signals: how they end a loop's wait. Handlers of signals are asyncio's own."""

from __future__ import annotations

import os
import signal
import threading
from asyncio import unix_events
from collections.abc import Callable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar

__all__ = ["WokenBySignals"]


class WokenBySignals(unix_events._UnixSelectorEventLoop):  # type: ignore[misc, name-defined]
    """The signals' part of `jloop.Loop`.

    While the main thread runs the loop, signals wake it through its self-pipe, whether it handles them or not: Ctrl-C
    that comes just before a wait must end it. Who had the wake-up descriptor before is told of each signal too, and has
    it back afterwards; asyncio, which takes it from the first handler to the last, does neither.
    """

    _woken_by_signals: ClassVar[WokenBySignals | None] = None  # the loop that the main thread runs
    _ssock: Any
    _csock: Any
    _internal_fds: int
    _others_wakeup_fd: int | None = None  # who is told of signals too; None if signals do not wake this loop

    def _take_wakeup_fd(self) -> None:
        if threading.get_ident() != threading.main_thread().ident:
            return
        ours = self._csock.fileno()
        old = signal.set_wakeup_fd(ours, warn_on_full_buffer=False)
        self._others_wakeup_fd = -1 if old == ours else old
        WokenBySignals._woken_by_signals = self

    def _keep_wakeup_fd(self) -> None:
        """Take the descriptor again where asyncio gave it up, with the last handler."""
        if self._others_wakeup_fd is not None and not self._signal_handlers:
            signal.set_wakeup_fd(self._csock.fileno(), warn_on_full_buffer=False)

    def _give_back_wakeup_fd(self) -> None:
        old = self._others_wakeup_fd
        if old is None:
            return
        WokenBySignals._woken_by_signals = None
        try:
            current = signal.set_wakeup_fd(old)
        except OSError:  # closed meanwhile
            current = signal.set_wakeup_fd(-1)
        if current != self._csock.fileno() or self._signal_handlers:
            # the program has set another meanwhile, or signals between two runs are the next run's
            signal.set_wakeup_fd(current)
        try:
            if old >= 0:
                self._read_from_self()  # what came since the last poll
        finally:
            self._others_wakeup_fd = None

    def _close_self_pipe(self) -> None:
        if self._ssock.fileno() >= 0:
            super()._close_self_pipe()  # type: ignore[misc]
            return
        # The collector finalized the socket before the loop: the engine's registration is gone with its descriptor
        self._csock.close()
        self._ssock = self._csock = None
        self._internal_fds -= 1

    @staticmethod
    def _leave_wakeup_fd() -> None:
        """In a forked child, whose signals are not its parent's: the self-pipe is. asyncio does so from 3.12 on."""
        loop = WokenBySignals._woken_by_signals
        if loop is not None:
            loop._others_wakeup_fd = None  # nothing to give back: what is in the pipe is for the parent
            WokenBySignals._woken_by_signals = None
            signal.set_wakeup_fd(-1)

    def _process_self_data(self, data: bytes) -> None:
        super()._process_self_data(data)  # type: ignore[misc]
        if self._others_wakeup_fd is not None and self._others_wakeup_fd >= 0:
            try:
                os.write(self._others_wakeup_fd, data)
            except OSError:  # full, which wakes as well, or closed
                pass

    def add_signal_handler(  # type: ignore[override]
        self, sig: int, callback: Callable[..., object], *args: Any
    ) -> None:
        """Call `callback(*args)` in the loop on each signal `sig`. Main thread only."""
        try:
            super().add_signal_handler(sig, callback, *args)
        except (OSError, RuntimeError):
            if threading.get_ident() == self._thread_id:
                self._keep_wakeup_fd()
            raise

    def remove_signal_handler(self, sig: int) -> bool:
        """Give `sig` its default meaning again; returns whether it had a handler. Main thread only."""
        removed = super().remove_signal_handler(sig)
        self._keep_wakeup_fd()
        return bool(removed)
