package jloop.cpython;

import jloop.engine.linux.Memory;

/**
 * Calls of Python objects with a few positional arguments.
 *
 * <p>The argument array is a chunk of native memory taken for the length of the call: a callee written in C may look at
 * its arguments until it returns, and may meanwhile give the GIL to a thread that makes calls too. GIL held.
 */
final class Calls {
    /** {@code PY_VECTORCALL_ARGUMENTS_OFFSET}: the callee may use the place before the arguments. */
    private static final long OFFSET = 1L << 63;

    private static final int CHUNK_SIZE = 64;
    /** Addresses of chunks that nobody uses. */
    private static long[] free = new long[16];

    private static int count;

    private Calls() {}

    /** Address of {@link #CHUNK_SIZE} bytes, until {@link #give}. */
    static long take() {
        return count > 0 ? free[--count] : Memory.allocateForever(CHUNK_SIZE);
    }

    static void give(long chunk) {
        if (count == free.length) {
            free = java.util.Arrays.copyOf(free, count * 2);
        }
        free[count++] = chunk;
    }

    /** {@code callable(argument)}: a new reference, or 0 with an error set. */
    static long call(long callable, long argument) {
        long chunk = take();
        Memory.putLong(chunk + 8, argument);
        long result = CPython.PyObject_Vectorcall(callable, chunk + 8, 1 | OFFSET);
        give(chunk);
        return result;
    }

    /** {@code callable(first, second)}: a new reference, or 0 with an error set. */
    static long call(long callable, long first, long second) {
        long chunk = take();
        Memory.putLong(chunk + 8, first);
        Memory.putLong(chunk + 16, second);
        long result = CPython.PyObject_Vectorcall(callable, chunk + 8, 2 | OFFSET);
        give(chunk);
        return result;
    }

    /** {@code callable(first, second, third)}: a new reference, or 0 with an error set. */
    static long call(long callable, long first, long second, long third) {
        long chunk = take();
        Memory.putLong(chunk + 8, first);
        Memory.putLong(chunk + 16, second);
        Memory.putLong(chunk + 24, third);
        long result = CPython.PyObject_Vectorcall(callable, chunk + 8, 3 | OFFSET);
        give(chunk);
        return result;
    }

    /** {@code callable(first, second, third, fourth)}: a new reference, or 0 with an error set. */
    static long call(long callable, long first, long second, long third, long fourth) {
        long chunk = take();
        Memory.putLong(chunk + 8, first);
        Memory.putLong(chunk + 16, second);
        Memory.putLong(chunk + 24, third);
        Memory.putLong(chunk + 32, fourth);
        long result = CPython.PyObject_Vectorcall(callable, chunk + 8, 4 | OFFSET);
        give(chunk);
        return result;
    }

    /** {@code object.name()}: a new reference, or 0 with an error set. */
    static long method(long name, long object) {
        long chunk = take();
        Memory.putLong(chunk + 8, object);
        long result = CPython.PyObject_VectorcallMethod(name, chunk + 8, 1 | OFFSET, 0);
        give(chunk);
        return result;
    }

    /** {@code object.name(argument)}: a new reference, or 0 with an error set. */
    static long method(long name, long object, long argument) {
        long chunk = take();
        Memory.putLong(chunk + 8, object);
        Memory.putLong(chunk + 16, argument);
        long result = CPython.PyObject_VectorcallMethod(name, chunk + 8, 2 | OFFSET, 0);
        give(chunk);
        return result;
    }

    /** {@code object.name(first, second)}: a new reference, or 0 with an error set. */
    static long method(long name, long object, long first, long second) {
        long chunk = take();
        Memory.putLong(chunk + 8, object);
        Memory.putLong(chunk + 16, first);
        Memory.putLong(chunk + 24, second);
        long result = CPython.PyObject_VectorcallMethod(name, chunk + 8, 3 | OFFSET, 0);
        give(chunk);
        return result;
    }
}
