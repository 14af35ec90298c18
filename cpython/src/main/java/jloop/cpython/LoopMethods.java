package jloop.cpython;

import java.lang.foreign.Arena;
import java.lang.invoke.MethodHandles;
import jloop.cpython.Upcalls.Takes;
import jloop.engine.Pollable;
import jloop.engine.linux.Memory;

/** Methods of {@code jloop.Loop}. Upcalls: see {@link Upcalls} for their rule. */
final class LoopMethods {
    private static final long CALL_SOON_DEBUG = Namespace.get("call_soon_debug");
    private static final long CALL_SOON_THREADSAFE_DEBUG = Namespace.get("call_soon_threadsafe_debug");
    private static final long CALL_AT_DEBUG = Namespace.get("call_at_debug");
    private static final long WATCH_DEBUG = Namespace.get("watch_debug");
    private static final long CALL_LATER_SLOW = Namespace.get("call_later_slow");
    private static final long CALL_SOON_NAMED = Names.intern("_call_soon_named");
    private static final long CALL_LATER_NAMED = Names.intern("_call_later_named");
    private static final long CALL_AT_NAMED = Names.intern("_call_at_named");
    private static final long WHEN = Names.intern("_when");
    /** {@code ("context",)}. */
    private static final long CONTEXT_KEYWORD = contextKeyword();

    private static final long STOPPING = Memory.cString("_stopping");
    /** A {@code float} of ours that takes the time before it is added to a delay. */
    private static final long NOW = PyErrAlreadySet.check(CPython.PyNumber_Float(PyErrAlreadySet.check(
            CPython.PyNumber_Add(Namespace.get("one_and_a_half"), Namespace.get("one_and_a_half")))));

    private static final double NANOS_PER_SECOND = 1e9;
    /** The {@code int}, one object in every CPython. */
    private static final long ZERO = PyErrAlreadySet.check(CPython.PyLong_FromLong(0));

    /** {@code leave_room(unused)}, or None where CPython's limit does not depend on a thread's stack. */
    private static final long LEAVE_ROOM = Namespace.get("leave_room");

    private static final ThreadLocal<Boolean> KNOWN_THREAD = new ThreadLocal<>();

    private LoopMethods() {}

    static void install() {
        MethodHandles.Lookup lookup = MethodHandles.lookup();
        long loop = Namespace.get("loop");
        Upcalls.install(loop, "_open", lookup, "open", Takes.NOTHING);
        Upcalls.install(loop, "_close_engine", lookup, "closeEngine", Takes.NOTHING);
        Upcalls.install(loop, "_run", lookup, "run", Takes.NOTHING);
        Upcalls.install(loop, "_run_once", lookup, "runOnce", Takes.NOTHING);
        Upcalls.install(loop, "_set_engine_debug", lookup, "setEngineDebug", Takes.ONE);
        Upcalls.install(loop, "_look_for_replaced_methods", lookup, "lookForReplacedMethods", Takes.NOTHING);
        Upcalls.install(
                loop, "stop", lookup, "stop", Takes.NOTHING, "", "Stop the loop: what is ready now still runs.");
        Upcalls.install(
                loop,
                "call_soon",
                lookup,
                "callSoon",
                Takes.ANYTHING,
                "callback, *args, context=None",
                "Call callback(*args) as soon as possible, in the order of the calls. Returns a handle that can cancel it.");
        Upcalls.install(
                loop,
                "call_soon_threadsafe",
                lookup,
                "callSoonThreadsafe",
                Takes.ANYTHING,
                "callback, *args, context=None",
                "As call_soon(), from any thread.");
        Upcalls.install(
                loop,
                "call_later",
                lookup,
                "callLater",
                Takes.ANYTHING,
                "delay, callback, *args, context=None",
                "Call callback(*args) once delay seconds have passed. Returns a handle that can cancel it.");
        Upcalls.install(
                loop,
                "call_at",
                lookup,
                "callAt",
                Takes.ANYTHING,
                "when, callback, *args, context=None",
                "As call_later(), at an absolute time of time().");
        Upcalls.install(loop, "_add_callback", lookup, "addCallback", Takes.ONE);
        Upcalls.install(loop, "_add_timer", lookup, "addTimer", Takes.ONE);
        Upcalls.install(loop, "_timer_handle_cancelled", lookup, "timerHandleCancelled", Takes.ONE);
        Upcalls.install(loop, "_write_to_self", lookup, "writeToSelf", Takes.NOTHING);
        Upcalls.install(loop, "_add_reader", lookup, "addReader", Takes.POSITIONAL);
        Upcalls.install(loop, "_remove_reader", lookup, "removeReader", Takes.ONE);
        Upcalls.install(loop, "_add_writer", lookup, "addWriter", Takes.POSITIONAL);
        Upcalls.install(loop, "_remove_writer", lookup, "removeWriter", Takes.ONE);
        Upcalls.install(loop, "_is_polling", lookup, "isPolling", Takes.POSITIONAL);
        Upcalls.install(loop, "_transport_of", lookup, "transportOf", Takes.ONE);
        Upcalls.install(loop, "_open_transports", lookup, "openTransports", Takes.NOTHING);
    }

