package jloop.cpython;

import java.lang.invoke.MethodHandles;
import jloop.cpython.Upcalls.Takes;
import jloop.engine.linux.Memory;

/** Methods of {@code jloop}'s datagram transport, installed when the first is made. Upcalls: see {@link Upcalls} for their rule. */
final class DatagramMethods {
    private static final long TYPE = Namespace.get("datagram_transport");
    private static final long SENDTO_SLOW = Namespace.get("sendto_slow");
    private static final int LOOP = Layout.slot("datagram_transport", "_loop");
    private static final long DATA = Memory.cString("data");
    private static final long ADDR = Memory.cString("addr");

    private DatagramMethods() {}

    static void install() {
        MethodHandles.Lookup lookup = MethodHandles.lookup();
        Upcalls.install(TYPE, "_open", lookup, "open", Takes.POSITIONAL);
        Upcalls.install(TYPE, "_close_channel", lookup, "closeChannel", Takes.NOTHING);
        Upcalls.install(TYPE, "_start_reading", lookup, "startReading", Takes.NOTHING);
        Upcalls.install(TYPE, "_stop_reading", lookup, "stopReading", Takes.NOTHING);
        Upcalls.install(TYPE, "_discard_sends", lookup, "discardSends", Takes.NOTHING);
        Upcalls.install(TYPE, "_block_sends", lookup, "blockSends", Takes.NOTHING);
        Upcalls.install(TYPE, "_queue_unresolved", lookup, "queueUnresolved", Takes.ONE);
        Upcalls.install(TYPE, "_set_high_water", lookup, "setHighWater", Takes.ONE);
        Upcalls.install(
                TYPE,
                "get_write_buffer_size",
                lookup,
                "getWriteBufferSize",
                Takes.NOTHING,
                "",
                "How much the kernel has not taken yet.");
        Upcalls.install(
                TYPE,
                "sendto",
                lookup,
                "sendto",
                Takes.ANYTHING,
                "data, addr=None",
                "Send data as one datagram to addr, or to the peer of a connected socket.");
    }

    /**
     * {@code _open(fd, sock, family, to_peer, connected)}: the engine takes the transport on, and holds it
     * until {@code _close_channel}. {@code sock} is the socket, if it is one that somebody else may close.
     */
    static long open(long self, long args, long nargs, long unused) {
        try {
            PyLoop loop = PyLoop.LOOPS.get(Memory.getLong(self + LOOP));
            if (loop == null) {
                return Errors.raise(Errors.RUNTIME_ERROR, "Event loop is closed");
            }
            Arguments.exactly("_open", nargs, 5);
            int fd = Arguments.descriptor(Upcalls.argument(args, 0));
            if (fd < 0 || DatagramTransport.TRANSPORTS.get(self) != null) {
                return Errors.raise(Errors.VALUE_ERROR, "the transport is open, or this is no descriptor");
            }
            int family = (int) Arguments.natural(Upcalls.argument(args, 2));
            boolean toPeer = Arguments.truth(Upcalls.argument(args, 3));
            boolean connected = Arguments.truth(Upcalls.argument(args, 4));
            new DatagramTransport(loop, fd, Upcalls.argument(args, 1), family, toPeer, connected, self);
            return Upcalls.none();
        } catch (Throwable t) {
            return Errors.raise(t);
        }
    }

    /** {@code _close_channel()}: the engine lets the transport go. */
    static long closeChannel(long self, long unused1, long unused2, long unused3) {
        try {
            DatagramTransport transport = DatagramTransport.TRANSPORTS.get(self);
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
            DatagramTransport transport = DatagramTransport.TRANSPORTS.get(self);
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
            DatagramTransport transport = DatagramTransport.TRANSPORTS.get(self);
            if (transport != null) {
                transport.stopReading();
            }
            return Upcalls.none();
        } catch (Throwable t) {
            return Errors.raise(t);
        }
    }

    /** {@code _discard_sends()}: drops what is queued. */
    static long discardSends(long self, long unused1, long unused2, long unused3) {
        try {
            DatagramTransport transport = DatagramTransport.TRANSPORTS.get(self);
            if (transport != null) {
                transport.discardQueue();
            }
            return Upcalls.none();
        } catch (Throwable t) {
            return Errors.raise(t);
        }
    }

    /** {@code _block_sends()}: from now on {@code sendto} asks {@code sendto_slow}. */
    static long blockSends(long self, long unused1, long unused2, long unused3) {
        try {
            DatagramTransport transport = DatagramTransport.TRANSPORTS.get(self);
            if (transport != null) {
                transport.sendsBlocked = true;
            }
            return Upcalls.none();
        } catch (Throwable t) {
            return Errors.raise(t);
        }
    }

    /** {@code _queue_unresolved(length)}: a datagram of so many bytes that {@code _send_unresolved} sends in its turn. */
    static long queueUnresolved(long self, long argument, long unused1, long unused2) {
        try {
            DatagramTransport transport = DatagramTransport.TRANSPORTS.get(self);
            if (transport != null) {
                transport.queueForHost(Arguments.natural(argument));
            }
            return Upcalls.none();
        } catch (Throwable t) {
            return Errors.raise(t);
        }
    }

    /** {@code _set_high_water(bytes)}. */
    static long setHighWater(long self, long argument, long unused1, long unused2) {
        try {
            DatagramTransport transport = DatagramTransport.TRANSPORTS.get(self);
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

    /** {@code get_write_buffer_size()}: size of what the kernel does not take now. */
    static long getWriteBufferSize(long self, long unused1, long unused2, long unused3) {
        try {
            DatagramTransport transport = DatagramTransport.TRANSPORTS.get(self);
            return CPython.PyLong_FromLong(transport == null ? 0 : transport.queuedSize());
        } catch (Throwable t) {
            return Errors.raise(t);
        }
    }

    /** {@code sendto(data, addr=None)}. */
    static long sendto(long self, long args, long nargs, long kwnames) {
        try {
            long data = nargs > 0 ? Upcalls.argument(args, 0) : 0;
            long addr = nargs > 1 ? Upcalls.argument(args, 1) : 0;
            if (nargs > 2) {
                return Errors.raise(
                        Errors.TYPE_ERROR,
                        "sendto() takes from 2 to 3 positional arguments but " + (nargs + 1) + " were given");
            }
            if (kwnames != 0) {
                long count = Memory.getLong(kwnames + Layout.OB_SIZE);
                for (int i = 0; i < count; i++) {
                    long name = Memory.getLong(kwnames + Layout.TUPLE_ITEMS + 8L * i);
                    long value = Upcalls.argument(args, (int) nargs + i);
                    if (addr == 0 && CPython.PyUnicode_CompareWithASCIIString(name, ADDR) == 0) {
                        addr = value;
                    } else if (data == 0 && CPython.PyUnicode_CompareWithASCIIString(name, DATA) == 0) {
                        data = value;
                    } else {
                        return Errors.raise(
                                Errors.TYPE_ERROR,
                                "sendto() got an unexpected keyword argument '"
                                        + Memory.string(PyErrAlreadySet.check(CPython.PyUnicode_AsUTF8(name))) + "'");
                    }
                }
            }
            if (data == 0) {
                Arguments.atLeast("sendto", 0, 1, "data");
            }
            if (addr == 0) {
                addr = Layout.NONE;
            }
            DatagramTransport transport = DatagramTransport.TRANSPORTS.get(self);
            if (transport != null && transport.sendTo(data, addr)) {
                return Upcalls.none();
            }
            return Calls.call(SENDTO_SLOW, self, data, addr);
        } catch (Throwable t) {
            return Errors.raise(t);
        }
    }
}
