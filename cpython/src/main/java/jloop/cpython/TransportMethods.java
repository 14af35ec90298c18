package jloop.cpython;

import java.lang.invoke.MethodHandles;
import jloop.cpython.Upcalls.Takes;
import jloop.engine.linux.Memory;

/** Methods of {@code jloop}'s socket transport. Upcalls: see {@link Upcalls} for their rule. */
final class TransportMethods {
    private static final long WRITE_SLOW = Namespace.get("write_slow");
    private static final long WRITELINES_SLOW = Namespace.get("writelines_slow");
    private static final long WRITE_NAMED = Names.intern("_write_named");
    private static final long WRITELINES_NAMED = Names.intern("_writelines_named");
    private static final int LOOP = Layout.slot("socket_transport", "_loop");
    /** Other buffers up to this many bytes are copied at once, to leave together with their neighbours. */
    private static final long COPIED_SIZE = 16 * 1024;

    private TransportMethods() {}

    static void install() {
        MethodHandles.Lookup lookup = MethodHandles.lookup();
        long type = Types.SOCKET_TRANSPORT;
        Upcalls.install(type, "_open", lookup, "open", Takes.POSITIONAL);
        Upcalls.install(type, "_close_channel", lookup, "closeChannel", Takes.NOTHING);
        Upcalls.install(type, "_start_reading", lookup, "startReading", Takes.NOTHING);
        Upcalls.install(type, "_stop_reading", lookup, "stopReading", Takes.NOTHING);
        Upcalls.install(type, "_discard_writes", lookup, "discardWrites", Takes.NOTHING);
        Upcalls.install(type, "_block_writes", lookup, "blockWrites", Takes.ONE);
        Upcalls.install(type, "_set_buffered", lookup, "setBuffered", Takes.ONE);
        Upcalls.install(type, "_set_high_water", lookup, "setHighWater", Takes.ONE);
        Upcalls.install(
                type,
                "get_write_buffer_size",
                lookup,
                "getWriteBufferSize",
                Takes.NOTHING,
                "",
                "How much the kernel has not taken yet.");
        Upcalls.install(
                type, "write", lookup, "write", Takes.ANYTHING, "data", "Send data, without waiting until it is sent.");
        Upcalls.install(
                type,
                "writelines",
                lookup,
                "writelines",
                Takes.ANYTHING,
                "list_of_data",
                "Send each of list_of_data, in their order.");
    }

    /**
     * {@code _open(fd, sock)}: the engine takes the transport on, and holds it until {@code _close_channel}. {@code sock}
     * is the socket, if it is one that somebody else may close.
     */
    static long open(long self, long args, long nargs, long unused) {
        try {
            Arguments.exactly("_open", nargs, 2);
            PyLoop loop = PyLoop.LOOPS.get(Memory.getLong(self + LOOP));
            if (loop == null) {
                return Errors.raise(Errors.RUNTIME_ERROR, "Event loop is closed");
            }
            int fd = Arguments.descriptor(Upcalls.argument(args, 0));
            if (fd < 0 || SocketTransport.TRANSPORTS.get(self) != null) {
                return Errors.raise(Errors.VALUE_ERROR, "the transport is open, or this is no descriptor");
            }
            new SocketTransport(loop, fd, Upcalls.argument(args, 1), self);
            return Upcalls.none();
        } catch (Throwable t) {
            return Errors.raise(t);
        }
    }

    /** {@code _close_channel()}: the engine lets the transport go. */
    static long closeChannel(long self, long unused1, long unused2, long unused3) {
        try {
            SocketTransport transport = SocketTransport.TRANSPORTS.get(self);
            if (transport != null) {
                transport.close();
            }
            return Upcalls.none();
        } catch (Throwable t) {
            return Errors.raise(t);
        }
    }

    /** {@code _start_reading()}: callbacks run in a copy of the context that is current now. */
    static long startReading(long self, long unused1, long unused2, long unused3) {
        try {
            SocketTransport transport = SocketTransport.TRANSPORTS.get(self);
            if (transport != null) {
                transport.keepContext();
                int result = transport.startReading();
                if (result < 0) {
                    return Errors.raiseOsError(-result);
                }
            }
            return Upcalls.none();
        } catch (Throwable t) {
            return Errors.raise(t);
        }
    }

