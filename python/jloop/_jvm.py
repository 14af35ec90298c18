"""Starts a JVM in this process and calls one static method of it; the only module that uses ctypes.

The JVM shares the process with CPython, so starting it must leave the process as Python knows it: nothing printed,
no signal handler changed that Python or the program set. HotSpot keeps only the handlers by which it works
(it reads through guarded memory and takes the SIGSEGV), see `restore_signal_handlers`.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import resource
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ctypes import POINTER, PYFUNCTYPE, byref, c_char_p, c_int, c_longlong, c_size_t, c_ubyte, c_ulong, c_void_p, cast

from . import _aot, _fault_handlers, _interposition
from ._errors import JVMError
from ._jars import CLASS_PATH, JARS
from ._java_homes import JVM, REMEDY, Candidate, candidates, find_jvm

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = [
    "JVM",
    "Candidate",
    "JVMError",
    "address_in_python",
    "call_static",
    "call_static_with",
    "candidates",
    "find_jvm",
    "forked",
    "is_started",
    "keep_descriptors_private",
    "leave_room_for_java",
    "leave_type_slots",
    "libjvm_symbol",
    "make_writable",
    "options",
    "pause",
    "read_bytes",
    "read_file",
    "read_long",
    "read_string",
    "remember_type_slots",
    "restore_signal_handlers",
    "stack_counts",
    "start",
    "started_jvm",
    "take_type_slots_again",
    "write_byte",
    "write_long",
]

_DESCRIPTORS = 16_384  # for which the kernel's table has room from the start
_FILE_START = 512  # bytes
_LARGE_BLOCK = 4 * 1024 * 1024  # bytes
_PROT_READ, _PROT_WRITE = 1, 2  # sys/mman.h
_LC_ALL = 6  # bits/locale.h
OPTIONS_VARIABLE = "JLOOP_JVM_OPTIONS"

# What the engine's DirectLinker uses; without them it makes do with Java's public linker.
_OPENED_PACKAGES = [
    f"--add-opens=java.base/{package}=ALL-UNNAMED"
    for package in (
        "java.lang.invoke",
        "jdk.internal.foreign.abi",
        *(
            ("jdk.internal.foreign.abi.aarch64",)
            if os.uname().machine == "aarch64"
            else ("jdk.internal.foreign.abi.x64", "jdk.internal.foreign.abi.x64.sysv")
        ),
    )
]

# What is compiled by itself, and not into each of its callers as well: that takes HotSpot's compiler a third longer in
# the first two seconds of a server. None of them is called for each callback. `EventLoop.run` is compiled twice when it
# has gone round some ten thousand times, and with `runOnce` in it for 20 to 50 ms each.
COMPILED_APART = (
    "jloop.engine.EventLoop::poll",
    "jloop.engine.EventLoop::runOnce",
    "jloop.engine.EventLoop::sendWritten",
    "jloop.engine.StreamChannel::flush",
    "jloop.engine.StreamChannel::readOnce",
    "jloop.engine.TimerQueue::dropCancelled",
)

# Java's own environment variables: meant for programs that are Java, and HotSpot announces them on stderr.
_FOREIGN_VARIABLES = ("JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS")

_CACHE_OPTION = "-XX:AOTCache="

_lock = threading.Lock()
_machine: _Machine | None = None
_forked = False


def start() -> None:
    """Start the JVM in this process; does nothing if it runs already. Any thread.

    Takes some tens of milliseconds, during which the GIL is held. Raises JVMError if there is no JVM or it does
    not start, and RuntimeError in a forked child of a process whose JVM runs.
    """
    global _machine
    with _lock:
        if _forked:
            raise RuntimeError("this process was forked from one whose JVM runs; the JVM cannot be used here")
        if _machine is not None:
            return
        jvm = find_jvm()
        _prove_user_options(jvm)
        arguments = options(jvm)
        _load_chaining(jvm)
        _grow_descriptor_table()
        _keep_freed_memory()
        with _only_fault_handlers_change(), _without_variables(_FOREIGN_VARIABLES), _same_locale():
            machine = _Machine(jvm, arguments)
        _machine = machine
        os.register_at_fork(after_in_child=_after_fork)
        if not _keep_fault_handlers():
            _fault_handlers.guard(restore_signal_handlers)
        if threading.current_thread() is not threading.main_thread():
            machine.detach()  # this thread may end long before the JVM
        if not machine.has_cache:
            _aot.make_in_background(jvm, basic_options())


# ---- memory of this process, by address


def read_long(address: int) -> int:
    """The 8 bytes there, as a pointer or a `size_t`."""
    return c_size_t.from_address(address).value


def read_string(address: int) -> str:
    """The NUL-terminated text there."""
    return ctypes.string_at(address).decode("ascii", "replace")


def read_bytes(address: int, size: int) -> bytes:
    """The `size` bytes there."""
    return ctypes.string_at(address, size)


def write_long(address: int, value: int) -> None:
    c_size_t.from_address(address).value = value


def write_byte(address: int, value: int) -> None:
    c_ubyte.from_address(address).value = value


def pause(microseconds: int) -> None:
    """Sleep without giving the GIL away."""
    _libc.usleep(microseconds)


def read_file(path: str) -> str:
    """The first bytes of a file, without giving the GIL away; nothing of one that cannot be read."""
    fd = _libc.open(path.encode(), os.O_RDONLY | os.O_CLOEXEC)
    if fd < 0:
        return ""
    try:
        start = ctypes.create_string_buffer(_FILE_START)
        size = _libc.read(fd, start, len(start))
    finally:
        _libc.close(fd)
    return start.raw[: max(0, size)].decode("utf-8", "replace")


def make_writable(address: int, size: int, writable: bool) -> None:
    """Make pages writable, or read-only again; the address is a page's. Raises OSError."""
    if _libc.mprotect(address, size, _PROT_READ | (_PROT_WRITE if writable else 0)) != 0:
        raise OSError("mprotect failed")


