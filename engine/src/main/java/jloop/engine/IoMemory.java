package jloop.engine;

import java.lang.foreign.Arena;
import jloop.engine.linux.Sockets;

/** Native memory that the channels of one loop share, made when it is first used: only one of them reads or sends at a time. */
final class IoMemory implements AutoCloseable {
    /** Bytes of the shared read buffer, asyncio's {@code max_size}. */
    static final int READ_SIZE = 256 * 1024;
    /** Buffers that one {@code sendmsg} gathers; the kernel takes up to 1024. */
    static final int MAX_IOVECS = 256;

    private final Arena arena = Arena.ofShared();
    private long readBuffer;
    private long msghdr;

    /** Address of {@link #READ_SIZE} bytes. */
    long readBuffer() {
        if (readBuffer == 0) {
            readBuffer = arena.allocate(READ_SIZE, 64).address();
        }
        return readBuffer;
    }

    /** Address of a zeroed {@code struct msghdr}, followed by {@code struct iovec[MAX_IOVECS]}. */
    long msghdr() {
        if (msghdr == 0) {
            msghdr = arena.allocate(Sockets.MSGHDR_SIZE + 8 + (long) MAX_IOVECS * Sockets.IOVEC_SIZE, 16)
                    .address();
        }
        return msghdr;
    }

    /** Address of the {@code iovec} array of {@link #msghdr}. */
    long iovecs() {
        return msghdr() + Sockets.MSGHDR_SIZE + 8;
    }

    @Override
    public void close() {
        arena.close();
    }
}
