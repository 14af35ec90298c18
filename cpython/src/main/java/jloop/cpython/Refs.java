package jloop.cpython;

import jloop.engine.linux.Memory;

/**
 * Reference counts, read and written in place.
 *
 * <pre>{@code
 * struct _object {
 *     Py_ssize_t    ob_refcnt;   // 0: from 3.12 the low 32 bits count, and negative means immortal
 *     PyTypeObject *ob_type;     // 8
 * };
 * }</pre>
 *
 * Before 3.12 the count has 64 bits, but no object has 2**31 references: the low half serves every version.
 * {@link Layout} checks it at start. GIL held.
 */
final class Refs {
    private Refs() {}

    static int count(long object) {
        return Memory.getInt(object);
    }

    static void incref(long object) {
        int count = Memory.getInt(object);
        if (count >= 0) {
            Memory.putInt(object, count + 1);
        }
    }

    /** May run Python code. */
    static void decref(long object) {
        int count = Memory.getInt(object);
        if (count < 0) {
            return;
        }
        Memory.putInt(object, count - 1);
        if (count == 1) {
            CPython._Py_Dealloc(object);
        }
    }

    /** As {@link #decref}; 0 is nothing. */
    static void xdecref(long object) {
        if (object != 0) {
            decref(object);
        }
    }

    /** {@code object} as a new reference. */
    static long share(long object) {
        incref(object);
        return object;
    }

    /** Puts a new reference to {@code value} into the slot at {@code address} and gives up the one that was there. */
    static void set(long address, long value) {
        long old = Memory.getLong(address);
        if (old != value) {
            incref(value);
            Memory.putLong(address, value);
            xdecref(old);
        }
    }

    /** What the slot of an object at {@code address} holds, borrowed: None where a program has deleted it. */
    static long slot(long address) {
        long value = Memory.getLong(address);
        return value == 0 ? Layout.NONE : value;
    }

    /** {@code ob_type}, borrowed. */
    static long type(long object) {
        return Memory.getLong(object + Layout.OB_TYPE);
    }

    /** A tuple of objects whose references it takes: 0 with an error set if one is 0, or there is no memory. */
    static long tuple(long... objects) {
        for (long object : objects) {
            if (object == 0) {
                for (long other : objects) {
                    xdecref(other);
                }
                return 0;
            }
        }
        return tuple(objects, objects.length);
    }

    /** A tuple of the first {@code count} objects, whose references it takes: 0 with an error set if there is no memory. */
    static long tuple(long[] objects, int count) {
        long tuple = CPython.PyTuple_New(count);
        for (int i = 0; i < count; i++) {
            if (tuple == 0) {
                decref(objects[i]);
            } else {
                Memory.putLong(tuple + Layout.TUPLE_ITEMS + 8L * i, objects[i]);
            }
        }
        return tuple;
    }
}
