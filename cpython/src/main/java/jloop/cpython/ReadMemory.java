package jloop.cpython;

/**
 * The memory into which a loop's transports read: the payload of a {@code bytes} object. Much leaves with the object
 * itself, little as a copy.
 *
 * <p>GIL held.
 */
final class ReadMemory {
    /** Bytes; asyncio's {@code max_size}. */
    static final int SIZE = 256 * 1024;
    /** Bytes from which on copying costs more than another object of {@link #SIZE}. */
    private static final int MUCH = 32 * 1024;

    /** Owned, and nobody else's; or 0. */
    private long object;

    static {
        // The C library maps its first large block and remembers, when it is freed, to take further ones of that size
        // from its heap. Mapping and unmapping each would cost a page fault for every 4 KiB that is read.
        long first = CPython.PyBytes_FromStringAndSize(0, SIZE);
        if (first == 0) {
            CPython.PyErr_Clear();
        } else {
            Refs.decref(first);
        }
    }

    /** Address of {@link #SIZE} bytes, or 0 with MemoryError set. */
    long address() {
        if (object == 0) {
            object = CPython.PyBytes_FromStringAndSize(0, SIZE);
        }
        return object == 0 ? 0 : object + Layout.BYTES_PAYLOAD;
    }

    /** The first {@code count} bytes at {@link #address} as an object: a new reference, or 0 with MemoryError set. */
    long take(long count) {
        if (count < MUCH) {
            return CPython.PyBytes_FromStringAndSize(object + Layout.BYTES_PAYLOAD, count);
        }
        long bytes = object;
        object = 0;
        return count == SIZE ? bytes : CPython.PyBytes_Resize(bytes, count);
    }

    void close() {
        Refs.xdecref(object);
        object = 0;
    }
}