    private static long contextKeyword() {
        long tuple = PyErrAlreadySet.check(CPython.PyTuple_New(1));
        Memory.putLong(tuple + Layout.TUPLE_ITEMS, Refs.share(Names.CONTEXT));
        return tuple;
    }

    /** The loop, or RuntimeError as asyncio's {@code _check_closed}. */
    private static PyLoop open(long self) {
        PyLoop loop = PyLoop.LOOPS.get(self);
        if (loop == null) {
            Errors.raise(Errors.RUNTIME_ERROR, "Event loop is closed");
            throw PyErrAlreadySet.INSTANCE;
        }
        return loop;
    }

    /** {@code _open()}: makes the engine's side. Returns an object that shows the collector what Java holds. */
    static long open(long self, long unused1, long unused2, long unused3) {
        try {
            PyLoop before = PyLoop.LOOPS.get(self);
            if (before != null) { // its __init__ is called a second time
                before.close();
            }
            PyLoop loop = new PyLoop(self);
            long roots = Roots.make(loop);
            PyLoop.LOOPS.put(self, loop);
            loop.lookForReplacedMethods();
            return roots;
        } catch (Throwable t) {
            return Errors.raise(t);
        }
    }

    /** {@code _close_engine()}: closes the engine's side; the loop is not running. */
    static long closeEngine(long self, long unused1, long unused2, long unused3) {
        try {
            PyLoop loop = PyLoop.LOOPS.get(self);
            if (loop != null) {
                loop.close();
            }
            return Upcalls.none();
        } catch (Throwable t) {
            return Errors.raise(t);
        }
    }

    /** {@code _run()}: runs until {@code stop()}. */
    static long run(long self, long unused1, long unused2, long unused3) {
        try {
            open(self).run();
            return Upcalls.none();
        } catch (Throwable t) {
            return Errors.raise(t);
        }
    }

    /** {@code _run_once()}: one iteration. */
    static long runOnce(long self, long unused1, long unused2, long unused3) {
        try {
            open(self).runOnce();
            return Upcalls.none();
        } catch (Throwable t) {
            return Errors.raise(t);
        }
    }

    /** {@code _set_engine_debug(enabled)}. */
    static long setEngineDebug(long self, long argument, long unused1, long unused2) {
        try {
            PyLoop loop = PyLoop.LOOPS.get(self);
            boolean enabled = Arguments.truth(argument);
            if (loop != null) {
                loop.debug = enabled;
                loop.engine.watchEvents(enabled);
            }
            return Upcalls.none();
        } catch (Throwable t) {
            return Errors.raise(t);
        }
    }

    /** {@code _look_for_replaced_methods()}: the clock and {@code call_at} may have become a program's own. */
    static long lookForReplacedMethods(long self, long unused1, long unused2, long unused3) {
        try {
            PyLoop loop = PyLoop.LOOPS.get(self);
            if (loop != null) {
                loop.lookForReplacedMethods();
            }
            return Upcalls.none();
        } catch (Throwable t) {
            return Errors.raise(t);
        }
    }

