package jloop.cpython;

import java.lang.invoke.MethodHandles;
import jloop.engine.linux.Memory;

/**
 * Shows Python's collector the references that Java owns, so that no cycle can hide in Java: each loop has one object
 * whose {@code tp_traverse} visits them. There is nothing to clear: a loop that is garbage is closed by its finalizer
 * first.
 */
final class Roots {
    private static final long TYPE = Namespace.get("roots");
    /** By address of the roots object. */
    private static final AddressMap<PyLoop> BY_ADDRESS = new AddressMap<>();

    private Roots() {}

    static void install() {
        Memory.putLong(TYPE + Layout.TP_TRAVERSE, Upcalls.pointer(MethodHandles.lookup(), "traverse"));
    }

    /** A new roots object for {@code loop}. */
    static long make(PyLoop loop) {
        long roots = PyErrAlreadySet.check(CPython.PyType_GenericAlloc(TYPE, 0));
        BY_ADDRESS.put(roots, loop);
        return roots;
    }

    /** {@code int tp_traverse(PyObject *self, visitproc visit, void *arg)}: runs inside a collection, and no Python code. */
    static long traverse(long self, long visit, long argument, long unused) {
        try {
            long result = (int) CPython.call(visit, TYPE, argument); // instances of heap types own their type
            PyLoop loop = BY_ADDRESS.get(self);
            return result != 0 || loop == null ? result : loop.traverse(visit, argument);
        } catch (Throwable t) {
            return 0; // visiting too little keeps garbage alive, and no more
        }
    }
}
