package jloop.cpython;

import jloop.engine.StreamChannel;
import jloop.engine.linux.Memory;

/**
 * The engine's side of one {@code jloop} socket transport: turns what is read into calls of the protocol.
 *
 * <p>From {@link TransportMethods#open} to {@link #close} it owns one reference to the transport. Everything rare (end of
 * file, errors, closing, flow control) is a method of the transport in Python.
 */
final class SocketTransport extends StreamChannel implements Transport {
    /** By address of the transport. */
    static final AddressMap<SocketTransport> TRANSPORTS = new AddressMap<>();

    static final int PROTOCOL = Layout.slot("socket_transport", "_protocol");
    private static final int CONTEXT = Layout.slot("socket_transport", "_context");
    /** The context of the write that the kernel took less of, while it takes no more; None where that is not known. */
    private static final int WRITE_CONTEXT = Layout.slot("socket_transport", "_write_context");

    private static final long ON_EOF = Names.intern("_read_eof");
    private static final long ON_READ_ERROR = Names.intern("_read_failed");
    private static final long ON_WRITE_ERROR = Names.intern("_write_failed");
    private static final long ON_BAD_BUFFER = Names.intern("_buffer_refused");
    private static final long ON_CALL_ERROR = Names.intern("_call_failed");
    private static final long ON_DRAINED = Names.intern("_drained");
    private static final long MAYBE_PAUSE = Names.intern("_maybe_pause_protocol");
    private static final long READ_ERROR = Names.intern("Fatal read error on socket transport");
    private static final long GET_BUFFER_ERROR = Names.intern("Fatal error: protocol.get_buffer() call failed.");
    private static final long DATA_RECEIVED_ERROR = Names.intern("Fatal error: protocol.data_received() call failed.");
    private static final long BUFFER_UPDATED_ERROR =
            Names.intern("Fatal error: protocol.buffer_updated() call failed.");
    private static final long MINUS_ONE = CPython.PyLong_FromLong(-1);

    /** {@code Py_buffer}: 80 bytes, {@code buf} at 0 and {@code len} at 16 in every version. */
    static final int PY_BUFFER_SIZE = 80;

    static final int BUFFER_LENGTH = 16;
    static final int PYBUF_SIMPLE = 0;
    static final int PYBUF_WRITABLE = 1;

    private final PyLoop loop;
    private final Face face;
    /** The transport's object, as {@link #address()}. */
    private final long address;
    /** The socket that somebody else may close: an owned reference, or 0. */
    private final long socket;
    /** The protocol is an {@code asyncio.BufferedProtocol}. */
    boolean buffered;
    /** {@code write} must ask Python: closed, at end of file, or a sendfile is under way. */
    boolean writesBlocked;
    /**
     * The protocol's buffer during a read: a filled {@code Py_buffer}, or 0 where it is the shared one that is read to. It
     * says so until the read is over, whatever protocol {@code get_buffer} has set meanwhile.
     */
    private long view;

    /** {@code socket} is one that somebody else may close, borrowed, or what is no socket. */
    SocketTransport(PyLoop loop, int fd, long socket, long address) {
        super(loop.engine, fd, SocketObject.record(socket));
        this.loop = loop;
        this.face = new Face(loop, address, CONTEXT);
        this.address = address;
        loop.add(this); // may lack memory
        TRANSPORTS.put(address, this);
        Refs.incref(address);
        this.socket = SocketObject.keep(socket);
    }

    @Override
    public long address() {
        return address;
    }

    @Override
    public long socket() {
        return socket;
    }

    @Override
    public void close() {
        if (TRANSPORTS.get(address) == this) {
            TRANSPORTS.remove(address);
            writesBlocked = true; // for a writelines() that is under way
            loop.remove(this);
            detach();
            Refs.xdecref(socket);
            Refs.decref(address);
        }
    }

    /** Reads and writes from now on run their callbacks in a copy of the current context. */
    void keepContext() {
        face.keepContext();
    }

    // ---- reading

    @Override
    protected long readAddress() {
        return buffered ? protocolBuffer() : sharedBuffer();
    }

    @Override
    protected long readCapacity() {
        return view != 0 ? Memory.getLong(view + BUFFER_LENGTH) : ReadMemory.SIZE;
    }

    private long sharedBuffer() {
        long memory = loop.readMemory.address();
        if (memory == 0) {
            callFailed(READ_ERROR);
        }
        return memory;
    }

