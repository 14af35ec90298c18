package jloop.engine;

/**
 * Watches one descriptor for those outside of the engine that use it, in two ways for each direction. A <em>level</em>
 * is told in every iteration in which the descriptor is ready. A <em>wait</em> is over when the descriptor gets ready:
 * it is for somebody whose call has just been refused with EAGAIN, and who will try it again.
 *
 * <p>While there are no levels, the kernel reports edges, and a registration stays when its wait is over. So the usual
 * wait costs no system call, and a descriptor that is ready while nobody waits is reported once for what arrived and
 * never keeps the loop awake; not even a descriptor that was duplicated before it was closed, which reports for ever
 * and can be taken off the poller no more. No edge is lost: each wait begins after EAGAIN, and what arrives later makes
 * an edge. With a level, interest is exactly what levels and waits ask for.
 *
 * <p>What is kept is worthless once the descriptor was closed and its number used again, which the kernel does not
 * tell: whoever waits must know that it is still the same, and call {@link #forget} if not.
 *
 * <p>Loop thread only, or with the host's lock held.
 */
public abstract class DescriptorWatch extends Pollable {
    private final EventLoop loop;
    /** Directions with a level. */
    private int levels;
    /** Directions with a wait. */
    private int waits;
    /** Directions with a wait that is over as soon as the queued event runs; an event of an earlier wait is void. */
    private int signalled;
    /** Directions that were reported while nobody waited; their next such report ends what is kept. */
    private int unwanted;

    protected DescriptorWatch(EventLoop loop, int fd) {
        super(fd);
        this.loop = loop;
    }

    /** The descriptor is ready for a level; called while events are collected: queues what is to run, and runs nothing. */
    protected abstract void levelReady(int direction);

    /** A wait is over, and no longer there. */
    protected abstract void waitOver(int direction);

    /**
     * A level that is there already is registered once more ({@link EventLoop#renew}). Returns 0, or {@code -errno} with
     * nothing changed.
     */
    public final int addLevel(int direction) {
        if ((levels & interest & direction) != 0) {
            return loop.renew(this);
        }
        return apply(levels | direction, waits);
    }

    public final void removeLevel(int direction) {
        reduce(levels & ~direction, waits);
    }

    /** Returns 0, or {@code -errno} with nothing changed. */
    public final int addWait(int direction) {
        signalled &= ~direction;
        unwanted &= ~direction;
        return apply(levels, waits | direction);
    }

    public final void removeWait(int direction) {
        reduce(levels, waits & ~direction);
    }

    /** What is left may be refused: the descriptor was closed behind our back. Then nobody is told of it any more. */
    private void reduce(int newLevels, int newWaits) {
        if (apply(newLevels, newWaits) < 0) {
            loop.setInterest(this, 0);
            levels = 0;
            waits = 0;
        }
    }

    /** Whether anything is kept of the descriptor that a wait would build on. */
    public final boolean isKept() {
        return interest != 0;
    }

    /** Whether anybody is to be told. */
    public final boolean isUsed() {
        return isUsed(READ | WRITE);
    }

    /** Whether anybody is to be told of {@code direction}; unlike {@link #interest}, which outlasts a wait. */
    public final boolean isUsed(int direction) {
        return ((levels | waits) & direction) != 0;
    }

    /** The number is another descriptor's now: what is asked for is registered anew with the next change. */
    public final void forget() {
        loop.setInterest(this, 0);
    }

    private int apply(int newLevels, int newWaits) {
        int wanted;
        if (newLevels != 0) {
            wanted = newLevels | newWaits;
        } else if ((interest & EDGE) != 0) {
            wanted = interest | newWaits;
        } else {
            wanted = newWaits | EDGE;
        }
        int result = loop.setInterest(this, wanted);
        if (result == 0) {
            levels = newLevels;
            waits = newWaits;
        }
        return result;
    }

    @Override
    protected final void ready(int readiness) {
        if ((readiness & READ) != 0) {
            ready(READ, false);
        }
        if ((readiness & WRITE) != 0) {
            ready(WRITE, true);
        }
    }

    private void ready(int direction, boolean write) {
        if ((levels & direction) != 0) {
            levelReady(direction);
        } else if ((waits & direction) != 0) {
            signalled |= direction;
            loop.ready().add(EventLoop.eventEntry(this, write));
        } else if ((unwanted & direction) == 0) {
            unwanted |= direction;
        } else {
            unwanted = 0;
            loop.setInterest(this, 0);
            loop.setInterest(this, waits | EDGE);
        }
    }

    @Override
    final void run(boolean write) {
        int direction = write ? WRITE : READ;
        if ((signalled & waits & direction) != 0) {
            signalled &= ~direction;
            removeWait(direction);
            waitOver(direction);
        }
    }
}
