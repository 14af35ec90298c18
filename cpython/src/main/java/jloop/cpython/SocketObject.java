package jloop.cpython;

import jloop.engine.linux.Memory;

/**
 * What is read in place of a {@code socket.socket} object.
 *
 * <pre>{@code
 * typedef struct {
 *     PyObject_HEAD
 *     int        sock_fd;                    // 16: -1 when closed
 *     int        sock_family;                // 20
 *     int        sock_type;                  // 24
 *     int        sock_proto;                 // 28
 *     PyObject *(*errorhandler)(void);       // 32
 *     _PyTime_t  sock_timeout;               // 40: nanoseconds, 0 when non-blocking
 * } PySocketSockObject;                      // socketmodule.h, the same in 3.10 to 3.14
 * }</pre>
 *
 * Compared at start with a socket whose values are known; where it differs, every socket is taken to be one that only
 * Python knows how to use.
 */
final class SocketObject {
    private static final int FD = 16;
    private static final int FAMILY = 20;
    private static final int TYPE = 24;
    private static final int TIMEOUT = 40;

    private static final int AF_UNIX = 1;
    private static final int SOCK_STREAM = 1;
    private static final int SOCK_DGRAM = 2;

    private static final long CLASS = Namespace.get("socket");
    private static final boolean KNOWN = check(Namespace.get("probe_socket"));

    private SocketObject() {}

    /** {@code probe} is {@code socket(AF_UNIX, SOCK_DGRAM)} with a time-out of 1.5 s, or None where that cannot be made. */
    private static boolean check(long probe) {
        if (probe == Layout.NONE) {
            return false;
        }
        long fileno = PyErrAlreadySet.check(Calls.method(Names.intern("fileno"), probe));
        boolean known = Memory.getInt(probe + FD) == CPython.PyLong_AsLong(fileno)
                && Memory.getInt(probe + FAMILY) == AF_UNIX
                && Memory.getInt(probe + TYPE) == SOCK_DGRAM
                && Memory.getLong(probe + TIMEOUT) == 1_500_000_000L;
        Refs.decref(fileno);
        return known;
    }

    /** Whether {@code object} is a {@code socket.socket}, no subclass, whose descriptor is known. */
    static boolean isKnown(long object) {
        return Refs.type(object) == CLASS && KNOWN;
    }

    /** Whether {@code object} is a non-blocking {@code socket.socket}, no subclass: its calls can be made without it. */
    static boolean isPlain(long object) {
        return isKnown(object) && Memory.getLong(object + TIMEOUT) == 0;
    }

    /** Address of the C {@code int} that is the socket's descriptor, -1 when it is closed; 0 if it is not known. */
    static long record(long object) {
        return KNOWN && Layout.isInstance(object, CLASS) ? object + FD : 0;
    }

    /** {@code object} as an owned reference, where {@link #record} knows it; else 0. */
    static long keep(long object) {
        return record(object) == 0 ? 0 : Refs.share(object);
    }

    /** The descriptor of a plain socket, -1 when it is closed. */
    static int fd(long plain) {
        return Memory.getInt(plain + FD);
    }

    static int family(long plain) {
        return Memory.getInt(plain + FAMILY);
    }

    static boolean isStream(long plain) {
        return Memory.getInt(plain + TYPE) == SOCK_STREAM;
    }

    /** A method of {@code socket.socket}, to tell later whether it was replaced. Borrowed; kept for good. */
    static long method(long name) {
        return PyErrAlreadySet.check(CPython.PyObject_GetAttr(CLASS, name));
    }

    /** Whether the method called {@code name} is still {@code original}: programs and their tests patch classes. */
    static boolean has(long name, long original) {
        long found = CPython.PyObject_GetAttr(CLASS, name);
        if (found == 0) {
            throw PyErrAlreadySet.INSTANCE;
        }
        Refs.decref(found);
        return found == original;
    }
}
