package jloop.cpython;

import jloop.engine.linux.Native;

/**
 * The C API for text and its bytes, which only addresses need; rules as in {@link CPython}. Apart from it, so that a
 * program without datagrams does not spend its start on binding them.
 */
final class Text {
    private Text() {}

    private static final long PyUnicode_FromString = Native.symbol("PyUnicode_FromString");

    /** {@code PyObject *PyUnicode_FromString(const char *str)}. Returns new, or 0 with an error set. */
    static long PyUnicode_FromString(long text) {
        return Native.call(PyUnicode_FromString, text);
    }

    private static final long PyUnicode_AsUTF8AndSize = Native.symbol("PyUnicode_AsUTF8AndSize");

    /** {@code const char *PyUnicode_AsUTF8AndSize(PyObject *unicode, Py_ssize_t *size)}. Returns borrowed from the object, or 0 with an error set. */
    static long PyUnicode_AsUTF8AndSize(long object, long size) {
        return Native.call(PyUnicode_AsUTF8AndSize, object, size);
    }

    private static final long PyUnicode_DecodeFSDefault = Native.symbol("PyUnicode_DecodeFSDefault");

    /** {@code PyObject *PyUnicode_DecodeFSDefault(const char *str)}. Returns new, or 0 with an error set. */
    static long PyUnicode_DecodeFSDefault(long text) {
        return Native.call(PyUnicode_DecodeFSDefault, text);
    }

    private static final long PyUnicode_EncodeFSDefault = Native.symbol("PyUnicode_EncodeFSDefault");

    /** {@code PyObject *PyUnicode_EncodeFSDefault(PyObject *unicode)}. Returns a new {@code bytes}, or 0 with an error set. */
    static long PyUnicode_EncodeFSDefault(long object) {
        return Native.call(PyUnicode_EncodeFSDefault, object);
    }
}
