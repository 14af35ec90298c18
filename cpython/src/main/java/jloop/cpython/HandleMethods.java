package jloop.cpython;

import java.lang.invoke.MethodHandles;
import jloop.cpython.Upcalls.Takes;
import jloop.engine.linux.Memory;

/** Methods of {@code jloop}'s handles. Upcalls: see {@link Upcalls} for their rule. */
final class HandleMethods {
    /** {@code asyncio.Handle.cancel} and {@code asyncio.TimerHandle.cancel}: functions that take the handle. */
    private static final long ASYNCIO_CANCEL = Namespace.get("asyncio_handle_cancel");

    private static final long ASYNCIO_TIMER_CANCEL = Namespace.get("asyncio_timer_handle_cancel");
    /** {@code await_callback(loop)}: waits until a callback of the loop has ended. */
    private static final long AWAIT_CALLBACK = Namespace.get("await_callback");

    private static final long CANCEL = Names.intern("cancel");
    private static final long CANCELLED = Names.intern("_cancelled");

    private HandleMethods() {}

    static void install() {
        MethodHandles.Lookup lookup = MethodHandles.lookup();
        Upcalls.install(
                Types.HANDLE,
                "cancel",
                lookup,
                "cancel",
                Takes.NOTHING,
                "",
                "Do not run the callback; let go of it and its arguments now.");
        Upcalls.install(
                Types.TIMER_HANDLE,
                "cancel",
                lookup,
                "cancel",
                Takes.NOTHING,
                "",
                "Do not run the callback; let go of it and its arguments now.");
        if (Types.THREAD_SAFE_HANDLE != Types.HANDLE) {
            Upcalls.install(
                    Types.THREAD_SAFE_HANDLE,
                    "cancel",
                    lookup,
                    "cancelThreadSafe",
                    Takes.NOTHING,
                    "",
                    "Do not run the callback; let go of it and its arguments now.");
            Upcalls.install(
                    Types.THREAD_SAFE_HANDLE,
                    "cancelled",
                    lookup,
                    "cancelledThreadSafe",
                    Takes.NOTHING,
                    "",
                    "Whether cancel() was called.");
        }
    }

    /** {@code cancel()}: the callback will not run; it and its arguments are let go now. */
    static long cancel(long self, long unused1, long unused2, long unused3) {
        try {
            return cancelOurs(self) ? Upcalls.none() : 0;
        } catch (Throwable t) {
            return Errors.raise(t);
        }
    }

    /** {@code cancel()} of a thread-safe handle: waits for its callback if that runs on another thread. */
    static long cancelThreadSafe(long self, long unused1, long unused2, long unused3) {
        try {
            awaitEnd(self);
            return cancel(self, 0, 0, 0);
        } catch (Throwable t) {
            return Errors.raise(t);
        }
    }

    /** {@code cancelled()} of a thread-safe handle: waits for its callback if that runs on another thread. */
    static long cancelledThreadSafe(long self, long unused1, long unused2, long unused3) {
        try {
            awaitEnd(self);
            return CPython.PyObject_GetAttr(self, CANCELLED);
        } catch (Throwable t) {
            return Errors.raise(t);
        }
    }

    private static void awaitEnd(long handle) {
        PyLoop loop = PyLoop.LOOPS.get(Memory.getLong(handle + Layout.HANDLE_LOOP));
        while (loop != null && loop.runsElsewhere(handle)) {
            long result = PyErrAlreadySet.check(Calls.call(AWAIT_CALLBACK, loop.address));
            Refs.decref(result);
        }
    }

    /** Cancels a handle of any type; an error in a foreign {@code cancel} is reported and not raised. */
    static void cancel(long handle) {
        long type = Refs.type(handle);
        boolean done;
        if (Types.isOurs(type)) {
            done = cancelOurs(handle);
        } else {
            done = discard(Calls.method(CANCEL, handle));
        }
        if (!done) {
            Errors.unraisable(handle);
        }
    }

    private static boolean cancelOurs(long handle) {
        long cancelled = Memory.getLong(handle + Layout.HANDLE_CANCELLED);
        if (cancelled == Layout.TRUE) {
            return true;
        }
        boolean timer = Refs.type(handle) == Types.TIMER_HANDLE;
        PyLoop loop = PyLoop.LOOPS.get(Memory.getLong(handle + Layout.HANDLE_LOOP));
        if (loop == null || loop.debug || cancelled != Layout.FALSE) { // asyncio keeps a repr in debug mode
            return discard(Calls.call(timer ? ASYNCIO_TIMER_CANCEL : ASYNCIO_CANCEL, handle));
        }
        if (timer && Memory.getLong(handle + Layout.TIMER_SCHEDULED) == Layout.TRUE) {
            loop.engine.timers().cancelled();
        }
        Refs.set(handle + Layout.HANDLE_CANCELLED, Layout.TRUE);
        Refs.incref(handle); // what is let go may let go of the handle
        Refs.set(handle + Layout.HANDLE_CALLBACK, Layout.NONE);
        Refs.set(handle + Layout.HANDLE_ARGS, Layout.NONE);
        Refs.decref(handle);
        return true;
    }

    private static boolean discard(long result) {
        Refs.xdecref(result);
        return result != 0;
    }
}
