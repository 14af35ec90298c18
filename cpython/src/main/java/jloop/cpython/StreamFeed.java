package jloop.cpython;

import jloop.engine.linux.Memory;

/**
 * {@code asyncio.StreamReaderProtocol.data_received} and what it calls, without Python frames and without a {@code bytes}
 * in between: the usual case only, where the reader takes the bytes and its waiter is woken. In every other, nothing has
 * happened yet and Python's own methods are called: a subclass, a replaced method, a reader that is gone, at end of file
 * or too full.
 *
 * <p>GIL held.
 */
final class StreamFeed {
    private static final long PROTOCOL_TYPE = Namespace.get("stream_reader_protocol");
    private static final long READER_TYPE = Namespace.get("stream_reader");
    /** Functions of these classes as asyncio defines them; None where they were replaced before we came. */
    private static final long ASYNCIO_DATA_RECEIVED = Namespace.get("stream_data_received");

    private static final long ASYNCIO_FEED_DATA = Namespace.get("stream_feed_data");
    private static final long ASYNCIO_WAKEUP_WAITER = Namespace.get("stream_wakeup_waiter");

    private static final long FEED_DATA = Names.intern("feed_data");
    private static final long WAKEUP_WAITER = Names.intern("_wakeup_waiter");
    private static final long STREAM_READER_WR = Names.intern("_stream_reader_wr");
    private static final long EOF = Names.intern("_eof");
    private static final long BUFFER = Names.intern("_buffer");
    private static final long LIMIT = Names.intern("_limit");
    private static final long WAITER = Names.intern("_waiter");
    private static final long CANCELLED = Names.intern("cancelled");

    private static final boolean AVAILABLE = ASYNCIO_DATA_RECEIVED != Layout.NONE
            && ASYNCIO_FEED_DATA != Layout.NONE
            && ASYNCIO_WAKEUP_WAITER != Layout.NONE
            && Methods.CAN_TELL;

    /** What {@link #feed} answers. */
    static final int NOT_TAKEN = 0;

    static final int TAKEN = 1;
    /** Python's error is set. */
    static final int FAILED = -1;

    private StreamFeed() {}

    /** Gives {@code count} bytes to the reader of {@code protocol}, whatever its type is. */
    static int feed(long protocol, long from, long count) {
        if (Refs.type(protocol) != PROTOCOL_TYPE
                || !AVAILABLE
                || !Methods.isOriginal(protocol, Names.DATA_RECEIVED, ASYNCIO_DATA_RECEIVED)) {
            return NOT_TAKEN;
        }
        long reference = attribute(protocol, STREAM_READER_WR);
        long reader = Layout.NONE;
        if (Refs.type(reference) == Layout.WEAKREF_TYPE) {
            long referent = Memory.getLong(reference + Layout.WEAKREF_OBJECT);
            reader = Refs.count(referent) != 0 ? referent : Layout.NONE; // 0: it is being freed
        }
        Refs.incref(reader);
        Refs.decref(reference);
        try {
            return Refs.type(reader) == READER_TYPE
                            && Methods.isOriginal(reader, FEED_DATA, ASYNCIO_FEED_DATA)
                            && Methods.isOriginal(reader, WAKEUP_WAITER, ASYNCIO_WAKEUP_WAITER)
                            && is(reader, EOF, Layout.FALSE)
                    ? feedReader(reader, from, count)
                    : NOT_TAKEN;
        } finally {
            Refs.decref(reader);
        }
    }

    private static int feedReader(long reader, long from, long count) {
        long buffer = attribute(reader, BUFFER);
        try {
            if (Refs.type(buffer) != Layout.BYTEARRAY_TYPE) {
                return NOT_TAKEN;
            }
            long length = Memory.getLong(buffer + Layout.OB_SIZE);
            if (pauses(reader, length + count)) {
                return NOT_TAKEN;
            }
            PyErrAlreadySet.check(CPython.PyByteArray_Resize(buffer, length + count));
            Memory.copy(from, CPython.PyByteArray_AsString(buffer) + length, count);
        } finally {
            Refs.decref(buffer);
        }
        return wakeWaiter(reader) ? TAKEN : FAILED;
    }

    /** Whether a reader with {@code length} bytes must pause its transport, or one cannot tell from here. */
    private static boolean pauses(long reader, long length) {
        long limit = attribute(reader, LIMIT);
        boolean pauses = true;
        if (Refs.type(limit) == Layout.LONG_TYPE) {
            long value = CPython.PyLong_AsLong(limit);
            if (value == -1) {
                CPython.PyErr_Clear(); // it is too large
            }
            pauses = value < 0 || length > 2 * value;
        }
        Refs.decref(limit);
        return pauses;
    }

    private static boolean wakeWaiter(long reader) {
        long waiter = attribute(reader, WAITER);
        if (waiter == Layout.NONE) {
            Refs.decref(waiter);
            return true;
        }
        try {
            PyErrAlreadySet.check(CPython.PyObject_SetAttr(reader, WAITER, Layout.NONE));
            long result = Calls.method(Names.SET_RESULT, waiter, Layout.NONE);
            if (result == 0) {
                return isCancelled(waiter);
            }
            Refs.decref(result);
            return true;
        } finally {
            Refs.decref(waiter);
        }
    }

    /** Whether {@code waiter} refused a result because it is cancelled; then the error is gone, else it stays. */
    private static boolean isCancelled(long waiter) {
        long error = Errors.take();
        long cancelled = Calls.method(CANCELLED, waiter);
        if (cancelled == Layout.TRUE) {
            Refs.decref(error);
        } else {
            CPython.PyErr_Clear();
            Errors.restore(error);
        }
        Refs.xdecref(cancelled);
        return cancelled == Layout.TRUE;
    }

    private static boolean is(long object, long name, long expected) {
        long value = attribute(object, name);
        Refs.decref(value);
        return value == expected;
    }

    private static long attribute(long object, long name) {
        return PyErrAlreadySet.check(CPython.PyObject_GetAttr(object, name));
    }
}
