package jloop.cpython;

import jloop.engine.linux.Memory;

/** Memory for {@code Py_buffer}s, used again. GIL held. */
final class Buffers {
    private static long[] free = new long[8];
    private static int count;

    static {
        give(Memory.allocateForever(SocketTransport.PY_BUFFER_SIZE)); // so that the first take is as all others
    }

    private Buffers() {}

    /** Address of memory for one {@code Py_buffer}, until {@link #give}. */
    static long take() {
        return count > 0 ? free[--count] : Memory.allocateForever(SocketTransport.PY_BUFFER_SIZE);
    }

    static void give(long view) {
        if (count == free.length) {
            free = java.util.Arrays.copyOf(free, count * 2);
        }
        free[count++] = view;
    }
}
