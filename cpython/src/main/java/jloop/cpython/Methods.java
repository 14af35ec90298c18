package jloop.cpython;

import jloop.engine.linux.Memory;
import jloop.engine.linux.Native;

/** Tells whether a method of an object is still the one it was: programs and their tests replace them, on classes and on instances. */
final class Methods {
    /** Whether this CPython lets us ask; up to 3.14 each does. */
    static final boolean CAN_TELL = Native.find("_PyObject_GetMethod") != 0;

    private Methods() {}

    /** Whether {@code object.name(…)} calls the function {@code original}. GIL held. */
    static boolean isOriginal(long object, long name, long original) {
        long chunk = Calls.take();
        Memory.putLong(chunk, 0);
        int unbound = CPython._PyObject_GetMethod(object, name, chunk);
        long method = Memory.getLong(chunk);
        Calls.give(chunk);
        Refs.decref(PyErrAlreadySet.check(method));
        return unbound == 1 && method == original;
    }
}
