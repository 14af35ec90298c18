package jloop.cpython;

import java.lang.invoke.MethodHandle;
import jloop.engine.linux.Native;

/**
 * The C API for text and its bytes, which only addresses need; rules as in {@link CPython}. Apart from it, so that a
 * program without datagrams does not spend its start on binding them.
 */
final class Text {
    private Text() {}

    private static AssertionError unexpected(Throwable t) {
        return new AssertionError("a C function threw", t); // cannot happen: downcalls throw nothing
    }

    private static final MethodHandle PyUnicode_FromString = Native.function("PyUnicode_FromString");

    /** {@code PyObject *PyUnicode_FromString(const char *str)}. Returns new, or 0 with an error set. */
    static long PyUnicode_FromString(long text) {
        try {
            return (long) PyUnicode_FromString.invokeExact(text, 0L, 0L, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final MethodHandle PyUnicode_AsUTF8AndSize = Native.function("PyUnicode_AsUTF8AndSize");

    /** {@code const char *PyUnicode_AsUTF8AndSize(PyObject *unicode, Py_ssize_t *size)}. Returns borrowed from the object, or 0 with an error set. */
    static long PyUnicode_AsUTF8AndSize(long object, long size) {
        try {
            return (long) PyUnicode_AsUTF8AndSize.invokeExact(object, size, 0L, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final MethodHandle PyUnicode_DecodeFSDefault = Native.function("PyUnicode_DecodeFSDefault");

    /** {@code PyObject *PyUnicode_DecodeFSDefault(const char *str)}. Returns new, or 0 with an error set. */
    static long PyUnicode_DecodeFSDefault(long text) {
        try {
            return (long) PyUnicode_DecodeFSDefault.invokeExact(text, 0L, 0L, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final MethodHandle PyUnicode_EncodeFSDefault = Native.function("PyUnicode_EncodeFSDefault");

    /** {@code PyObject *PyUnicode_EncodeFSDefault(PyObject *unicode)}. Returns a new {@code bytes}, or 0 with an error set. */
    static long PyUnicode_EncodeFSDefault(long object) {
        try {
            return (long) PyUnicode_EncodeFSDefault.invokeExact(object, 0L, 0L, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }
}