def address_in_python() -> int:
    """The address of some code of CPython's."""
    return cast(ctypes.pythonapi.PyErr_SetNone, c_void_p).value or 0


def libjvm_symbol(name: str) -> int:
    """The address of a variable that libjvm exports; KeyError if it does not, or is not loaded."""
    try:
        return ctypes.addressof(c_ubyte.in_dll(_machine.library, name))  # type: ignore[union-attr]
    except (AttributeError, ValueError):
        raise KeyError(name) from None


# ---- the type slots that Java takes over

_TYPE_SLOTS = (48, 184)  # tp_dealloc and tp_traverse of PyTypeObject; Java checks its layout at start
_type_slots: dict[int, int] = {}  # as they were before, by address
_javas_type_slots: dict[int, int] = {}


def remember_type_slots(cls: type) -> None:
    """Note the slots of a class that Java is about to take over, so that they can be put back for a fork."""
    for offset in _TYPE_SLOTS:
        address = id(cls) + offset
        _type_slots[address] = read_long(address)


def leave_type_slots() -> None:
    """Put the remembered slots back, before a fork: destructors and the collector's visits no longer enter Java.

    Before it, since the collector may run in the child at once. Meanwhile handles are not recycled, and what Java
    holds counts as held by somebody unknown.
    """
    _javas_type_slots.update((address, read_long(address)) for address in _type_slots)
    for address, value in _type_slots.items():
        write_long(address, value)


def take_type_slots_again() -> None:
    """Let them enter Java again, in the parent, after the fork."""
    for address, value in _javas_type_slots.items():
        write_long(address, value)


def is_started() -> bool:
    """Whether the JVM runs in this process, and not only in the one this was forked from."""
    return _machine is not None and not _forked


def started_jvm() -> JVM | None:
    """The runtime that was started in this process, or None."""
    return _machine.jvm if _machine is not None else None


def has_cache() -> bool:
    """Whether the JVM of this process was started with a start-up cache."""
    return _machine is not None and _machine.has_cache


