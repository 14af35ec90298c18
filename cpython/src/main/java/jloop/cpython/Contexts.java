package jloop.cpython;

import jloop.engine.linux.Memory;

/**
 * Enters and leaves contexts for callbacks: in place where this CPython was seen, at start, to do just that and no more,
 * through the C API elsewhere. It is a few stores, for which two calls are a sixth of what a callback costs.
 *
 * <pre>{@code
 * struct _pycontextobject {        // PyContext
 *     PyObject_HEAD
 *     PyContext *ctx_prev;         // 16; borrowed
 *     PyHamtObject *ctx_vars;      // 24
 *     PyObject *ctx_weakreflist;   // 32
 *     int ctx_entered;             // 40
 * };
 * struct _ts {                     // PyThreadState
 *     …
 *     PyObject *context;           // Layout.THREAD_CONTEXT
 *     uint64_t context_ver;        // counts the changes of it, for the caches of context variables
 * }</pre>
 *
 * <p>GIL held, on the thread that is told.
 */
final class Contexts {
    private static final int PREVIOUS = 16;
    private static final int ENTERED = 40;
    /** From the thread's current context. */
    private static final int VERSION = 8;

    private static final long TYPE = type();
    private static final boolean IN_PLACE = Layout.THREAD_CONTEXT != 0 && isAsExpected();

    private Contexts() {}

    /**
     * {@code int PyContext_Enter(PyObject *ctx)}.
     *
     * @param threadState the calling thread's {@code PyThreadState}, or 0 if that is not known
     * @return false with an error set, if {@code context} is none or was entered already
     */
    static boolean enter(long context, long threadState) {
        if (!IN_PLACE || threadState == 0 || Refs.type(context) != TYPE || Memory.getInt(context + ENTERED) != 0) {
            return CPython.PyContext_Enter(context) == 0;
        }
        long current = threadState + Layout.THREAD_CONTEXT;
        Memory.putLong(context + PREVIOUS, Memory.getLong(current));
        Memory.putInt(context + ENTERED, 1);
        Memory.putLong(current, Refs.share(context));
        Memory.putLong(current + VERSION, Memory.getLong(current + VERSION) + 1);
        return true;
    }

    /** {@code int PyContext_Exit(PyObject *ctx)}; the parameters are those of {@link #enter}, which returned true. */
    static void exit(long context, long threadState) {
        long current = threadState + Layout.THREAD_CONTEXT;
        if (!IN_PLACE || threadState == 0 || Memory.getLong(current) != context) {
            CPython.PyContext_Exit(context);
            return;
        }
        Memory.putLong(current, Memory.getLong(context + PREVIOUS));
        Memory.putLong(current + VERSION, Memory.getLong(current + VERSION) + 1);
        Memory.putLong(context + PREVIOUS, 0);
        Memory.putInt(context + ENTERED, 0);
        Refs.decref(context);
    }

    private static long type() {
        long context = PyErrAlreadySet.check(CPython.PyContext_New());
        long type = Refs.type(context);
        Refs.decref(context);
        return type;
    }

    /** Whether the C API leaves in a context and in the thread what {@link #enter} and {@link #exit} do. */
    private static boolean isAsExpected() {
        long context = PyErrAlreadySet.check(CPython.PyContext_New());
        long current = CPython.PyThreadState_Get() + Layout.THREAD_CONTEXT;
        long previous = Memory.getLong(current);
        long version = Memory.getLong(current + VERSION);
        boolean expected = isOutside(context, current, previous, version);
        PyErrAlreadySet.check(CPython.PyContext_Enter(context));
        expected &= Memory.getLong(current) == context
                && Memory.getLong(current + VERSION) == version + 1
                && Memory.getLong(context + PREVIOUS) == previous
                && Memory.getInt(context + ENTERED) == 1
                && Refs.count(context) == 2;
        PyErrAlreadySet.check(CPython.PyContext_Exit(context));
        expected &= isOutside(context, current, previous, version + 2);
        Refs.decref(context);
        return expected;
    }

    private static boolean isOutside(long context, long current, long previous, long version) {
        return Memory.getLong(current) == previous
                && Memory.getLong(current + VERSION) == version
                && Memory.getLong(context + PREVIOUS) == 0
                && Memory.getInt(context + ENTERED) == 0
                && Refs.count(context) == 1;
    }
}