    /** {@code stop()}: ends {@code run_forever} after this iteration. */
    static long stop(long self, long unused1, long unused2, long unused3) {
        try {
            PyErrAlreadySet.check(CPython.PyObject_SetAttrString(self, STOPPING, Layout.TRUE));
            PyLoop loop = PyLoop.LOOPS.get(self);
            if (loop != null) {
                loop.engine.stop();
            }
            return Upcalls.none();
        } catch (Throwable t) {
            return Errors.raise(t);
        }
    }

    /** {@code call_soon(callback, *args, context=None)}. */
    static long callSoon(long self, long args, long nargs, long kwnames) {
        try {
            if (Arguments.named(kwnames)) {
                long sorted = Arguments.sorted(CALL_SOON_NAMED, self, args, nargs, kwnames);
                long count = Memory.getLong(sorted + Layout.OB_SIZE) - 1;
                long handle = callSoon(self, sorted + Layout.TUPLE_ITEMS, count, CONTEXT_KEYWORD);
                Refs.decref(sorted);
                return handle;
            }
            Arguments.atLeast("BaseEventLoop.call_soon", nargs, 1, "callback");
            PyLoop loop = open(self);
            if (loop.debug) {
                return inPython(CALL_SOON_DEBUG, self, "BaseEventLoop.call_soon", args, nargs, kwnames);
            }
            long context = Arguments.context("BaseEventLoop.call_soon", args, nargs, kwnames);
            return loop.callSoon(
                    Types.HANDLES, Upcalls.argument(args, 0), args + 8, (int) nargs - 1, context, loop.threadState);
        } catch (Throwable t) {
            return Errors.raise(t);
        }
    }

    /** {@code call_soon_threadsafe(callback, *args, context=None)}: any thread. */
    static long callSoonThreadsafe(long self, long args, long nargs, long kwnames) {
        try {
            if (Arguments.named(kwnames)) {
                long sorted = Arguments.sorted(CALL_SOON_NAMED, self, args, nargs, kwnames);
                long count = Memory.getLong(sorted + Layout.OB_SIZE) - 1;
                long handle = callSoonThreadsafe(self, sorted + Layout.TUPLE_ITEMS, count, CONTEXT_KEYWORD);
                Refs.decref(sorted);
                return handle;
            }
            Arguments.atLeast("BaseEventLoop.call_soon_threadsafe", nargs, 1, "callback");
            PyLoop loop = open(self);
            if (loop.debug) {
                return inPython(
                        CALL_SOON_THREADSAFE_DEBUG, self, "BaseEventLoop.call_soon_threadsafe", args, nargs, kwnames);
            }
            long context = Arguments.context("BaseEventLoop.call_soon_threadsafe", args, nargs, kwnames);
            long own = loop.callersState();
            long handle = loop.callSoon(
                    Types.THREAD_SAFE_HANDLES,
                    Upcalls.argument(args, 0),
                    args + 8,
                    (int) nargs - 1,
                    context,
                    own == 0 ? CPython.PyThreadState_Get() : own);
            if (own == 0) {
                leaveRoom();
                loop.engine.wake();
            }
            return handle;
        } catch (Throwable t) {
            return Errors.raise(t);
        }
    }

    /** A thread that runs no loop is here, perhaps for the first time: see {@code jloop._jvm.leave_room_for_java}. */
    private static void leaveRoom() {
        if (LEAVE_ROOM != Layout.NONE && KNOWN_THREAD.get() == null) {
            KNOWN_THREAD.set(true);
            Refs.decref(PyErrAlreadySet.check(Calls.call(LEAVE_ROOM, Layout.NONE)));
        }
    }

