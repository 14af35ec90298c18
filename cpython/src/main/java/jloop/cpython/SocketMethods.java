package jloop.cpython;

import java.lang.invoke.MethodHandles;
import java.util.Arrays;
import jloop.cpython.Upcalls.Takes;
import jloop.engine.Pollable;
import jloop.engine.SocketCalls;
import jloop.engine.SocketName;
import jloop.engine.linux.Addresses;
import jloop.engine.linux.Errno;
import jloop.engine.linux.Memory;

/**
 * What {@code jloop._sockets} builds the {@code sock_*} methods of: calls that are tried once, and futures to wait for
 * when they would block. None as a result says that this socket, or argument, is for Python itself. Upcalls: see
 * {@link Upcalls} for their rule.
 */
final class SocketMethods {
    private static final long RECV = Names.intern("recv");
    private static final long RECV_INTO = Names.intern("recv_into");
    private static final long SEND = Names.intern("send");
    private static final long PYTHON_RECV = SocketObject.method(RECV);
    private static final long PYTHON_RECV_INTO = SocketObject.method(RECV_INTO);
    private static final long PYTHON_SEND = SocketObject.method(SEND);

    private static final long ACCEPT = Names.intern("accept");
    private static final long PYTHON_ACCEPT = SocketObject.method(ACCEPT);
    private static final long CONNECT = Names.intern("connect");
    private static final long PYTHON_CONNECT = SocketObject.method(CONNECT);
    private static final int MOST_ACCEPTED = 1024;
    private static final int FEW_ACCEPTED = 2;
    private static final long NAME = Memory.allocateForever(Addresses.STORAGE_SIZE + 1L);
    private static final long NAME_LENGTH = Memory.allocateForever(Integer.BYTES);

    private SocketMethods() {}

    static void install() {
        MethodHandles.Lookup lookup = MethodHandles.lookup();
        long loop = Namespace.get("loop");
        Upcalls.install(loop, "_try_recv", lookup, "tryRecv", Takes.POSITIONAL);
        Upcalls.install(loop, "_try_recv_into", lookup, "tryRecvInto", Takes.POSITIONAL);
        Upcalls.install(loop, "_try_send", lookup, "trySend", Takes.POSITIONAL);
        Upcalls.install(loop, "_try_accept", lookup, "tryAccept", Takes.POSITIONAL);
        Upcalls.install(loop, "_try_connect", lookup, "tryConnect", Takes.POSITIONAL);
        Upcalls.install(loop, "_wait_for", lookup, "waitFor", Takes.POSITIONAL);
        Upcalls.install(loop, "_stop_waiting", lookup, "stopWaiting", Takes.POSITIONAL);
    }

    /** The loop if {@code sock} is a socket whose calls Java makes; in debug mode asyncio's checks come first. */
    private static PyLoop takes(long self, long sock, long name, long original) {
        PyLoop loop = PyLoop.LOOPS.get(self);
        return loop != null && !loop.debug && SocketObject.isPlain(sock) && SocketObject.has(name, original)
                ? loop
                : null;
    }

    /** {@code _try_recv(sock, n)}: bytes; a future to wait for before trying again; or None. */
    static long tryRecv(long self, long args, long nargs, long unused) {
        try {
            Arguments.exactly("_try_recv", nargs, 2);
            long sock = Upcalls.argument(args, 0);
            long size = Upcalls.argument(args, 1);
            PyLoop loop = takes(self, sock, RECV, PYTHON_RECV);
            if (loop == null || Refs.type(size) != Layout.LONG_TYPE) {
                return Upcalls.none();
            }
            long wanted = CPython.PyLong_AsLong(size);
            if (wanted <= 0) { // nothing to do, an error, or a number that is too large: -1 with an error set
                CPython.PyErr_Clear();
                return Upcalls.none();
            }
            if (wanted > SocketCalls.bufferSize()) {
                if (!SocketObject.isStream(sock)) {
                    return Upcalls.none(); // a datagram must not be cut
                }
                wanted = SocketCalls.bufferSize();
            }
            SocketCalls sockets = loop.engine.sockets();
            long count = sockets.receive(SocketObject.fd(sock), sockets.buffer(), wanted);
            if (count == SocketCalls.WOULD_BLOCK) {
                return loop.waitFor(sock, Pollable.READ);
            }
            return count < 0
                    ? Errors.raiseOsError((int) -count)
                    : CPython.PyBytes_FromStringAndSize(sockets.buffer(), count);
        } catch (Throwable t) {
            return Errors.raise(t);
        }
    }