def forked() -> bool:
    """Whether this process was forked from one whose JVM ran: the JVM's threads are not here, so it is unusable."""
    return _forked


def keep_descriptors_private() -> None:
    """Let no child inherit the files that the JVM opened: its modules, and our jars once it needs them."""
    if _machine is None:
        return
    ours = (os.path.realpath(_machine.jvm.home) + "/", *map(os.path.realpath, JARS))
    with suppress(OSError):  # no /proc
        for name in os.listdir("/proc/self/fd"):
            with suppress(OSError):  # closed meanwhile, as the descriptor of the listing
                if os.readlink(f"/proc/self/fd/{name}").startswith(ours):
                    os.set_inheritable(int(name), False)


def _grow_descriptor_table() -> None:
    """Let the kernel make its table of this process's open files as large as a server's may become.

    It doubles the table with the descriptor that does not fit. Where a process has threads, as ours does once the JVM
    runs, whoever asked for that descriptor, an `accept` for one, waits meanwhile for every processor to have left the
    old table (`expand_fdtable` in Linux's fs/file.c: `synchronize_rcu`): 8 to 16 ms, in which the queue of a listening
    socket overflows. The full table takes 8 bytes for each.
    """
    with suppress(OSError):  # no descriptor left
        fd = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        try:
            most = min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], _DESCRIPTORS)
            os.close(fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, most - 1))
        finally:
            os.close(fd)


def _keep_freed_memory() -> None:
    """Let glibc keep some megabytes that are free at the heap's end, and take large blocks from there.

    An iteration's replies are freed together when they are sent. From 128 KiB on what is free at the end goes back to
    the kernel, which maps and clears it anew with the next iteration: a third of what a reply of 10 KiB costs, or
    nothing where some block above happens to stay. Freeing one large block raises that to twice its size (mallopt(3),
    the dynamic M_MMAP_THRESHOLD). It is not touched, so it takes no memory; what a program has set itself holds.
    """
    _libc.free(_libc.malloc(_LARGE_BLOCK))


def call_static(class_name: str, method: str, argument: int) -> None:
    """Call `static void method(long)` of the class, named as in "jloop.cpython.Bootstrap". Any thread; GIL held.

    Raises what Python exception the Java code set, and RuntimeError with the stack trace for a Java exception.
    """
    if _machine is None or _forked:
        raise RuntimeError("the JVM does not run in this process")
    _machine.call_static(class_name.replace(".", "/"), method, argument)


def call_static_with(class_name: str, method: str, *arguments: int | str) -> None:
    """As `call_static`, with the address of an array of longs: numbers, and addresses of NUL-terminated texts.

    They live until the method returns.
    """
    array = (c_size_t * len(arguments))()
    texts = []  # kept until the end
    for index, argument in enumerate(arguments):
        if isinstance(argument, str):
            texts.append(c_char_p(argument.encode()))
            array[index] = cast(texts[-1], c_void_p).value or 0
        else:
            array[index] = argument
    call_static(class_name, method, ctypes.addressof(array))


def options(jvm: JVM | None = None) -> list[str]:
    """The options the JVM is started with, those of its start-up cache included.

    Those of `JLOOP_JVM_OPTIONS` come last, so they win. Raises JVMError if they have an unclosed quote.
    """
    basic = basic_options()
    return [*_aot.options(jvm, basic), *basic]


