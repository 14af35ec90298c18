package jloop.engine;

import java.util.Arrays;
import jloop.engine.linux.CallState;
import jloop.engine.linux.Epoll;
import jloop.engine.linux.Errno;
import jloop.engine.linux.Memory;

/**
 * Watches descriptors with {@code epoll(7)} and finds the {@link Pollable} of an event.
 *
 * <p>A pollable without interest is not registered at all: the kernel reports errors and hang-ups even to an empty mask,
 * and a paused reader must not spin on them.
 *
 * <p>Loop thread only, or with the host's lock held; the wait itself touches no field that others write.
 */
final class EpollPoller implements AutoCloseable {
    /**
     * Events taken at a time; the kernel gives the others first next time. Answers to this many clients leave before the
     * next are read: with hundreds of clients a request of HTTP takes up to a tenth less processor time than if all were
     * taken at once, an echo a quarter, for a connection's memory is still in the cache when it is written to, and the
     * clients work meanwhile.
     */
    static final int MAX_EVENTS = 64;

    private static final long NANOS_PER_SECOND = 1_000_000_000L;
    private static final long NANOS_PER_MILLI = 1_000_000L;

    private final CallState state;
    /** Of the waits alone: meanwhile others make calls with the host's lock held. */
    private final CallState waitState = new CallState();

    private final int epfd;
    /** {@code struct epoll_event[MAX_EVENTS]}, one event for {@code epoll_ctl}, and a {@code struct timespec}. */
    private final EventArray memory = new EventArray(MAX_EVENTS);
    /** By descriptor; null where none is registered. */
    private Pollable[] pollables = new Pollable[64];
    /** Registrations ever made; never 0 in a registration. */
    private int generations;

    private long dispatched;
    /** Whether {@code epoll_pwait2} works here: waits below a millisecond. */
    private boolean nanos = Epoll.hasNanos();

    EpollPoller(CallState state) {
        this.state = state;
        this.epfd = EngineException.check("epoll_create1", Epoll.create(state));
    }

    int fd() {
        return epfd;
    }

    /** Watches {@code pollable} for {@code interest}; 0 stops it. Returns 0, or {@code -errno} with nothing changed. */
    int setInterest(Pollable pollable, int interest) {
        if (pollable.interest == interest) {
            return 0;
        }
        if (interest == 0) {
            unregister(pollable);
            return 0;
        }
        if (pollable.interest == 0 || pollables[pollable.fd] != pollable) {
            return register(pollable, interest);
        }
        int result = control(Epoll.EPOLL_CTL_MOD, pollable, interest);
        if (result == -Errno.ENOENT) { // closed behind our back, and the number used again
            result = control(Epoll.EPOLL_CTL_ADD, pollable, interest);
        }
        if (result == 0) {
            pollable.interest = interest;
        }
        return result;
    }

    /**
     * Registers {@code pollable} once more for what it is registered for: its descriptor may have been closed behind our
     * back and the number used again, which the kernel took as the end of the registration. Returns 0, or {@code -errno}.
     */
    int renew(Pollable pollable) {
        int interest = pollable.interest;
        int result = control(Epoll.EPOLL_CTL_MOD, pollable, interest);
        return result == -Errno.ENOENT ? register(pollable, interest) : result;
    }

    private int register(Pollable pollable, int interest) {
        int fd = pollable.fd;
        if (++generations == 0) {
            generations = 1;
        }
        pollable.generation = generations;
        int result = control(Epoll.EPOLL_CTL_ADD, pollable, interest);
        if (result == -Errno.EEXIST) { // left behind by a descriptor that was duplicated before it was closed
            result = control(Epoll.EPOLL_CTL_MOD, pollable, interest);
        }
        if (result == 0) {
            if (fd >= pollables.length) {
                pollables = Arrays.copyOf(pollables, Math.max(fd + 1, pollables.length * 2));
            }
            if (pollables[fd] != null) { // what was kept of the descriptor that had this number before, or has it still
                pollables[fd].interest = 0;
            }
            pollable.interest = interest;
            pollables[fd] = pollable;
        }
        return result;
    }

