package jloop.cpython;

import jloop.engine.Pollable;

/** The reader and the writer that {@code add_reader} and {@code add_writer} set for one descriptor: handles, as asyncio's selector keeps them. */
final class FdWatcher extends Pollable {
    private final PyLoop loop;
    /** Owned references, or 0. */
    private long reader;

    private long writer;

    FdWatcher(PyLoop loop, int fd) {
        super(fd);
        this.loop = loop;
    }

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

    @Override
    protected void ready(int readiness) {
        if ((readiness & READ) != 0 && reader != 0) {
            loop.addCallback(reader);
        }
        if ((readiness & WRITE) != 0 && writer != 0) {
            loop.addCallback(writer);
        }
    }
}