def basic_options() -> list[str]:
    """The options apart from the start-up cache, which is made for exactly these."""
    return [
        f"-Djava.class.path={CLASS_PATH}",
        "--enable-native-access=ALL-UNNAMED",
        "--sun-misc-unsafe-memory-access=allow",  # without a warning: UnsafeMemory
        *_OPENED_PACKAGES,
        "-Djdk.reflect.useNativeAccessorOnly=true",  # a method that is called once is not worth writing a class for
        "-Xrs",  # SIGINT, SIGTERM, SIGHUP and SIGQUIT are Python's
        # What only starting runs is not worth compiling: on one core that is a third of the time to the first callback.
        "-XX:CompileCommand=quiet",
        "-XX:CompileCommand=CompileThresholdScaling,jdk*::*,30.0",
        "-XX:CompileCommand=CompileThresholdScaling,java*::*,10.0",
        "-XX:CompileCommand=CompileThresholdScaling,java.lang.invoke.LambdaForm*::*,1.0",  # calls from Python
        *(f"-XX:CompileCommand=dontinline,{method}" for method in COMPILED_APART),
        "-XX:+UseSerialGC",
        "-Xms8m",
        "-Xmn4m",  # half the collections of the default: each takes 2 ms, in which clients can fill a listener's queue
        "-Xmx512m",
        "-XX:-MaxFDLimit",  # the limit of open files stays the program's
        "-XX:-UsePerfData",  # no file in /tmp per process
        "-XX:+DisableAttachMechanism",  # likewise; with -Xrs its thread would start at once and leave a socket there
        # The main thread's stack is CPython's: guard pages in it would kill deep recursion.
        "-XX:+UnlockExperimentalVMOptions",
        "-XX:+DisablePrimordialThreadGuardPages",
        # Threads are fenced all at once when HotSpot stops them (membarrier(2)), not each at every crossing from C into
        # Java. Where the kernel or a sandbox has no such call, HotSpot goes on as if this were not asked for.
        "-XX:+UseSystemMemoryBarrier",
        # The start-up cache where it was made for: elsewhere each of its pages is rewritten, and none is shared with
        # other processes (5 MB each, and a millisecond).
        "-XX:+UnlockDiagnosticVMOptions",
        "-XX:ArchiveRelocationMode=0",
        # Not one byte on stdout or stderr.
        "-Xlog:disable",
        "-XX:-PrintWarnings",
        *user_options(),
    ]


def user_options() -> list[str]:
    """What `JLOOP_JVM_OPTIONS` holds, split as a shell would. Raises JVMError for an unclosed quote."""
    text = os.environ.get(OPTIONS_VARIABLE)
    if not text:
        return []
    import shlex

    try:
        return shlex.split(text)
    except ValueError as error:
        raise JVMError(f"{OPTIONS_VARIABLE} cannot be read: {error}") from None


def _after_fork() -> None:
    global _forked, _lock
    _forked = _machine is not None
    _lock = threading.Lock()


def destroy() -> None:
    """End the JVM in order; nothing of it may be used afterwards, and nothing calls this but the making of a cache."""
    if _machine is not None:
        _machine.destroy()


# ---- the stack -------------------------------------------------------------------------------------------------------

# Bytes that a call into Java and what it calls of CPython take at most, with what HotSpot wants below them when Java is
# entered: StackShadowPages of 4 KiB each, and where the thread is not the main one its yellow, red and reserved zones.
_JAVA_FRAMES = 64 * 1024
_SHADOW_ZONE = 20 * 4096
_GUARD_ZONES = (2 * 4096, 4096, 4096)
# What is left of a stack must be worth it; CPython takes no less than 48 KiB.
_LEAST_STACK = 64 * 1024

# From 3.14.1 on, CPython stops recursion by the address of its stack, and can be told where that ends.
_set_stack_protection: Any = getattr(ctypes.pythonapi, "PyUnstable_ThreadState_SetStackProtection", None)
_protected = threading.local()


def stack_counts() -> bool:
    """Whether CPython stops recursion by the size of the stack."""
    return _set_stack_protection is not None


