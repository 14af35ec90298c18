package jloop.cpython;

import java.lang.invoke.MethodHandles;

/**
 * {@code tp_dealloc} of the handles that Java makes. Upcalls: see {@link Upcalls} for their rule.
 *
 * <p>Apart from {@link Types}, which makes function pointers to them while it is initialized itself: a pointer into a class
 * that is not would look whether it is, at each call.
 */
final class HandleDestructors {
    private HandleDestructors() {}

    /** A C function pointer to the method {@code name} of this class. */
    static long pointer(String name) {
        return Upcalls.pointer(MethodHandles.lookup(), name);
    }

    /** {@code void tp_dealloc(PyObject *self)}. */
    static long handle(long self, long unused1, long unused2, long unused3) {
        try {
            Types.HANDLES.dealloc(self);
        } catch (Throwable t) {
            report(t);
        }
        return 0;
    }

    /** {@code void tp_dealloc(PyObject *self)}. */
    static long timerHandle(long self, long unused1, long unused2, long unused3) {
        try {
            Types.TIMER_HANDLES.dealloc(self);
        } catch (Throwable t) {
            report(t);
        }
        return 0;
    }

    /** {@code void tp_dealloc(PyObject *self)}. */
    static long threadSafeHandle(long self, long unused1, long unused2, long unused3) {
        try {
            Types.THREAD_SAFE_HANDLES.dealloc(self);
        } catch (Throwable t) {
            report(t);
        }
        return 0;
    }

    /** A destructor has nobody to raise to; it keeps an error that is set already. */
    private static void report(Throwable t) {
        long pending = CPython.PyErr_Occurred() == 0 ? 0 : Errors.take();
        Errors.raise(t);
        Errors.unraisable(0);
        if (pending != 0) {
            Errors.restore(pending);
        }
    }
}
