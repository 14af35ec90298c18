package jloop.engine.linux;

import java.lang.invoke.MethodHandle;

/** Calls on any descriptor. Every result is not negative, or {@code -errno}. */
public final class Files {
    private static final int EFD_CLOEXEC_NONBLOCK = 0x80000 | 0x800; // O_CLOEXEC | O_NONBLOCK

    private static final MethodHandle close = Native.systemCall("close");
    private static final MethodHandle read = Native.systemCall("read");
    private static final MethodHandle write = Native.systemCall("write");
    private static final MethodHandle eventfd = Native.systemCall("eventfd");

    private Files() {}

    /** {@code int close(int fd)}. */
    public static int close(CallState state, int fd) {
        try {
            return (int) state.check((int) (long) close.invokeExact(state.segment, (long) fd, 0L, 0L, 0L, 0L, 0L));
        } catch (Throwable t) {
            throw new AssertionError("close", t);
        }
    }

    /** {@code ssize_t read(int fd, void *buf, size_t count)}. */
    public static long read(CallState state, int fd, long buffer, long count) {
        try {
            return state.check((long) read.invokeExact(state.segment, (long) fd, buffer, count, 0L, 0L, 0L));
        } catch (Throwable t) {
            throw new AssertionError("read", t);
        }
    }

    /** {@code ssize_t write(int fd, const void *buf, size_t count)}. */
    public static long write(CallState state, int fd, long buffer, long count) {
        try {
            return state.check((long) write.invokeExact(state.segment, (long) fd, buffer, count, 0L, 0L, 0L));
        } catch (Throwable t) {
            throw new AssertionError("write", t);
        }
    }

    /** {@code int eventfd(unsigned int initval, int flags)}, non-blocking and closed on exec: a descriptor. */
    public static int eventfd(CallState state) {
        try {
            return (int) state.check(
                    (int) (long) eventfd.invokeExact(state.segment, 0L, (long) EFD_CLOEXEC_NONBLOCK, 0L, 0L, 0L, 0L));
        } catch (Throwable t) {
            throw new AssertionError("eventfd", t);
        }
    }
}
