package jloop.cpython;

import jloop.engine.DatagramChannel;
import jloop.engine.SocketName;
import jloop.engine.linux.Memory;

/**
 * The engine's side of one {@code jloop} datagram transport: turns what is received into calls of the protocol, and what
 * {@code sendto} is given into datagrams.
 *
 * <p>From {@link DatagramMethods#open} to {@link #close} it owns one reference to the transport. Everything rare (errors,
 * closing, flow control, addresses that are not numeric) is a method of the transport in Python.
 */
final class DatagramTransport extends DatagramChannel implements Transport {
    /** By address of the transport. */
    static final AddressMap<DatagramTransport> TRANSPORTS = new AddressMap<>();

    private static final int PROTOCOL = Layout.slot("datagram_transport", "_protocol");
    private static final int REMOTE = Layout.slot("datagram_transport", "_address");
    private static final int CONTEXT = Layout.slot("datagram_transport", "_context");

    /** What a queued datagram counts besides its bytes, in this version of asyncio. */
    private static final int HEADER_SIZE = (int) CPython.PyLong_AsLong(Namespace.get("datagram_header_size"));
    /** Whether this version of asyncio sends datagrams without a byte. */
    private static final boolean SENDS_EMPTY = Arguments.truth(Namespace.get("datagram_sends_empty"));

    private static final long DATAGRAM_RECEIVED = Names.intern("datagram_received");
    private static final long ON_RECEIVE_ERROR = Names.intern("_receive_failed");
    private static final long ON_SEND_ERROR = Names.intern("_send_failed");
    private static final long ON_DRAINED = Names.intern("_drained");
    private static final long SEND_UNRESOLVED = Names.intern("_send_unresolved");
    private static final long MAYBE_PAUSE = Names.intern("_maybe_pause_protocol");

    private final PyLoop loop;
    private final Face face;
    private final int family;
    /** Connected to a peer with a name: every datagram goes there, as asyncio does it, whatever address is given. */
    private final boolean toPeer;
    /** Connected: a datagram without an address goes to the peer. */
    private final boolean connected;
    /** The socket that somebody else may close: an owned reference, or 0. */
    private final long socket;
    /** {@code sendto} must ask Python: the transport is closed. */
    boolean sendsBlocked;

    DatagramTransport(PyLoop loop, int fd, long socket, int family, boolean toPeer, boolean connected, long address) {
        super(loop.engine, fd, SocketObject.record(socket), family, HEADER_SIZE);
        this.loop = loop;
        this.face = new Face(loop, address, CONTEXT);
        this.family = family;
        this.toPeer = toPeer;
        this.connected = connected;
        loop.add(this); // may lack memory
        TRANSPORTS.put(address, this);
        Refs.incref(address);
        this.socket = SocketObject.keep(socket);
    }

    @Override
    public long address() {
        return face.address;
    }

    @Override
    public long socket() {
        return socket;
    }

    @Override
    public void close() {
        if (TRANSPORTS.get(face.address) == this) {
            TRANSPORTS.remove(face.address);
            sendsBlocked = true;
            loop.remove(this);
            detach();
            Refs.xdecref(socket);
            Refs.decref(face.address);
        }
    }

    /** Callbacks from now on run in a copy of the current context. */
    void keepContext() {
        face.keepContext();
    }

    // ---- receiving

    @Override
    protected void received(long from, long length, long name, int nameLength) {
        long self = Refs.share(face.address); // the call may end with the transport closed
        long data = CPython.PyBytes_FromStringAndSize(from, length);
        long peer = data == 0 ? 0 : loop.peers.object(name, nameLength);
        long result = peer == 0 ? 0 : face.inContext(DATAGRAM_RECEIVED, Refs.slot(face.address + PROTOCOL), data, peer);
        Refs.xdecref(data);
        Refs.xdecref(peer);
        face.report(result);
        Refs.decref(self);
    }

    @Override
    protected void receiveFailed(int errno) {
        face.tell(ON_RECEIVE_ERROR, errno);
    }

    // ---- sending

    /**
     * Queues {@code data} for {@code to}, both borrowed; {@code None} is no address.
     *
     * @return false if that is Python's: to complain, to resolve a name, to compare addresses
     */
    boolean sendTo(long data, long to) {
        if (sendsBlocked) {
            return false;
        }
        long remote = Refs.slot(face.address + REMOTE);
        long target = remote == Layout.NONE ? to : remote;
        if (to != target && to != Layout.NONE) {
            return false;
        }
        SocketName name = null;
        if (!toPeer) {
            if (target != Layout.NONE) {
                name = loop.peers.name(target, family);
            }
            if (name == null && (target != Layout.NONE || !connected)) {
                return false;
            }
        }
        return queue(data, name);
    }

    private boolean queue(long data, SocketName name) {
        long type = Refs.type(data);
        if (type == Layout.BYTES_TYPE) {
            long length = Memory.getLong(data + Layout.OB_SIZE);
            if (length != 0 || SENDS_EMPTY) {
                send(data + Layout.BYTES_PAYLOAD, length, Refs.share(data), name);
            }
            return true;
        }
        if (type != Layout.BYTEARRAY_TYPE && type != Layout.MEMORYVIEW_TYPE) {
            return false;
        }
        long copy = PyErrAlreadySet.check(copy(data)); // the caller may change it as soon as it has it back
        long length = Memory.getLong(copy + Layout.OB_SIZE);
        if (length != 0 || SENDS_EMPTY) {
            send(copy + Layout.BYTES_PAYLOAD, length, copy, name);
        } else {
            Refs.decref(copy);
        }
        return true;
    }

    /** {@code bytes} of the buffer of {@code data}: a new reference, or 0 with an error set. */
    private static long copy(long data) {
        long view = Buffers.take();
        try {
            if (CPython.PyObject_GetBuffer(data, view, SocketTransport.PYBUF_SIMPLE) < 0) {
                return 0;
            }
            long copy = CPython.PyBytes_FromStringAndSize(
                    Memory.getLong(view), Memory.getLong(view + SocketTransport.BUFFER_LENGTH));
            CPython.PyBuffer_Release(view);
            return copy;
        } finally {
            Buffers.give(view);
        }
    }

    @Override
    protected void sendFailed(int errno) {
        face.tell(ON_SEND_ERROR, errno);
    }

    @Override
    protected boolean sendByHost() {
        long result = Calls.method(SEND_UNRESOLVED, face.address);
        boolean done = result != Layout.FALSE;
        face.report(result);
        return done;
    }

    @Override
    protected void aboveHighWater() {
        // inside of sendto(): what must leave the loop leaves through whoever sent
        Refs.decref(PyErrAlreadySet.check(Calls.method(MAYBE_PAUSE, face.address)));
    }

    @Override
    protected void drained() {
        face.tell(ON_DRAINED);
    }

    @Override
    protected void releaseOwner(long owner) {
        Refs.decref(owner); // exactly a bytes object: freeing it runs no code
    }
}
