package jloop.engine.linux;

/** Calls on any descriptor. Every result is not negative, or {@code -errno}. */
public final class Files {
    private static final int EFD_CLOEXEC_NONBLOCK = 0x80000 | 0x800; // O_CLOEXEC | O_NONBLOCK

    private static final long close = Native.symbol("close");
    private static final long read = Native.symbol("read");
    private static final long write = Native.symbol("write");
    private static final long eventfd = Native.symbol("eventfd");

    private Files() {}

    /** {@code int close(int fd)}. */
    public static int close(CallState state, int fd) {
        return state.callInt(close, fd);
    }

    /** {@code ssize_t read(int fd, void *buf, size_t count)}. */
    public static long read(CallState state, int fd, long buffer, long count) {
        return state.call(read, fd, buffer, count);
    }

    /** {@code ssize_t write(int fd, const void *buf, size_t count)}. */
    public static long write(CallState state, int fd, long buffer, long count) {
        return state.call(write, fd, buffer, count);
    }

    /** {@code int eventfd(unsigned int initval, int flags)}, non-blocking and closed on exec: a descriptor. */
    public static int eventfd(CallState state) {
        return state.callInt(eventfd, 0, EFD_CLOEXEC_NONBLOCK);
    }
}
