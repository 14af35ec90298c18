package jloop.engine.linux;

import java.lang.invoke.MethodHandle;

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
    public static final int EPOLLOUT = 0x4;
    public static final int EPOLLET = 1 << 31;

    private static final int EPOLL_CLOEXEC = 0x80000; // O_CLOEXEC, asm-generic/fcntl.h
    private static final boolean PACKED = System.getProperty("os.arch").equals("amd64");
    private static final int DATA_OFFSET = PACKED ? 4 : 8;

    /** Size of one {@code struct epoll_event} in bytes. */
    public static final int EVENT_SIZE = PACKED ? 12 : 16;

    private static final MethodHandle epoll_create1 = Native.systemCall("epoll_create1");
    private static final MethodHandle epoll_ctl = Native.systemCall("epoll_ctl");
    private static final MethodHandle epoll_wait = Native.systemCall("epoll_wait");
    /** Null where glibc (before 2.35) has none: then waits are rounded up to milliseconds. */
    private static final MethodHandle epoll_pwait2 =
            Native.find("epoll_pwait2") == 0 ? null : Native.systemCall("epoll_pwait2");

    private Epoll() {}

    /** {@code int epoll_create1(int flags)} with {@code EPOLL_CLOEXEC}: a descriptor, or {@code -errno}. */
    public static int create(CallState state) {
        try {
            return (int) state.check(
                    (int) (long) epoll_create1.invokeExact(state.segment, (long) EPOLL_CLOEXEC, 0L, 0L, 0L, 0L, 0L));
        } catch (Throwable t) {
            throw new AssertionError("epoll_create1", t);
        }
    }

    /** {@code int epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)}: 0, or {@code -errno}. */
    public static int ctl(CallState state, int epfd, int op, int fd, long event) {
        try {
            return (int) state.check((int)
                    (long) epoll_ctl.invokeExact(state.segment, (long) epfd, (long) op, (long) fd, event, 0L, 0L));
        } catch (Throwable t) {
            throw new AssertionError("epoll_ctl", t);
        }
    }

    /**
     * {@code int epoll_wait(int epfd, struct epoll_event *events, int maxevents, int timeout)} with a timeout in
     * milliseconds, -1 for none: the number of events, or {@code -errno}. Blocks unless {@code timeoutMillis} is 0.
     */
    public static int wait(CallState state, int epfd, long events, int maxEvents, int timeoutMillis) {
        try {
            return (int) state.check((int) (long) epoll_wait.invokeExact(
                    state.segment, (long) epfd, events, (long) maxEvents, (long) timeoutMillis, 0L, 0L));
        } catch (Throwable t) {
            throw new AssertionError("epoll_wait", t);
        }
    }

    /** Whether {@link #waitNanos} is there. */
    public static boolean hasNanos() {
        return epoll_pwait2 != null;
    }

    /**
     * {@code int epoll_pwait2(int epfd, struct epoll_event *events, int maxevents, const struct timespec *timeout, const
     * sigset_t *sigmask)} without a mask: as {@link #wait}, with the address of a timeout. {@code -ENOSYS} before Linux
     * 5.11.
     */
    public static int waitNanos(CallState state, int epfd, long events, int maxEvents, long timespec) {
        try {
            return (int) state.check((int) (long)
                    epoll_pwait2.invokeExact(state.segment, (long) epfd, events, (long) maxEvents, timespec, 0L, 0L));
        } catch (Throwable t) {
            throw new AssertionError("epoll_pwait2", t);
        }
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
