package jloop.engine;

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
    /** In the loop's list of channels to flush. Owned by the loop. */
    boolean queued;

    Channel(EventLoop loop, int fd) {
        super(fd);
        this.loop = loop;
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

    /** Ends reading and writing and drops what is queued. The descriptor can be closed now. */
    public abstract void detach();
}
