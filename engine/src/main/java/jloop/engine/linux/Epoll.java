package jloop.engine.linux;

/**
 * {@code epoll(7)}: three calls and the array they fill.
 *
 * <pre>{@code
 * struct epoll_event {
 *     uint32_t     events;
 *     epoll_data_t data;     // u64: generation << 32 | descriptor
 * };   // x86-64: packed, size 12, data at 4; elsewhere: size 16, data at 8
 * }</pre>
 *
 * Source: epoll_event(3type); glibc bits/epoll.h, {@code __EPOLL_PACKED}.
 */
public final class Epoll {
    // opcodes
    public static final int EPOLL_CTL_ADD = 1;
    public static final int EPOLL_CTL_DEL = 2;
    public static final int EPOLL_CTL_MOD = 3;

    // events
    public static final int EPOLLIN = 0x1;
    public static final int EPOLLPRI = 0x2;
    public static final int EPOLLOUT = 0x4;
    public static final int EPOLLRDHUP = 0x2000;
    public static final int EPOLLET = 1 << 31;

    private static final int EPOLL_CLOEXEC = 0x80000; // O_CLOEXEC, asm-generic/fcntl.h
    private static final boolean PACKED = System.getProperty("os.arch").equals("amd64");
    private static final int DATA_OFFSET = PACKED ? 4 : 8;

    /** Size of one {@code struct epoll_event} in bytes. */
    public static final int EVENT_SIZE = PACKED ? 12 : 16;

    private static final long epoll_create1 = Native.symbol("epoll_create1");
    private static final long epoll_ctl = Native.symbol("epoll_ctl");
    private static final long epoll_wait = Native.symbol("epoll_wait");
    /** 0 where glibc (before 2.35) has none: then waits are rounded up to milliseconds. */
    private static final long epoll_pwait2 = Native.find("epoll_pwait2");

    private Epoll() {}

    /** {@code int epoll_create1(int flags)} with {@code EPOLL_CLOEXEC}: a descriptor, or {@code -errno}. */
    public static int create(CallState state) {
        return state.callInt(epoll_create1, EPOLL_CLOEXEC);
    }

    /** {@code int epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)}: 0, or {@code -errno}. */
    public static int ctl(CallState state, int epfd, int op, int fd, long event) {
        return state.callInt(epoll_ctl, epfd, op, fd, event);
    }

    /**
     * {@code int epoll_wait(int epfd, struct epoll_event *events, int maxevents, int timeout)} with a timeout in
     * milliseconds, -1 for none: the number of events, or {@code -errno}. Blocks unless {@code timeoutMillis} is 0.
     */
    public static int wait(CallState state, int epfd, long events, int maxEvents, int timeoutMillis) {
        return state.callInt(epoll_wait, epfd, events, maxEvents, timeoutMillis);
    }

    /** Whether {@link #waitNanos} is there. */
    public static boolean hasNanos() {
        return epoll_pwait2 != 0;
    }

    /**
     * {@code int epoll_pwait2(int epfd, struct epoll_event *events, int maxevents, const struct timespec *timeout, const
     * sigset_t *sigmask)} without a mask: as {@link #wait}, with the address of a timeout. {@code -ENOSYS} before Linux
     * 5.11.
     */
    public static int waitNanos(CallState state, int epfd, long events, int maxEvents, long timespec) {
        return state.callInt(epoll_pwait2, epfd, events, maxEvents, timespec);
    }

    /** Writes the one {@code struct epoll_event} at {@code event}. */
    public static void put(long event, int events, long data) {
        Memory.putInt(event, events);
        Memory.putLong(event + DATA_OFFSET, data);
    }

    /** {@code events[index].events}. */
    public static int events(long events, int index) {
        return Memory.getInt(events + (long) index * EVENT_SIZE);
    }

    /** {@code events[index].data.u64}. */
    public static long data(long events, int index) {
        return Memory.getLong(events + (long) index * EVENT_SIZE + DATA_OFFSET);
    }
}