    /** {@code _try_recv_into(sock, buffer)}: how many bytes; a future to wait for before trying again; or None. */
    static long tryRecvInto(long self, long args, long nargs, long unused) {
        try {
            Arguments.exactly("_try_recv_into", nargs, 2);
            long sock = Upcalls.argument(args, 0);
            PyLoop loop = takes(self, sock, RECV_INTO, PYTHON_RECV_INTO);
            if (loop == null) {
                return Upcalls.none();
            }
            long view = Buffers.take();
            long count;
            try {
                if (CPython.PyObject_GetBuffer(Upcalls.argument(args, 1), view, SocketTransport.PYBUF_WRITABLE) < 0) {
                    CPython.PyErr_Clear(); // Python's own call words the error
                    return Upcalls.none();
                }
                long length = Memory.getLong(view + SocketTransport.BUFFER_LENGTH);
                count = length == 0
                        ? 0 // as Python, which makes no call then
                        : loop.engine.sockets().receive(SocketObject.fd(sock), Memory.getLong(view), length);
                CPython.PyBuffer_Release(view);
            } finally {
                Buffers.give(view);
            }
            if (count == SocketCalls.WOULD_BLOCK) {
                return loop.waitFor(sock, Pollable.READ);
            }
            return count < 0 ? Errors.raiseOsError((int) -count) : CPython.PyLong_FromLong(count);
        } catch (Throwable t) {
            return Errors.raise(t);
        }
    }

    /** {@code _try_send(sock, data, position)}: True when all is sent from there on; the position that the rest begins at; or None. */
    static long trySend(long self, long args, long nargs, long unused) {
        try {
            Arguments.exactly("_try_send", nargs, 3);
            long sock = Upcalls.argument(args, 0);
            long data = Upcalls.argument(args, 1);
            PyLoop loop = takes(self, sock, SEND, PYTHON_SEND);
            if (loop == null) {
                return Upcalls.none();
            }
            long position = Arguments.natural(Upcalls.argument(args, 2));
            if (Refs.type(data) == Layout.BYTES_TYPE) {
                long length = Memory.getLong(data + Layout.OB_SIZE);
                return send(loop, sock, data + Layout.BYTES_PAYLOAD, length, position);
            }
            long view = Buffers.take();
            try {
                if (CPython.PyObject_GetBuffer(data, view, SocketTransport.PYBUF_SIMPLE) < 0) {
                    CPython.PyErr_Clear(); // Python's own call words the error
                    return Upcalls.none();
                }
                try {
                    long length = Memory.getLong(view + SocketTransport.BUFFER_LENGTH);
                    return send(loop, sock, Memory.getLong(view), length, position);
                } finally {
                    CPython.PyBuffer_Release(view);
                }
            } finally {
                Buffers.give(view);
            }
        } catch (Throwable t) {
            return Errors.raise(t);
        }
    }

    private static long send(PyLoop loop, long sock, long address, long length, long from) {
        if (from > length) {
            return Errors.raise(Errors.VALUE_ERROR, "the position is past the end");
        }
        long position = from;
        int fd = SocketObject.fd(sock);
        do { // at least once: an empty send tells whether the socket is connected
            long sent = loop.engine.sockets().send(fd, address + position, length - position);
            if (sent == SocketCalls.WOULD_BLOCK) {
                return CPython.PyLong_FromLong(position);
            }
            if (sent < 0) {
                return Errors.raiseOsError((int) -sent);
            }
            position += sent;
        } while (position < length);
        return Upcalls.bool(true);
    }

    /**
     * {@code _try_accept(sock, limit, named)}: a tuple of triples, a non-blocking descriptor, the peer's address and, if
     * {@code named}, its own; and the error number that ended it before {@code limit}, 0 where there was just no more; or
     * None.
     */
    static long tryAccept(long self, long args, long nargs, long unused) {
        try {
            Arguments.exactly("_try_accept", nargs, 3);
            long sock = Upcalls.argument(args, 0);
            int limit = (int) Math.min(Arguments.natural(Upcalls.argument(args, 1)), MOST_ACCEPTED);
            boolean named = Arguments.truth(Upcalls.argument(args, 2));
            PyLoop loop = takes(self, sock, ACCEPT, PYTHON_ACCEPT);
            if (loop == null || !Addresses.isKnown(SocketObject.family(sock))) {
                return Upcalls.none();
            }
            SocketCalls sockets = loop.engine.sockets();
            long[] accepted = new long[Math.min(limit, FEW_ACCEPTED)];
            int count = 0;
            int errno = 0;
            while (count < limit && errno == 0) {
                long fd = sockets.accept(SocketObject.fd(sock), NAME, NAME_LENGTH);
                if (fd == SocketCalls.WOULD_BLOCK) {
                    break;
                }
                if (fd >= 0) {
                    long peername = name();
                    long triple = connection((int) fd, peername, named ? localName(sockets, (int) fd) : none());
                    if (triple != 0) {
                        if (count == accepted.length) {
                            accepted = Arrays.copyOf(accepted, Math.min(limit, 2 * count));
                        }
                        accepted[count++] = triple;
                        continue;
                    }
                    CPython.PyErr_Clear();
                    sockets.close((int) fd);
                    errno = Errno.ENOMEM;
                } else if (fd != -Errno.ECONNABORTED) {
                    errno = (int) -fd;
                }
            }
            return Refs.tuple(Refs.tuple(accepted, count), CPython.PyLong_FromLong(errno));
        } catch (Throwable t) {
            return Errors.raise(t);
        }
    }