def leave_room_for_java() -> None:
    """Let CPython raise RecursionError in the calling thread while there is stack enough to enter Java.

    HotSpot cannot throw where Java is entered: without the room it ends the process.
    """
    if _set_stack_protection is None or getattr(_protected, "done", False):
        return
    _protected.done = True
    attributes = ctypes.create_string_buffer(256)  # pthread_attr_t: 56 bytes on x86-64, 64 on AArch64
    start, size, guard = c_void_p(), ctypes.c_size_t(), ctypes.c_size_t()
    if _libc.pthread_getattr_np(c_void_p(_libc.pthread_self()), attributes) != 0:
        return
    _libc.pthread_attr_getstack(attributes, byref(start), byref(size))
    _libc.pthread_attr_getguardsize(attributes, byref(guard))
    _libc.pthread_attr_destroy(attributes)
    page = os.sysconf("SC_PAGESIZE")
    zones = sum(-(-zone // page) * page for zone in (_SHADOW_ZONE, *_GUARD_ZONES))
    room = guard.value + zones + _JAVA_FRAMES
    if start.value is not None and size.value >= room + _LEAST_STACK:
        _set_stack_protection(
            c_void_p(_thread_state()), c_void_p(start.value + room), ctypes.c_size_t(size.value - room)
        )


# ---- a JVM that does not start ---------------------------------------------------------------------------------------


def _prove_user_options(jvm: JVM) -> None:
    """Try options of the user's in a child process first: HotSpot ends the process for some that it does not like."""
    if not user_options():
        return
    arguments = basic_options()
    if _aot.remembers(jvm, arguments):
        return
    complaint = _try_in_child(jvm, arguments)
    if complaint is not None:
        raise JVMError(f"the JVM does not start with {OPTIONS_VARIABLE}={os.environ[OPTIONS_VARIABLE]}: {complaint}")
    _aot.remember(jvm, arguments)


def _try_in_child(jvm: JVM, arguments: list[str]) -> str | None:
    """What the runtime's own launcher says when it cannot start with these options; None if it starts."""
    environment = {name: value for name, value in os.environ.items() if name not in _FOREIGN_VARIABLES}
    command = [os.path.join(jvm.home, "bin", "java"), *arguments, "-version"]
    try:
        child = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None  # no launcher that works: nothing learnt
    if child.returncode == 0:
        return None
    return child.stdout.decode(errors="replace").strip() or f"exit status {child.returncode}"


@contextmanager
def _without_variables(names: tuple[str, ...]) -> Iterator[None]:
    """Hide environment variables from C code meanwhile; `os.environ` does not notice."""
    hidden = {os.fsencode(name): os.environb[os.fsencode(name)] for name in names if name in os.environ}
    for name in hidden:
        _libc.unsetenv(name)
    try:
        yield
    finally:
        for name, value in hidden.items():
            _libc.setenv(name, value, 1)


# ---- signals ---------------------------------------------------------------------------------------------------------


class _Sigaction(ctypes.Structure):
    """struct sigaction of Linux's C libraries, glibc and musl, on 64-bit machines."""

    _fields_ = (
        ("handler", c_void_p),
        ("mask", c_ulong * 16),  # the kernel uses the first word, the rest may hold anything
        ("flags", c_int),
        ("restorer", c_void_p),
    )

    def same(self, other: _Sigaction) -> bool:
        """Whether both mean the same to the kernel."""
        return self._meaning() == other._meaning()

    def _meaning(self) -> tuple[int | None, int, int]:
        return self.handler, self.mask[0], self.flags & ~_SA_RESTORER


# the signals by which HotSpot learns of null pointers, safepoints and divisions by zero
_FAULTS = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGTRAP})

_SA_RESTORER = 0x04000000  # asm/signal.h of x86-64; the C library adds it

_libc = ctypes.PyDLL(None)
_libc.sigaction.argtypes = (c_int, POINTER(_Sigaction), POINTER(_Sigaction))
_libc.open.argtypes = (c_char_p, c_int)
_libc.read.argtypes = (c_int, c_void_p, c_size_t)
_libc.read.restype = ctypes.c_ssize_t
_libc.mprotect.argtypes = (c_void_p, c_size_t, c_int)
_libc.setenv.argtypes = (c_char_p, c_char_p, c_int)
_libc.unsetenv.argtypes = (c_char_p,)
_libc.malloc.argtypes = (c_size_t,)
_libc.malloc.restype = c_void_p
_libc.free.argtypes = (c_void_p,)