    private long protocolBuffer() {
        long buffer = face.inContext(Names.GET_BUFFER, Refs.slot(address + PROTOCOL), MINUS_ONE);
        if (buffer == 0) {
            callFailed(GET_BUFFER_ERROR);
            return 0;
        }
        long filled = Buffers.take();
        boolean usable = CPython.PyObject_GetBuffer(buffer, filled, PYBUF_WRITABLE) == 0;
        if (!usable) {
            Refs.decref(Errors.take()); // asyncio's words are others
        } else if (Memory.getLong(filled + BUFFER_LENGTH) == 0) {
            CPython.PyBuffer_Release(filled);
            usable = false;
        }
        if (usable) {
            Refs.decref(buffer); // the view keeps it
            view = filled;
            return Memory.getLong(filled);
        }
        Buffers.give(filled);
        long self = Refs.share(address);
        face.report(face.inContext(ON_BAD_BUFFER, self, buffer));
        Refs.decref(self);
        Refs.decref(buffer);
        return 0;
    }

    private void releaseView() {
        long released = view;
        if (released != 0) {
            view = 0;
            CPython.PyBuffer_Release(released); // may run code
            Buffers.give(released);
        }
    }

    @Override
    protected void readSkipped() {
        releaseView();
    }

    @Override
    protected void received(long from, long count) {
        long protocol = Refs.slot(address + PROTOCOL);
        long argument;
        long name;
        if (view != 0) {
            releaseView();
            argument = CPython.PyLong_FromLong(count);
            name = Names.BUFFER_UPDATED;
        } else {
            name = Names.DATA_RECEIVED;
            int fed = feed(protocol, from, count);
            if (fed == StreamFeed.TAKEN) {
                return;
            }
            argument = fed == StreamFeed.FAILED ? 0 : loop.readMemory.take(count);
        }
        long result = argument == 0 ? 0 : face.inContext(name, protocol, argument);
        Refs.xdecref(argument);
        if (result == 0) {
            callFailed(name == Names.DATA_RECEIVED ? DATA_RECEIVED_ERROR : BUFFER_UPDATED_ERROR);
        } else {
            Refs.decref(result);
        }
    }

    /** As {@link StreamFeed#feed}. */
    private static int feed(long protocol, long from, long count) {
        try {
            return StreamFeed.feed(protocol, from, count);
        } catch (PyErrAlreadySet e) {
            return StreamFeed.FAILED;
        }
    }

    @Override
    protected void endOfFile() {
        releaseView();
        face.tell(ON_EOF);
    }

    @Override
    protected void readFailed(int errno) {
        releaseView();
        face.tell(ON_READ_ERROR, errno);
    }

    // ---- writing

    @Override
    protected void writeFailed(int errno) {
        face.tell(ON_WRITE_ERROR, errno);
    }

    @Override
    protected void aboveHighWater() {
        // inside of write(): what must leave the loop leaves through whoever wrote
        Refs.decref(PyErrAlreadySet.check(Calls.method(MAYBE_PAUSE, address)));
    }

    @Override
    protected void blocked() {
        long copy = PyErrAlreadySet.check(CPython.PyContext_CopyCurrent());
        Refs.set(address + WRITE_CONTEXT, copy);
        Refs.decref(copy);
    }

    @Override
    protected void drained() {
        long self = Refs.share(address);
        boolean known = Memory.getLong(address + WRITE_CONTEXT) != Layout.NONE;
        face.tellIn(known ? WRITE_CONTEXT : CONTEXT, ON_DRAINED);
        if (known && !hasQueued()) {
            Refs.set(address + WRITE_CONTEXT, Layout.NONE);
        }
        Refs.decref(self);
    }

    @Override
    protected void releaseOwner(long owner) {
        Refs.decref(owner);
    }

    /** The error that a protocol's method raised, or Python's own. */
    private void callFailed(long message) {
        long exception = Errors.take();
        if (Errors.leavesLoop(exception)) {
            loop.leaveWith(exception);
            return;
        }
        long self = Refs.share(address);
        long chunk = Calls.take();
        Memory.putLong(chunk, self);
        Memory.putLong(chunk + 8, exception);
        Memory.putLong(chunk + 16, message);
        long before = Errors.handle(exception);
        long result = CPython.PyObject_VectorcallMethod(ON_CALL_ERROR, chunk, 3, 0);
        Errors.handled(before);
        face.report(result);
        Calls.give(chunk);
        Refs.decref(exception);
        Refs.decref(self);
    }
}
