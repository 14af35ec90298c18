package jloop.cpython;

import jloop.engine.linux.Memory;

/** Reads what an upcall of the vectorcall kind was called with, and complains as a Python function would. */
final class Arguments {
    /**
     * The names of the last call that had {@code context} alone, owned. asyncio's C code has one such tuple for all of its
     * calls, and a string in it that is not interned.
     */
    private static long onlyContext;

    private Arguments() {}

    /**
     * The value of {@code context=}, borrowed, or 0 if it is not there or None.
     *
     * @throws PyErrAlreadySet TypeError for any other keyword
     */
    static long context(String method, long args, long nargs, long kwnames) {
        if (kwnames == 0) {
            return 0;
        }
        if (kwnames == onlyContext) {
            return contextOrNone(Upcalls.argument(args, (int) nargs));
        }
        long context = 0;
        long count = Memory.getLong(kwnames + Layout.OB_SIZE);
        for (int i = 0; i < count; i++) {
            long name = Memory.getLong(kwnames + Layout.TUPLE_ITEMS + 8L * i);
            if (name != Names.CONTEXT && CPython.PyUnicode_CompareWithASCIIString(name, Names.CONTEXT_TEXT) != 0) {
                Errors.raise(
                        Errors.TYPE_ERROR,
                        method + "() got an unexpected keyword argument '"
                                + Memory.string(PyErrAlreadySet.check(CPython.PyUnicode_AsUTF8(name))) + "'");
                throw PyErrAlreadySet.INSTANCE;
            }
            context = Upcalls.argument(args, (int) nargs + i);
        }
        if (count == 1) {
            Refs.incref(kwnames);
            Refs.xdecref(onlyContext);
            onlyContext = kwnames;
        }
        return contextOrNone(context);
    }

    private static long contextOrNone(long context) {
        return context == Layout.NONE ? 0 : context;
    }

    /** Whether a keyword other than {@code context} is there: then Python sorts the arguments. */
    static boolean named(long kwnames) {
        if (kwnames == 0 || kwnames == onlyContext) {
            return false;
        }
        long count = Memory.getLong(kwnames + Layout.OB_SIZE);
        for (long i = 0; i < count; i++) {
            long name = Memory.getLong(kwnames + Layout.TUPLE_ITEMS + 8 * i);
            if (name != Names.CONTEXT && CPython.PyUnicode_CompareWithASCIIString(name, Names.CONTEXT_TEXT) != 0) {
                return true;
            }
        }
        return false;
    }

    /**
     * Arguments that were given by name in their order, with the context last: {@code self.method(*args, **kwargs)}
     * returns them so. A new reference to a tuple.
     */
    static long sorted(long method, long self, long args, long nargs, long kwnames) {
        long total = nargs + Memory.getLong(kwnames + Layout.OB_SIZE);
        try (java.lang.foreign.Arena arena = java.lang.foreign.Arena.ofConfined()) {
            long array = arena.allocate(8 * (total + 1), 8).address();
            Memory.putLong(array, self);
            Memory.copy(args, array + 8, 8 * total);
            long sorted = PyErrAlreadySet.check(CPython.PyObject_VectorcallMethod(method, array, nargs + 1, kwnames));
            if (Refs.type(sorted) != Layout.TUPLE_TYPE || Memory.getLong(sorted + Layout.OB_SIZE) < 1) {
                Refs.decref(sorted);
                Errors.raise(Errors.TYPE_ERROR, "the arguments were not put into a tuple");
                throw PyErrAlreadySet.INSTANCE;
            }
            return sorted;
        }
    }

    /** Requires {@code needed} positional arguments at least; {@code names} are theirs. */
    static void atLeast(String method, long nargs, int needed, String... names) {
        if (nargs >= needed) {
            return;
        }
        StringBuilder missing = new StringBuilder();
        for (int i = (int) nargs; i < needed; i++) {
            missing.append(i == nargs ? "'" : i == needed - 1 ? " and '" : ", '")
                    .append(names[i])
                    .append('\'');
        }
        int count = needed - (int) nargs;
        Errors.raise(
                Errors.TYPE_ERROR,
                method + "() missing " + count + " required positional argument" + (count == 1 ? "" : "s") + ": "
                        + missing);
        throw PyErrAlreadySet.INSTANCE;
    }

    /** Requires {@code most} positional arguments, besides {@code self}, at most. */
    static void atMost(String method, long nargs, int most) {
        if (nargs > most) {
            Errors.raise(
                    Errors.TYPE_ERROR,
                    method + "() takes " + (most + 1) + " positional arguments but " + (nargs + 1) + " were given");
            throw PyErrAlreadySet.INSTANCE;
        }
    }

    /** Requires exactly {@code wanted} positional arguments. */
    static void exactly(String method, long nargs, int wanted) {
        if (nargs != wanted) {
            Errors.raise(
                    Errors.TYPE_ERROR,
                    method + "() takes exactly " + wanted + " argument" + (wanted == 1 ? "" : "s") + " (" + nargs
                            + " given)");
            throw PyErrAlreadySet.INSTANCE;
        }
    }

    /** Requires an instance of {@code type} or of a subclass: its slots are read in place. */
    static void instance(String method, long object, long type) {
        if (!Layout.isInstance(object, type)) {
            Errors.raise(Errors.TYPE_ERROR, method + "() takes a handle");
            throw PyErrAlreadySet.INSTANCE;
        }
    }

    /** An int that is not negative. */
    static long natural(long object) {
        long value = CPython.PyLong_AsLong(object);
        if (value < 0) {
            if (CPython.PyErr_Occurred() == 0) {
                Errors.raise(Errors.VALUE_ERROR, "the number must not be negative");
            }
            throw PyErrAlreadySet.INSTANCE;
        }
        return value;
    }

    /** A file descriptor: an int. OverflowError, as asyncio's selector raises it, if it is none of C. */
    static int descriptor(long object) {
        long value = CPython.PyLong_AsLong(object);
        if (value == -1 && CPython.PyErr_Occurred() != 0) {
            throw PyErrAlreadySet.INSTANCE;
        }
        if (value != (int) value) {
            Errors.raise(Errors.OVERFLOW_ERROR, "Python int too large to convert to C int");
            throw PyErrAlreadySet.INSTANCE;
        }
        return (int) value;
    }

    /** As {@link #descriptor}; an int that is too large for one is the largest there could be, which is nobody's. */
    static int descriptorOrNone(long object) {
        long value = CPython.PyLong_AsLong(object);
        if (value == -1 && CPython.PyErr_Occurred() != 0) {
            if (Refs.type(object) != Layout.LONG_TYPE) {
                throw PyErrAlreadySet.INSTANCE;
            }
            Refs.decref(Errors.take());
            return Integer.MAX_VALUE;
        }
        return value == (int) value ? (int) value : Integer.MAX_VALUE;
    }

    /** Whether {@code object} is true. */
    static boolean truth(long object) {
        return PyErrAlreadySet.check(CPython.PyObject_IsTrue(object)) != 0;
    }
}