_libc.pthread_self.restype = c_void_p

_thread_state = ctypes.pythonapi.PyThreadState_Get
_thread_state.restype = c_void_p

# HotSpot's handlers for faults: signal number, handler's address, its sigaction, room to read the current one
_hotspot_handlers: list[tuple[int, int | None, _Sigaction, _Sigaction]] = []

# The runtime's libjsig: it holds the handlers that HotSpot calls for faults that are not its own. None: there is none.
_chaining: ctypes.PyDLL | None = None


def restore_signal_handlers() -> None:
    """Put back HotSpot's handlers for faults where someone replaced them (`faulthandler` does). Takes 2 µs.

    Without them the next null check that HotSpot takes by a SIGSEGV ends the process. Does nothing before the JVM
    runs, and in a forked child.
    """
    if _forked:
        return
    sigaction = _libc.sigaction
    for number, address, wanted, current in _hotspot_handlers:
        sigaction(number, None, current)
        if current.handler != address:
            sigaction(number, wanted, None)
            # What HotSpot chained to so far may have been switched off, and what is switched on now comes back to
            # HotSpot: with either as its end a real crash would go round for ever. So HotSpot ends it, by abort().
            _chain(number, _Sigaction())


@contextmanager
def _only_fault_handlers_change() -> Iterator[None]:
    """Put back every signal handler that was changed meanwhile, except HotSpot's for faults, which are remembered."""
    before = {number: _sigaction(number) for number in signal.valid_signals()}
    yield
    for number, saved in before.items():
        current = _sigaction(number)
        if current.same(saved):
            continue
        if number in _FAULTS:
            _hotspot_handlers.append((number, current.handler, current, _Sigaction()))
        else:
            _libc.sigaction(number, saved, None)
    _start_chaining()
    for fault, _, _, _ in _hotspot_handlers:
        _chain(fault, before[signal.Signals(fault)])


def _load_chaining(jvm: JVM) -> None:
    """Load libjsig, which HotSpot looks for among the global symbols when it starts."""
    global _chaining
    path = os.path.join(os.path.dirname(jvm.libjvm), "libjsig.so")
    if os.path.exists(path):
        _chaining = ctypes.PyDLL(path, mode=ctypes.RTLD_GLOBAL)
        _chaining.sigaction.argtypes = _libc.sigaction.argtypes


def _start_chaining() -> None:
    """Tell libjsig which signals are HotSpot's, as it learns it by itself where it is preloaded."""
    if _chaining is not None:
        _chaining.JVM_begin_signal_setting()  # forgets those of an earlier time
        for number, _, hotspots, _ in _hotspot_handlers:
            _chaining.sigaction(number, hotspots, None)
        _chaining.JVM_end_signal_setting()


def _keep_fault_handlers() -> bool:
    """Let CPython change what HotSpot calls for faults that are not its own, and no more HotSpot's handlers.

    So whatever `faulthandler` or `signal` does, HotSpot's stay. Returns False where that cannot be had.
    """
    if _chaining is None:
        return False
    return _interposition.exchange("sigaction", cast(_chaining.sigaction, c_void_p).value or 0)


def _chain(number: int, action: _Sigaction) -> None:
    """Let HotSpot call this handler for faults that are not its own."""
    if _chaining is not None:
        _chaining.sigaction(number, action, None)


def _sigaction(number: int) -> _Sigaction:
    action = _Sigaction()
    _libc.sigaction(number, None, action)
    return action


# ---- JNI -------------------------------------------------------------------------------------------------------------

_JNI_VERSION = 0x00150000  # JNI_VERSION_21, the newest there is
_JNI_EDETACHED = -2
_JNI_ERRORS = {
    -1: "unknown error",
    -2: "thread detached",
    -3: "JNI version error",
    -4: "not enough memory",
    -5: "a JVM already runs in this process",
    -6: "invalid arguments",
}

