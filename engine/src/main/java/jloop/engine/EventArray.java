package jloop.engine;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import jloop.engine.linux.Epoll;

/** The native memory of one poller, freed with it. */
final class EventArray implements AutoCloseable {
    private static final int TIMESPEC_SIZE = 16; // struct timespec { time_t tv_sec; long tv_nsec; }

    private final Arena arena = Arena.ofShared();
    /** Address of {@code count} slots of {@link Epoll#EVENT_SIZE} bytes. */
    final long events;
    /** Address of one more slot, for {@code epoll_ctl}. */
    final long single;
    /** Address of a {@code struct timespec}. */
    final long timespec;

    EventArray(int count) {
        long slots = (long) (count + 1) * Epoll.EVENT_SIZE;
        long aligned = (slots + 15) & ~15L;
        MemorySegment memory = arena.allocate(aligned + TIMESPEC_SIZE, 16);
        events = memory.address();
        single = events + (long) count * Epoll.EVENT_SIZE;
        timespec = events + aligned;
    }

    @Override
    public void close() {
        arena.close();
    }
}