    /** {@code _stop_reading()}. */
    static long stopReading(long self, long unused1, long unused2, long unused3) {
        try {
            SocketTransport transport = SocketTransport.TRANSPORTS.get(self);
            if (transport != null) {
                transport.stopReading();
            }
            return Upcalls.none();
        } catch (Throwable t) {
            return Errors.raise(t);
        }
    }

    /** {@code _discard_writes()}: drops what is queued. */
    static long discardWrites(long self, long unused1, long unused2, long unused3) {
        try {
            SocketTransport transport = SocketTransport.TRANSPORTS.get(self);
            if (transport != null) {
                transport.discardQueue();
            }
            return Upcalls.none();
        } catch (Throwable t) {
            return Errors.raise(t);
        }
    }

    /** {@code _block_writes(blocked)}: whether {@code write} asks {@code write_slow} instead. */
    static long blockWrites(long self, long argument, long unused1, long unused2) {
        try {
            SocketTransport transport = SocketTransport.TRANSPORTS.get(self);
            if (transport != null) {
                transport.writesBlocked = Arguments.truth(argument);
            }
            return Upcalls.none();
        } catch (Throwable t) {
            return Errors.raise(t);
        }
    }

    /** {@code _set_buffered(buffered)}: whether the protocol gives its own buffer. */
    static long setBuffered(long self, long argument, long unused1, long unused2) {
        try {
            SocketTransport transport = SocketTransport.TRANSPORTS.get(self);
            if (transport != null) {
                transport.buffered = Arguments.truth(argument);
            }
            return Upcalls.none();
        } catch (Throwable t) {
            return Errors.raise(t);
        }
    }

    /** {@code _set_high_water(bytes)}. */
    static long setHighWater(long self, long argument, long unused1, long unused2) {
        try {
            SocketTransport transport = SocketTransport.TRANSPORTS.get(self);
            long bytes = CPython.PyLong_AsLong(argument);
            if (bytes == -1 && CPython.PyErr_Occurred() != 0) {
                return 0;
            }
            if (transport != null) {
                transport.setHighWater(bytes);
            }
            return Upcalls.none();
        } catch (Throwable t) {
            return Errors.raise(t);
        }
    }

    /** {@code get_write_buffer_size()}: bytes that the kernel does not take now. */
    static long getWriteBufferSize(long self, long unused1, long unused2, long unused3) {
        try {
            SocketTransport transport = SocketTransport.TRANSPORTS.get(self);
            return CPython.PyLong_FromLong(transport == null ? 0 : transport.queuedBytes());
        } catch (Throwable t) {
            return Errors.raise(t);
        }
    }

    /** {@code write(data)}. */
    static long write(long self, long args, long nargs, long kwnames) {
        try {
            if (kwnames != 0) {
                long sorted = Arguments.sorted(WRITE_NAMED, self, args, nargs, kwnames);
                long result = write(self, sorted + Layout.TUPLE_ITEMS, 1, 0);
                Refs.decref(sorted);
                return result;
            }
            Arguments.atLeast("write", nargs, 1, "data");
            Arguments.atMost("write", nargs, 1);
            SocketTransport transport = SocketTransport.TRANSPORTS.get(self);
            long data = Upcalls.argument(args, 0);
            if (transport == null || transport.writesBlocked || !add(transport, data)) {
                return Calls.call(WRITE_SLOW, self, data);
            }
            return Upcalls.none();
        } catch (Throwable t) {
            return Errors.raise(t);
        }
    }