    /** {@code call_later(delay, callback, *args, context=None)}: {@code delay} in seconds. */
    static long callLater(long self, long args, long nargs, long kwnames) {
        try {
            if (Arguments.named(kwnames)) {
                long sorted = Arguments.sorted(CALL_LATER_NAMED, self, args, nargs, kwnames);
                long count = Memory.getLong(sorted + Layout.OB_SIZE) - 1;
                long handle = callLater(self, sorted + Layout.TUPLE_ITEMS, count, CONTEXT_KEYWORD);
                Refs.decref(sorted);
                return handle;
            }
            Arguments.atLeast("BaseEventLoop.call_later", nargs, 2, "delay", "callback");
            long delay = Upcalls.argument(args, 0);
            if (delay == Layout.NONE) {
                return Errors.raise(Errors.TYPE_ERROR, "delay must not be None");
            }
            PyLoop loop = open(self);
            if (loop.debug || loop.ownTimers) {
                return inPython(CALL_LATER_SLOW, self, "BaseEventLoop.call_later", args, nargs, kwnames);
            }
            long context = Arguments.context("BaseEventLoop.call_later", args, nargs, kwnames);
            long handle = loop.makeTimer(Upcalls.argument(args, 1), args + 16, (int) nargs - 2, context);
            try { // the clock is read last: making the first handles of a process takes milliseconds
                double seconds = delaySeconds(delay);
                if (Double.isNaN(seconds)) {
                    Memory.putDouble(NOW + Layout.FLOAT_VALUE, System.nanoTime() / NANOS_PER_SECOND);
                    long when = PyErrAlreadySet.check(CPython.PyNumber_Add(NOW, delay));
                    loop.addTimer(handle, when, seconds(when));
                    Refs.decref(when);
                } else {
                    loop.addTimer(handle, System.nanoTime() / NANOS_PER_SECOND + seconds);
                }
                return handle;
            } catch (PyErrAlreadySet e) {
                Refs.decref(handle);
                throw e;
            }
        } catch (Throwable t) {
            return Errors.raise(t);
        }
    }

    /** The value of a {@code float}, or of an {@code int} that fits; not a number for anything else. */
    private static double delaySeconds(long delay) {
        if (delay == ZERO) {
            return 0;
        }
        long type = Refs.type(delay);
        if (type == Layout.FLOAT_TYPE) {
            return Memory.getDouble(delay + Layout.FLOAT_VALUE);
        }
        if (type == Layout.LONG_TYPE) {
            long value = CPython.PyLong_AsLong(delay);
            if (value != -1) {
                return value;
            }
            if (CPython.PyErr_Occurred() != 0) { // too large: Python's own arithmetic says what becomes of it
                Refs.decref(Errors.take());
            }
        }
        return Double.NaN;
    }

    /** {@code call_at(when, callback, *args, context=None)}: {@code when} in seconds of {@code loop.time()}. */
    static long callAt(long self, long args, long nargs, long kwnames) {
        try {
            if (Arguments.named(kwnames)) {
                long sorted = Arguments.sorted(CALL_AT_NAMED, self, args, nargs, kwnames);
                long count = Memory.getLong(sorted + Layout.OB_SIZE) - 1;
                long handle = callAt(self, sorted + Layout.TUPLE_ITEMS, count, CONTEXT_KEYWORD);
                Refs.decref(sorted);
                return handle;
            }
            Arguments.atLeast("BaseEventLoop.call_at", nargs, 2, "when", "callback");
            long when = Upcalls.argument(args, 0);
            if (when == Layout.NONE) {
                return Errors.raise(Errors.TYPE_ERROR, "when cannot be None");
            }
            PyLoop loop = open(self);
            if (loop.debug) {
                return inPython(CALL_AT_DEBUG, self, "BaseEventLoop.call_at", args, nargs, kwnames);
            }
            double seconds = seconds(when);
            long context = Arguments.context("BaseEventLoop.call_at", args, nargs, kwnames);
            long handle = loop.makeTimer(Upcalls.argument(args, 1), args + 16, (int) nargs - 2, context);
            loop.addTimer(handle, when, seconds);
            return handle;
        } catch (Throwable t) {
            return Errors.raise(t);
        }
    }