    /**
     * {@code _try_connect(family, proto, address)}: a new TCP socket is connected to the numeric {@code address}. A tuple of
     * its non-blocking descriptor, the peer's address and its own, both None while the connection is not there yet; or the
     * error number with which the peer refused; or None where nothing has happened and Python's own socket must find out.
     */
    static long tryConnect(long self, long args, long nargs, long unused) {
        try {
            Arguments.exactly("_try_connect", nargs, 3);
            PyLoop loop = PyLoop.LOOPS.get(self);
            int family = (int) Arguments.natural(Upcalls.argument(args, 0));
            int protocol = (int) Arguments.natural(Upcalls.argument(args, 1));
            SocketName address = family == Addresses.AF_UNIX ? null : Peers.encode(Upcalls.argument(args, 2), family);
            if (loop == null || loop.debug || address == null || !SocketObject.has(CONNECT, PYTHON_CONNECT)) {
                return Upcalls.none();
            }
            address.copyTo(NAME);
            SocketCalls sockets = loop.engine.sockets();
            int fd = (int) sockets.connect(family, protocol, NAME, address.length());
            if (fd < 0) {
                return Upcalls.none(); // a call of Python's words the error
            }
            // within a machine it is done by now, and a second call says so
            long result = sockets.connected(fd, NAME, address.length());
            if (result < 0 && result != SocketCalls.WOULD_BLOCK) {
                sockets.close(fd);
                return CPython.PyLong_FromLong(-result);
            }
            long connection = result < 0
                    ? connection(fd, none(), none())
                    : connection(fd, peerName(sockets, fd, address), localName(sockets, fd));
            if (connection == 0) {
                sockets.close(fd);
            }
            return connection;
        } catch (Throwable t) {
            return Errors.raise(t);
        }
    }

    /** The peer's name, of a socket that has just been connected to {@code address}: as {@link #name}. */
    private static long peerName(SocketCalls sockets, int fd, SocketName address) {
        Memory.putInt(NAME_LENGTH, address.length()); // NAME is the address
        if (address.isWildcard()) {
            sockets.peerName(fd, NAME, NAME_LENGTH); // where the system has led it
        }
        return name();
    }

    private static long localName(SocketCalls sockets, int fd) {
        return sockets.localName(fd, NAME, NAME_LENGTH) == 0 ? name() : none();
    }

    /**
     * The address at {@link #NAME}: IPv4's as an int of 48 bits, which takes a fifth of the memory and is seldom asked for
     * ({@code _descriptors.unpacked}), others as Python has them. A new reference, or 0 with an error set.
     */
    private static long name() {
        if (Addresses.family(NAME) != Addresses.AF_INET) {
            return Peers.decode(NAME, Memory.getInt(NAME_LENGTH));
        }
        long address = Integer.toUnsignedLong(Integer.reverseBytes(Memory.getInt(NAME + Addresses.IN_ADDRESS)));
        return CPython.PyLong_FromLong(address << 16 | Addresses.port(NAME));
    }

    private static long none() {
        return Refs.share(Layout.NONE);
    }

    /** A tuple of a descriptor and two names, whose references it takes: 0 with an error set if one is 0, or there is no memory. */
    private static long connection(int fd, long peername, long sockname) {
        return Refs.tuple(CPython.PyLong_FromLong(fd), peername, sockname);
    }

    /** {@code _wait_for(sock, write)}: a future that is done when the socket is ready; or None. A call has just been refused with EAGAIN. */
    static long waitFor(long self, long args, long nargs, long unused) {
        try {
            Arguments.exactly("_wait_for", nargs, 2);
            PyLoop loop = PyLoop.LOOPS.get(self);
            long sock = Upcalls.argument(args, 0);
            if (loop == null || !SocketObject.isPlain(sock)) {
                return Upcalls.none();
            }
            return loop.waitFor(sock, Arguments.truth(Upcalls.argument(args, 1)) ? Pollable.WRITE : Pollable.READ);
        } catch (Throwable t) {
            return Errors.raise(t);
        }
    }

    /** {@code _stop_waiting(sock, future)}: nobody waits for {@code future} any more. */
    static long stopWaiting(long self, long args, long nargs, long unused) {
        try {
            Arguments.exactly("_stop_waiting", nargs, 2);
            PyLoop loop = PyLoop.LOOPS.get(self);
            long sock = Upcalls.argument(args, 0);
            if (loop != null && SocketObject.isKnown(sock)) {
                loop.stopWaiting(sock, Upcalls.argument(args, 1));
            }
            return Upcalls.none();
        } catch (Throwable t) {
            return Errors.raise(t);
        }
    }
}
