package jloop.engine;

import jloop.engine.linux.Memory;

/**
 * A descriptor that the loop reads from and sends to: what streams and datagrams have in common.
 *
 * <p>Events of the poller go through the ready queue, so that they run in turn with everything else, and what was
 * written is offered to the kernel when the callback that wrote it has returned ({@link EventLoop#written}).
 *
 * <p>The subclass's methods run on the loop's thread with the host's lock held; they may call any method of this class
 * and may close it. The descriptor is borrowed ({@link Pollable}).
 */
public abstract class Channel extends Pollable {
    final EventLoop loop;
    /** Address of the C {@code int} in which the owner of the descriptor keeps its number while it is open; or 0. */
    private final long record;
    /** In the loop's list of channels to flush. Owned by the loop. */
    boolean queued;

    /**
     * A channel for {@code fd}.
     *
     * @param record address of a C {@code int} that is {@code fd} until its owner closes it, readable as long as this
     *     channel is used: the number may be another's afterwards, and is not touched then. 0 if nobody else closes it.
     */
    Channel(EventLoop loop, int fd, long record) {
        super(fd);
        this.loop = loop;
        this.record = record;
    }

    /** Whether the owner of the descriptor has closed it behind our back: reading and sending fail with EBADF. */
    final boolean isGone() {
        return record != 0 && Memory.getInt(record) != fd;
    }

    /** Starts or resumes reading. Returns 0, or {@code -errno}. */
    public int startReading() {
        return loop.setInterest(this, interest | READ);
    }

    public final void stopReading() {
        loop.setInterest(this, interest & ~READ);
    }

    public final boolean isReading() {
        return (interest & READ) != 0;
    }

    @Override
    protected final void ready(int readiness) {
        if ((readiness & READ) != 0) {
            loop.ready().add(EventLoop.eventEntry(this, false));
        }
        if ((readiness & WRITE) != 0) {
            loop.ready().add(EventLoop.eventEntry(this, true));
        }
    }

    @Override
    final void run(boolean write) {
        if (write) {
            writable();
        } else {
            readable();
        }
    }

    /** The turn of an event has come: there is something to read, or was when the event was queued. */
    abstract void readable();

    /** The turn of an event has come: the kernel takes more. */
    abstract void writable();

    /** Sends what is queued as far as the kernel takes it. */
    public abstract void flush();

    /** Whether what is queued may wait for more, for a millisecond at most, while there are callbacks to run. */
    boolean gathers() {
        return false;
    }

    /** Ends reading and writing and drops what is queued. The descriptor can be closed now. */
    public abstract void detach();
}
