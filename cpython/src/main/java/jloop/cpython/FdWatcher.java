package jloop.cpython;

import jloop.engine.DescriptorWatch;
import jloop.engine.linux.Memory;

/**
 * Who waits for one descriptor, per direction: a handle that {@code add_reader} or {@code add_writer} set, as asyncio's
 * selector keeps it, or the future of a {@code sock_*} method that found its call would block. The last to come
 * replaces the one before.
 */
final class FdWatcher extends DescriptorWatch {
    private final PyLoop loop;
    /** Handles: owned references, or 0. */
    private long reader;

    private long writer;
    /** What {@code add_reader} or {@code add_writer} was given, if no int: an owned reference while there is a handle, or 0. */
    private long file;
    /** Futures: owned references, or 0. */
    private long receiver;

    private long sender;
    /** A weak reference, owned, to the socket that was last waited for, or 0: what the poller keeps is that socket's. */
    private long socket;

    FdWatcher(PyLoop loop, int fd) {
        super(loop.engine, fd);
        this.loop = loop;
    }

    // ---- handles

    /** The handle for {@code direction}, {@link #READ} or {@link #WRITE}; borrowed, or 0. */
    long handle(int direction) {
        return direction == READ ? reader : writer;
    }

    /** Puts an owned reference, or 0, and returns the one that was there. */
    long exchange(int direction, long handle) {
        long old = handle(direction);
        if (direction == READ) {
            reader = handle;
        } else {
            writer = handle;
        }
        return old;
    }

    /** The file object that the handles are for; borrowed, or 0. */
    long file() {
        return file;
    }

    /** Keeps {@code object}, borrowed, as the file of the handles, unless one is kept; 0 lets go of it. */
    void keepFile(long object) {
        if (object == 0) {
            long old = file;
            file = 0;
            Refs.xdecref(old);
        } else if (file == 0) {
            file = Refs.share(object);
        }
    }

    @Override
    protected void levelReady(int direction) {
        long handle = handle(direction);
        if (handle != 0) {
            loop.addCallback(handle);
        }
    }

    // ---- futures

    /** The future for {@code direction}; borrowed, or 0. */
    long future(int direction) {
        return direction == READ ? receiver : sender;
    }

    /** Puts an owned reference, or 0, and returns the one that was there. */
    long exchangeFuture(int direction, long future) {
        long old = future(direction);
        if (direction == READ) {
            receiver = future;
        } else {
            sender = future;
        }
        return old;
    }

    @Override
    protected void waitOver(int direction) {
        long future = exchangeFuture(direction, 0);
        if (future == 0) {
            return;
        }
        long result = Calls.method(Names.SET_RESULT, future, Layout.NONE);
        if (result == 0) { // cancelled, and its coroutine is about to hear of it
            loop.ignoreError();
        }
        Refs.xdecref(result);
        Refs.decref(future);
    }

    // ---- the socket

    /** Whether the poller keeps a registration, and it is that of {@code object}: descriptors are closed without our being told. */
    boolean isKeptFor(long object) {
        return isKept() && socket != 0 && Memory.getLong(socket + Layout.WEAKREF_OBJECT) == object;
    }

    /** From now on what is kept is that of {@code object}. Throws if it takes no weak references. */
    void keepFor(long object) {
        long reference = PyErrAlreadySet.check(CPython.PyWeakref_NewRef(object, 0));
        forget();
        long old = socket;
        socket = reference;
        Refs.xdecref(old);
    }

    /** Gives up every reference. */
    void clear() {
        forget();
        keepFile(0);
        Refs.xdecref(exchange(READ, 0));
        Refs.xdecref(exchange(WRITE, 0));
        Refs.xdecref(exchangeFuture(READ, 0));
        Refs.xdecref(exchangeFuture(WRITE, 0));
        long old = socket;
        socket = 0;
        Refs.xdecref(old);
    }
}