# indexes into struct JNIInvokeInterface_ and struct JNINativeInterface_ (jni.h)
_DESTROY_JAVA_VM = 3
_DETACH_CURRENT_THREAD = 5
_GET_ENV = 6
_ATTACH_CURRENT_THREAD_AS_DAEMON = 7
_FIND_CLASS = 6
_EXCEPTION_OCCURRED = 15
_EXCEPTION_CLEAR = 17
_DELETE_LOCAL_REF = 23
_NEW_OBJECT_A = 30
_GET_OBJECT_CLASS = 31
_GET_METHOD_ID = 33
_CALL_OBJECT_METHOD_A = 36
_CALL_VOID_METHOD_A = 63
_GET_STATIC_METHOD_ID = 113
_CALL_STATIC_VOID_METHOD_A = 143
_GET_STRING_UTF_CHARS = 169
_RELEASE_STRING_UTF_CHARS = 170


class _Option(ctypes.Structure):
    """JavaVMOption."""

    _fields_ = (("optionString", c_char_p), ("extraInfo", c_void_p))


class _Arguments(ctypes.Structure):
    """JavaVMInitArgs."""

    _fields_ = (
        ("version", c_int),
        ("nOptions", c_int),
        ("options", POINTER(_Option)),
        ("ignoreUnrecognized", c_ubyte),
    )


@contextmanager
def _same_locale() -> Iterator[None]:
    """Put the C library's locale back, which the JVM sets from the environment as a program of its own would."""
    setlocale = ctypes.PyDLL(None).setlocale
    setlocale.restype = c_char_p
    before = setlocale(_LC_ALL, None)
    try:
        yield
    finally:
        setlocale(_LC_ALL, before)


class _Table:
    """A JNI function table: `(table *) ->` array of function pointers, the object itself their first argument."""

    def __init__(self, address: int) -> None:
        self._object = c_void_p(address)
        self._functions = cast(cast(self._object, POINTER(c_void_p))[0] or 0, POINTER(c_void_p))

    def call(self, index: int, result: Any, *arguments: Any) -> Any:
        """Call a function of the table, the GIL held; raises the Python exception that it left behind."""
        prototype = PYFUNCTYPE(result, c_void_p, *(type(argument) for argument in arguments))
        return prototype(self._functions[index] or 0)(self._object, *arguments)


class _Machine:
    """The JVM of this process."""

    def __init__(self, jvm: JVM, arguments: list[str]) -> None:
        self.jvm = jvm
        self.has_cache = any(argument.startswith(_CACHE_OPTION) for argument in arguments)
        try:
            self.library = library = ctypes.PyDLL(jvm.libjvm)
        except OSError as error:
            raise JVMError(f"{_describe(jvm)} cannot be loaded: {error}\nTo get one that can: {REMEDY}") from None
        array = (_Option * len(arguments))(*(_Option(os.fsencode(argument), None) for argument in arguments))
        virtual_machine, environment = c_void_p(), c_void_p()
        status = library.JNI_CreateJavaVM(
            byref(virtual_machine),
            byref(environment),
            byref(_Arguments(_JNI_VERSION, len(arguments), array, False)),
        )
        if status != 0:
            reason = _try_in_child(jvm, arguments) or _JNI_ERRORS.get(status, f"error {status}")
            raise JVMError(f"{_describe(jvm)} does not start: {reason}")
        self._invoke = _Table(virtual_machine.value or 0)

    def detach(self) -> None:
        """Make the calling thread unknown to the JVM."""
        self._invoke.call(_DETACH_CURRENT_THREAD, c_int)

    def destroy(self) -> None:
        """Wait for the JVM to end."""
        self._invoke.call(_DESTROY_JAVA_VM, c_int)

    def call_static(self, class_name: str, method: str, argument: int) -> None:
        with self._environment() as environment:
            _call_static(environment, class_name, method, argument)

    @contextmanager
    def _environment(self) -> Iterator[_Table]:
        """The calling thread's JNIEnv; a thread that the JVM does not know is attached meanwhile."""
        address = c_void_p()
        status = self._invoke.call(_GET_ENV, c_int, cast(byref(address), c_void_p), c_int(_JNI_VERSION))
        attached = status == _JNI_EDETACHED
        if attached:
            status = self._invoke.call(
                _ATTACH_CURRENT_THREAD_AS_DAEMON, c_int, cast(byref(address), c_void_p), c_void_p()
            )
        if status != 0:
            raise RuntimeError(f"this thread cannot use the JVM: {_JNI_ERRORS.get(status, status)}")
        try:
            yield _Table(address.value or 0)
        finally:
            if attached:
                self.detach()