    /** The value of a {@code float}, or of whatever becomes one. */
    private static double seconds(long when) {
        if (Refs.type(when) == Layout.FLOAT_TYPE) {
            return Memory.getDouble(when + Layout.FLOAT_VALUE);
        }
        if (Refs.type(when) == Layout.UNICODE_TYPE) {
            Errors.raise(Errors.TYPE_ERROR, "when must be a real number, not str");
            throw PyErrAlreadySet.INSTANCE;
        }
        long number = PyErrAlreadySet.check(CPython.PyNumber_Float(when));
        double value = Memory.getDouble(number + Layout.FLOAT_VALUE);
        Refs.decref(number);
        return value;
    }

    /** Calls {@code function(self, context, *args)}, a Python function. */
    private static long inPython(long function, long self, String method, long args, long nargs, long kwnames) {
        long context = Arguments.context(method, args, nargs, kwnames);
        try (Arena arena = Arena.ofConfined()) {
            long array = arena.allocate(8 * (nargs + 2), 8).address();
            Memory.putLong(array, self);
            Memory.putLong(array + 8, context == 0 ? Layout.NONE : context);
            Memory.copy(args, array + 16, 8 * nargs);
            return CPython.PyObject_Vectorcall(function, array, nargs + 2);
        }
    }

    /** {@code _add_callback(handle)}: queues a handle that is not cancelled. */
    static long addCallback(long self, long argument, long unused1, long unused2) {
        try {
            PyLoop loop = open(self);
            Arguments.instance("_add_callback", argument, Types.ASYNCIO_HANDLE);
            loop.addCallback(argument);
            return Upcalls.none();
        } catch (Throwable t) {
            return Errors.raise(t);
        }
    }

    /** {@code _add_timer(handle)}: puts an {@code asyncio.TimerHandle} into the heap. */
    static long addTimer(long self, long argument, long unused1, long unused2) {
        try {
            PyLoop loop = open(self);
            Arguments.instance("_add_timer", argument, Types.ASYNCIO_TIMER_HANDLE);
            long when = PyErrAlreadySet.check(CPython.PyObject_GetAttr(argument, WHEN));
            try {
                loop.addTimer(argument, when, seconds(when));
            } finally {
                Refs.decref(when);
            }
            return Upcalls.none();
        } catch (Throwable t) {
            return Errors.raise(t);
        }
    }

    /** {@code _timer_handle_cancelled(handle)}: asyncio's own {@code TimerHandle.cancel} says so. */
    static long timerHandleCancelled(long self, long argument, long unused1, long unused2) {
        try {
            PyLoop loop = PyLoop.LOOPS.get(self);
            if (loop != null
                    && Layout.isInstance(argument, Types.ASYNCIO_TIMER_HANDLE)
                    && Memory.getLong(argument + Layout.TIMER_SCHEDULED) == Layout.TRUE) {
                loop.engine.timers().cancelled();
            }
            return Upcalls.none();
        } catch (Throwable t) {
            return Errors.raise(t);
        }
    }

    /** {@code _write_to_self()}: ends the loop's wait. Any thread. */
    static long writeToSelf(long self, long unused1, long unused2, long unused3) {
        try {
            PyLoop loop = PyLoop.LOOPS.get(self);
            if (loop != null) {
                loop.engine.wake();
            }
            return Upcalls.none();
        } catch (Throwable t) {
            return Errors.raise(t);
        }
    }

    /** {@code _add_reader(fd, callback, *args)}: a handle, as asyncio's. */
    static long addReader(long self, long args, long nargs, long unused) {
        return watch("_add_reader", Pollable.READ, self, args, nargs);
    }

    /** {@code _add_writer(fd, callback, *args)}: a handle, as asyncio's. */
    static long addWriter(long self, long args, long nargs, long unused) {
        return watch("_add_writer", Pollable.WRITE, self, args, nargs);
    }

