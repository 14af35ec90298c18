package jloop.bench.load;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * One epoll descriptor and the events of the last wait.
 *
 * <pre>{@code
 * struct epoll_event {
 *     uint32_t     events;
 *     epoll_data_t data;     // we store the caller's key in u64
 * };   // x86-64: packed, size 12, data at 4; elsewhere: size 16, data at 8
 * }</pre>
 */
final class Epoll implements AutoCloseable {
    static final int IN = 0x1;
    static final int OUT = 0x4;
    static final int ERR = 0x8;
    static final int HUP = 0x10;
    static final int EDGE = 1 << 31;

    private static final int CTL_ADD = 1;
    private static final int CTL_MOD = 3;
    private static final int CAPACITY = 256;
    private static final boolean PACKED = System.getProperty("os.arch").equals("amd64");
    private static final int EVENT_SIZE = PACKED ? 12 : 16;
    private static final int DATA_OFFSET = PACKED ? 4 : 8;

    private final MemorySegment events = Arena.ofAuto().allocate((long) CAPACITY * EVENT_SIZE, 8);
    private final MemorySegment change = Arena.ofAuto().allocate(EVENT_SIZE, 8);
    private final int fd = Libc.orThrow("epoll_create1", Libc.epollCreate());

    /** Watches {@code socket} for {@code interest}; its events carry {@code key}. A closed socket leaves by itself. */
    void add(int socket, int interest, int key) {
        control(CTL_ADD, socket, interest, key);
    }

    /** Watches {@code socket} for something else. */
    void modify(int socket, int interest, int key) {
        control(CTL_MOD, socket, interest, key);
    }

    private void control(int operation, int socket, int interest, int key) {
        change.set(JAVA_INT_UNALIGNED, 0, interest);
        change.set(JAVA_LONG_UNALIGNED, DATA_OFFSET, key);
        Libc.orThrow("epoll_ctl", Libc.epollControl(fd, operation, socket, change.address()));
    }

    /** Waits at most {@code timeoutMillis} milliseconds; how many events there are, 0 after a signal. */
    int await(int timeoutMillis) {
        int count = Libc.epollWait(fd, events.address(), CAPACITY, timeoutMillis);
        return count == -Libc.EINTR ? 0 : Libc.orThrow("epoll_wait", count);
    }

    /** What happened, as a set of {@link #IN}, {@link #OUT}, {@link #ERR}, {@link #HUP}. */
    int ready(int index) {
        return events.get(JAVA_INT_UNALIGNED, (long) index * EVENT_SIZE);
    }

    /** The key of the socket it happened to. */
    int key(int index) {
        return (int) events.get(JAVA_LONG_UNALIGNED, (long) index * EVENT_SIZE + DATA_OFFSET);
    }

    @Override
    public void close() {
        Libc.close(fd);
    }
}
