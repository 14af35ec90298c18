"""Child processes: asyncio's transports, and exits that the loop itself sees.

asyncio of 3.10 and 3.11 starts a thread for each child, later ones ask once whether the kernel has pidfds. Here a pidfd
of each child is in the loop's poller, on every version: no thread, no SIGCHLD handler, on any thread's loop. The rest
is the standard library's: `subprocess.Popen` spawns with vfork, which does not copy the page tables of a large process,
unless an argument makes it fork (`preexec_fn`, `user`, `group`).
"""

from __future__ import annotations

import functools
import os
import signal
import sys
from asyncio import events, unix_events
from asyncio.log import logger

from . import _jvm

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["SubprocessTransport", "WatchesChildren"]

if sys.version_info >= (3, 14):
    _PidfdWatcher, _ThreadWatcher = unix_events._PidfdChildWatcher, unix_events._ThreadedChildWatcher
else:
    _PidfdWatcher, _ThreadWatcher = unix_events.PidfdChildWatcher, unix_events.ThreadedChildWatcher

_P_PIDFD = 3  # linux/wait.h; Python has the name only if the C library it was built with did
# The words of the watcher that this version's asyncio takes.
_UNKNOWN_CHILD = (
    "child process pid %d exit status already read:  will report returncode 255"
    if sys.version_info >= (3, 12)
    else "Unknown child process pid %d, will report returncode 255"
)
_UNKNOWN_RETURN_CODE = 255  # asyncio's, where somebody else waited for the child


def _is_watched_by_asyncio(loop: Any) -> bool:
    """Whether the program chose a child watcher of its own, which is then to see the exits, as the documentation says.

    asyncio's default watchers do not count, whoever set them: each child's exit comes to the same callback at the same
    time, with a thread less. A policy that knows no watchers (`uvloop`'s is one) is no choice either.
    """
    if sys.version_info >= (3, 14):
        return type(loop._watcher) not in (_PidfdWatcher, _ThreadWatcher)
    policy: Any = events.get_event_loop_policy()
    getter = getattr(getattr(policy, "get_child_watcher", None), "__func__", None)
    if getter is unix_events._UnixDefaultEventLoopPolicy.get_child_watcher:
        # asking would make one, and warn from 3.12 on
        watcher = policy._watcher
        return watcher is not None and type(watcher) not in (_PidfdWatcher, _ThreadWatcher)
    return getter is not events.AbstractEventLoopPolicy.get_child_watcher


@functools.cache
def _thread_watcher() -> Any:
    """asyncio's watcher with a thread per child, for children without a pidfd."""
    return _ThreadWatcher()


class SubprocessTransport(unix_events._UnixSubprocessTransport):  # type: ignore[misc, name-defined]
    """asyncio's transport of a child process, which learns of the exit from a pidfd.

    The pidfd is the transport's, from `watch` until the exit or the end of the loop, and is closed once.
    """

    _exit_waiters: Any
    _pidfd = -1
    _connecting = False

    def watch(self) -> None:
        """See to it that the exit is noticed. Call it once, in the running loop, when the child has been started."""
        loop = self._loop
        try:
            self._pidfd = os.pidfd_open(self._pid)
            loop._children.add(self)
            loop._add_reader(self._pidfd, self._exited)
        except (AttributeError, OSError):
            # A Python or a kernel without pidfds, a sandbox that forbids them, no descriptor left
            self.unwatch()
            _thread_watcher().add_child_handler(self._pid, loop._child_watcher_callback, self)

    def unwatch(self) -> None:
        """Forget the child; nobody will say when it exits. Does nothing if it is not watched."""
        pidfd, self._pidfd = self._pidfd, -1
        if pidfd < 0:
            return
        loop = self._loop
        loop._children.discard(self)
        loop._remove_reader(pidfd)
        os.close(pidfd)

    def _exited(self) -> None:
        """The child has exited: its pidfd is readable."""
        process, loop = self._proc, self._loop
        try:
            # By pidfd: the number may be another process's if somebody else waited for this one
            result: Any = os.waitid(_P_PIDFD, self._pidfd, os.WEXITED)
        except ChildProcessError:
            returncode = process.returncode  # close() polls; so may the program
            if returncode is None:
                returncode = _UNKNOWN_RETURN_CODE
                logger.warning(_UNKNOWN_CHILD, self._pid)
        else:
            returncode = result.si_status if result.si_code == os.CLD_EXITED else -result.si_status
            process.returncode = returncode  # from now on the number is free: no signal must go there
        self.unwatch()
        loop._child_watcher_callback(self._pid, returncode, self)

    async def _connect_pipes(self, waiter: Any) -> None:
        self._connecting = True
        await super()._connect_pipes(waiter)  # what it raises goes to the waiter
        self._connecting = False
        if self._pending_calls is not None:
            self._close_unconnected()

    def give_up(self) -> None:
        """Close what is open of a child whose spawning was cancelled."""
        self.close()
        if not self._connecting:
            self._close_unconnected()

    def _close_unconnected(self) -> None:
        """Close the pipes that never became transports; asyncio leaves them to the collector."""
        process = self._proc
        for fd, pipe in enumerate((process.stdin, process.stdout, process.stderr)):
            if pipe is not None and self._pipes[fd] is None:
                self._loop.call_soon(pipe.close)  # after a transport that was just cancelled has let go of it

    def _try_finish(self) -> None:
        super()._try_finish()
        if self._returncode is not None and self._pending_calls is not None and self._exit_waiters:
            # Cancelled while the pipes were being connected, so the end will never be complete. Who waits for it waited
            # for ever in 3.12 and 3.13
            waiters, self._exit_waiters = self._exit_waiters, []
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(self._returncode)

    def close(self) -> None:
        if _jvm.forked():  # the child is of the process that this one was forked from, and so are the pipes
            self._closed = True
        else:
            super().close()

    def send_signal(self, sig: int) -> None:
        """Send a signal, unless the child has been waited for; ProcessLookupError if the transport is at its end.

        Popen's own polls first (before 3.13), which takes the exit status away from the loop.
        """
        self._check_proc()
        if self._proc.returncode is None:
            try:
                os.kill(self._pid, sig)
            except ProcessLookupError:
                pass

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class WatchesChildren(unix_events._UnixSelectorEventLoop):  # type: ignore[misc, name-defined]
    """The children's part of `jloop.Loop`."""

    _children: set[SubprocessTransport]  # those whose exit is still to come

    async def _make_subprocess_transport(
        self,
        protocol: Any,
        args: Any,
        shell: bool,
        stdin: Any,
        stdout: Any,
        stderr: Any,
        bufsize: int,
        extra: Any = None,
        **popen: Any,
    ) -> Any:
        if _is_watched_by_asyncio(self):
            return await super()._make_subprocess_transport(  # type: ignore[misc]
                protocol, args, shell, stdin, stdout, stderr, bufsize, extra, **popen
            )
        waiter = self.create_future()
        transport = SubprocessTransport(
            self, protocol, args, shell, stdin, stdout, stderr, bufsize, waiter=waiter, extra=extra, **popen
        )
        transport.watch()
        try:
            await waiter
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException:
            transport.give_up()
            await transport._wait()
            raise
        return transport

    def close(self) -> None:
        super().close()
        for child in list(self._children):
            child.unwatch()