def _call_static(environment: _Table, class_name: str, method: str, argument: int) -> None:
    found = environment.call(_FIND_CLASS, c_void_p, c_char_p(class_name.encode()))
    _raise_java_exception(environment)
    identifier = environment.call(
        _GET_STATIC_METHOD_ID, c_void_p, c_void_p(found), c_char_p(method.encode()), c_char_p(b"(J)V")
    )
    _raise_java_exception(environment)
    arguments = (c_longlong * 1)(argument)
    try:
        environment.call(
            _CALL_STATIC_VOID_METHOD_A, None, c_void_p(found), c_void_p(identifier), cast(arguments, c_void_p)
        )
    finally:
        environment.call(_DELETE_LOCAL_REF, None, c_void_p(found))
        _raise_java_exception(environment)


def _raise_java_exception(environment: _Table) -> None:
    """Turn the pending Java exception, if there is one, into a RuntimeError with its stack trace."""
    thrown = environment.call(_EXCEPTION_OCCURRED, c_void_p)
    if thrown:
        environment.call(_EXCEPTION_CLEAR, None)
        raise RuntimeError(_stack_trace(environment, thrown))


def _stack_trace(environment: _Table, thrown: int) -> str:
    """What `Throwable.printStackTrace` prints."""

    def method(of: int, name: bytes, signature: bytes) -> c_void_p:
        return c_void_p(environment.call(_GET_METHOD_ID, c_void_p, c_void_p(of), c_char_p(name), c_char_p(signature)))

    def find_class(name: bytes) -> int:
        found: int = environment.call(_FIND_CLASS, c_void_p, c_char_p(name))
        return found

    def values(*objects: int) -> c_void_p:
        return cast((c_void_p * max(1, len(objects)))(*objects), c_void_p)

    string_writer, print_writer = find_class(b"java/io/StringWriter"), find_class(b"java/io/PrintWriter")
    buffer = environment.call(
        _NEW_OBJECT_A, c_void_p, c_void_p(string_writer), method(string_writer, b"<init>", b"()V"), values()
    )
    writer = environment.call(
        _NEW_OBJECT_A,
        c_void_p,
        c_void_p(print_writer),
        method(print_writer, b"<init>", b"(Ljava/io/Writer;)V"),
        values(buffer),
    )
    throwable = environment.call(_GET_OBJECT_CLASS, c_void_p, c_void_p(thrown))
    environment.call(
        _CALL_VOID_METHOD_A,
        None,
        c_void_p(thrown),
        method(throwable, b"printStackTrace", b"(Ljava/io/PrintWriter;)V"),
        values(writer),
    )
    text = environment.call(
        _CALL_OBJECT_METHOD_A,
        c_void_p,
        c_void_p(buffer),
        method(string_writer, b"toString", b"()Ljava/lang/String;"),
        values(),
    )
    characters = environment.call(_GET_STRING_UTF_CHARS, c_void_p, c_void_p(text), c_void_p())
    try:
        return ctypes.string_at(characters).decode(errors="replace").strip()
    finally:
        environment.call(_RELEASE_STRING_UTF_CHARS, None, c_void_p(text), c_void_p(characters))


def _describe(jvm: JVM) -> str:
    return f"the JVM {jvm.libjvm} ({jvm.version}, found by {jvm.source})"
