package jloop.cpython;

import jloop.engine.linux.Memory;

/** What {@code jloop._native} hands over at start: classes to install methods on, and Python functions for the rare paths. */
final class Namespace {
    /** A dict that {@code jloop._native} keeps; set once, by {@link Bootstrap}. */
    private static long dict;

    private Namespace() {}

    static void set(long address) {
        dict = address;
    }

    /** The object called {@code name}; borrowed from the namespace, which lives as long as the process. */
    static long get(String name) {
        long object = CPython.PyDict_GetItemString(dict, Memory.cString(name));
        if (object == 0) {
            throw new IllegalStateException("jloop._native gave no " + name);
        }
        return object;
    }
}