    /** Forgets {@code pollable}; events of it that were collected and have not run are void. */
    void unregister(Pollable pollable) {
        if (pollable.interest == 0) {
            return;
        }
        pollable.interest = 0;
        if (pollables[pollable.fd] == pollable) { // else the number is another's by now, and so is the registration
            control(Epoll.EPOLL_CTL_DEL, pollable, 0); // fails where the descriptor was closed first: it is gone too
            pollables[pollable.fd] = null;
        }
    }

    /** The pollable registered for {@code fd} under {@code generation}, or null. */
    Pollable find(int fd, int generation) {
        Pollable pollable = fd < pollables.length ? pollables[fd] : null;
        return pollable != null && pollable.generation == generation ? pollable : null;
    }

    private int control(int op, Pollable pollable, int interest) {
        int events = 0;
        if ((interest & Pollable.READ) != 0) {
            events |= Epoll.EPOLLIN;
        }
        if ((interest & Pollable.WRITE) != 0) {
            events |= Epoll.EPOLLOUT;
        }
        if ((interest & Pollable.EDGE) != 0) {
            events |= Epoll.EPOLLET;
            if ((interest & Pollable.READ) != 0) {
                events |= Epoll.EPOLLRDHUP | Epoll.EPOLLPRI;
            }
        }
        Epoll.put(memory.single, events, (long) pollable.generation << 32 | pollable.fd);
        return Epoll.ctl(state, epfd, op, pollable.fd, memory.single);
    }

    /**
     * Waits for events. Blocks unless {@code timeoutNanos} is 0.
     *
     * @param timeoutNanos nanoseconds, negative for as long as it takes
     * @return the number of events for {@link #dispatch}, or {@code -errno}
     */
    int await(long timeoutNanos) {
        if (timeoutNanos > 0 && nanos) {
            Memory.putLong(memory.timespec, timeoutNanos / NANOS_PER_SECOND);
            Memory.putLong(memory.timespec + 8, timeoutNanos % NANOS_PER_SECOND);
            int count = Epoll.waitNanos(waitState, epfd, memory.events, MAX_EVENTS, memory.timespec);
            if (count != -Errno.ENOSYS) {
                return count;
            }
            nanos = false;
        }
        int millis;
        if (timeoutNanos <= 0) {
            millis = timeoutNanos == 0 ? 0 : -1;
        } else { // rounded up: a timer must not find itself early
            millis = (int) Math.min(Integer.MAX_VALUE, (timeoutNanos + NANOS_PER_MILLI - 1) / NANOS_PER_MILLI);
        }
        return Epoll.wait(waitState, epfd, memory.events, MAX_EVENTS, millis);
    }

    /** How many events there were so far. Any thread: not the newest number, but for the loop's own. */
    long dispatched() {
        return dispatched;
    }

    /** Tells the pollables of the first {@code count} events. */
    void dispatch(int count) {
        dispatched += count;
        for (int i = 0; i < count; i++) {
            long data = Epoll.data(memory.events, i);
            Pollable pollable = find((int) data, (int) (data >>> 32));
            if (pollable == null) {
                continue;
            }
            int events = Epoll.events(memory.events, i);
            // As asyncio's selector: an error or a hang-up wakes reader and writer
            int readiness = ((events & ~Epoll.EPOLLOUT) != 0 ? Pollable.READ : 0)
                    | ((events & ~(Epoll.EPOLLIN | Epoll.EPOLLRDHUP | Epoll.EPOLLPRI)) != 0 ? Pollable.WRITE : 0);
            if ((events & ~(Epoll.EPOLLIN | Epoll.EPOLLOUT)) != 0) {
                pollable.endNear = true;
            }
            if ((readiness & pollable.interest) != 0) {
                pollable.ready(readiness & pollable.interest);
            }
        }
    }

    @Override
    public void close() {
        jloop.engine.linux.Files.close(state, epfd);
        memory.close();
    }
}