    private static long watch(String method, int direction, long self, long args, long nargs) {
        try {
            Arguments.atLeast(method, nargs, 2, "fd", "callback");
            PyLoop loop = open(self);
            long file = Upcalls.argument(args, 0);
            int fd = fileno(file);
            long handle = loop.debug
                    ? PyErrAlreadySet.check(inPython(WATCH_DEBUG, self, method, args, nargs, 0))
                    : Types.HANDLES.make(
                            self, Upcalls.argument(args, 1), args + 16, (int) nargs - 2, 0, loop.threadState);
            int result = loop.watch(fd, direction, Refs.share(handle), Refs.type(file) == Layout.LONG_TYPE ? 0 : file);
            if (result < 0) {
                Refs.decref(handle);
                return Errors.raiseOsError(-result);
            }
            return handle;
        } catch (Throwable t) {
            return Errors.raise(t);
        }
    }

    /** The descriptor of an int or of an object with {@code fileno()}; Python's errors otherwise. */
    private static int fileno(long file) {
        if (Refs.type(file) == Layout.LONG_TYPE) {
            int fd = Arguments.descriptor(file);
            if (fd >= 0) {
                return fd;
            }
        }
        long fileno = PyErrAlreadySet.check(Calls.call(Types.FILENO, file));
        int fd = Arguments.descriptor(fileno);
        Refs.decref(fileno);
        return fd;
    }

    /** {@code _remove_reader(fd)}: whether there was one. */
    static long removeReader(long self, long argument, long unused1, long unused2) {
        return unwatch(Pollable.READ, self, argument);
    }

    /** {@code _remove_writer(fd)}: whether there was one. */
    static long removeWriter(long self, long argument, long unused1, long unused2) {
        return unwatch(Pollable.WRITE, self, argument);
    }

    private static long unwatch(int direction, long self, long file) {
        try {
            PyLoop loop = PyLoop.LOOPS.get(self);
            if (loop == null) {
                return Upcalls.bool(false);
            }
            return Upcalls.bool(loop.unwatch(filenoOf(file, loop), direction));
        } catch (Throwable t) {
            return Errors.raise(t);
        }
    }

    /** As {@link #fileno}; for a file that was closed while it was watched, what it had then. */
    private static int filenoOf(long file, PyLoop loop) {
        if (Refs.type(file) == Layout.LONG_TYPE) {
            int fd = Arguments.descriptorOrNone(file);
            if (fd >= 0) {
                return fd;
            }
        }
        try {
            return fileno(file);
        } catch (PyErrAlreadySet error) {
            int fd = loop.watchedAs(file);
            if (fd < 0) {
                throw error;
            }
            Refs.decref(Errors.take());
            return fd;
        }
    }

    /** {@code _is_polling(fd, write)}: whether a descriptor is polled, as asyncio's selector would tell. */
    static long isPolling(long self, long args, long nargs, long unused) {
        try {
            PyLoop loop = PyLoop.LOOPS.get(self);
            Arguments.exactly("_is_polling", nargs, 2);
            int fd = Arguments.descriptor(Upcalls.argument(args, 0));
            boolean write = Arguments.truth(Upcalls.argument(args, 1));
            return Upcalls.bool(loop != null && loop.isPolling(fd, write ? Pollable.WRITE : Pollable.READ));
        } catch (Throwable t) {
            return Errors.raise(t);
        }
    }

    /** {@code _transport_of(fd)}: the transport that owns a descriptor, or None. */
    static long transportOf(long self, long argument, long unused1, long unused2) {
        try {
            PyLoop loop = PyLoop.LOOPS.get(self);
            Transport transport = loop == null ? null : loop.transport(Arguments.descriptorOrNone(argument));
            return Refs.share(transport == null ? Layout.NONE : transport.address());
        } catch (Throwable t) {
            return Errors.raise(t);
        }
    }

    /** {@code _open_transports()}: a tuple of all that the engine drives. */
    static long openTransports(long self, long unused1, long unused2, long unused3) {
        try {
            PyLoop loop = PyLoop.LOOPS.get(self);
            return loop == null ? Refs.share(Layout.EMPTY_TUPLE) : loop.transports();
        } catch (Throwable t) {
            return Errors.raise(t);
        }
    }
}