    /** {@code writelines(list_of_data)}. */
    static long writelines(long self, long args, long nargs, long kwnames) {
        try {
            if (kwnames != 0) {
                long sorted = Arguments.sorted(WRITELINES_NAMED, self, args, nargs, kwnames);
                long result = writelines(self, sorted + Layout.TUPLE_ITEMS, 1, 0);
                Refs.decref(sorted);
                return result;
            }
            Arguments.atLeast("writelines", nargs, 1, "list_of_data");
            Arguments.atMost("writelines", nargs, 1);
            SocketTransport transport = SocketTransport.TRANSPORTS.get(self);
            long list = Upcalls.argument(args, 0);
            if (transport == null || transport.writesBlocked || !isListOrTuple(list)) {
                return Calls.call(WRITELINES_SLOW, self, list);
            }
            long tuple = PyErrAlreadySet.check(CPython.PySequence_Tuple(list));
            try {
                if (!isPlain(tuple)) {
                    return Calls.call(WRITELINES_SLOW, self, list);
                }
                long count = Memory.getLong(tuple + Layout.OB_SIZE);
                for (int i = 0; i < count; i++) {
                    long data = Memory.getLong(tuple + Layout.TUPLE_ITEMS + 8L * i);
                    if (transport.writesBlocked || !add(transport, data)) {
                        long result = Calls.call(WRITE_SLOW, self, data);
                        if (result == 0) {
                            return 0;
                        }
                        Refs.decref(result);
                    }
                }
            } finally {
                Refs.decref(tuple);
            }
            return Upcalls.none();
        } catch (Throwable t) {
            return Errors.raise(t);
        }
    }

    private static boolean isListOrTuple(long object) {
        long type = Refs.type(object);
        return type == Layout.LIST_TYPE || type == Layout.TUPLE_TYPE;
    }

    /** Whether {@code tuple} has nothing but what {@link #add} takes: else none of it may be sent. */
    private static boolean isPlain(long tuple) {
        long count = Memory.getLong(tuple + Layout.OB_SIZE);
        for (long i = 0; i < count; i++) {
            long data = Memory.getLong(tuple + Layout.TUPLE_ITEMS + 8 * i);
            long itsType = Refs.type(data);
            if (itsType != Layout.BYTES_TYPE
                    && itsType != Layout.BYTEARRAY_TYPE
                    && !(itsType == Layout.MEMORYVIEW_TYPE && isContiguous(data))) {
                return false;
            }
        }
        return true;
    }

    private static boolean isContiguous(long memoryview) {
        long view = Buffers.take();
        boolean contiguous = CPython.PyObject_GetBuffer(memoryview, view, SocketTransport.PYBUF_SIMPLE) == 0;
        if (contiguous) {
            CPython.PyBuffer_Release(view);
        } else {
            Refs.decref(Errors.take());
        }
        Buffers.give(view);
        return contiguous;
    }

    /** Queues the bytes of {@code data}. Returns false if it is nothing that can be written. */
    private static boolean add(SocketTransport transport, long data) {
        long type = Refs.type(data);
        if (type == Layout.BYTES_TYPE) {
            long length = Memory.getLong(data + Layout.OB_SIZE);
            if (length != 0) {
                transport.write(data + Layout.BYTES_PAYLOAD, length, Refs.share(data));
            }
            return true;
        }
        if (type != Layout.BYTEARRAY_TYPE
                && type != Layout.MEMORYVIEW_TYPE
                && PyErrAlreadySet.check(CPython.PyObject_IsInstance(data, Layout.BYTES_TYPE)) == 0
                && PyErrAlreadySet.check(CPython.PyObject_IsInstance(data, Layout.BYTEARRAY_TYPE)) == 0) {
            return false;
        }
        long view = Buffers.take();
        try {
            PyErrAlreadySet.check(CPython.PyObject_GetBuffer(data, view, SocketTransport.PYBUF_SIMPLE));
            try {
                addView(transport, Memory.getLong(view), Memory.getLong(view + SocketTransport.BUFFER_LENGTH));
            } finally {
                CPython.PyBuffer_Release(view);
            }
        } finally {
            Buffers.give(view);
        }
        return true;
    }

    /** Memory that may change once the caller has it back: large buffers are offered to the kernel first, the rest is copied. */
    private static void addView(SocketTransport transport, long address, long length) {
        long sent = 0;
        if (length > COPIED_SIZE) {
            sent = transport.tryWrite(address, length);
            if (sent < 0) {
                transport.writeFailed((int) -sent);
                return;
            }
        }
        if (sent < length) {
            long copy = PyErrAlreadySet.check(CPython.PyBytes_FromStringAndSize(address + sent, length - sent));
            transport.write(copy + Layout.BYTES_PAYLOAD, length - sent, copy);
        }
    }
}
