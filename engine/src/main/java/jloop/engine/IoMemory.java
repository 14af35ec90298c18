package jloop.engine;

import java.lang.foreign.Arena;
import java.util.ArrayDeque;
import jloop.engine.linux.Sockets;

/** Native memory that the channels of one loop share, made when it is first used: only one of them reads or sends at a time. */
final class IoMemory implements AutoCloseable {
    /** Bytes of the shared read buffer, asyncio's {@code max_size}. */
    static final int READ_SIZE = 256 * 1024;
    /** Buffers that one {@code sendmsg} gathers; the kernel takes up to 1024. */
    static final int MAX_IOVECS = 256;

    /** Datagrams that one {@code sendmmsg} takes. */
    static final int MAX_MESSAGES = 64;
    /**
     * Datagrams that one {@code recvmmsg} receives. Answers leave after each batch: with larger ones a peer sleeps until
     * all of its datagrams are answered, then we do, and both cost more than the calls that are saved.
     */
    private static final int BATCH_COUNT = 8;

    private final Arena arena = Arena.ofShared();
    private long readBuffer;
    private long msghdr;
    private MessageVector messages;
    /** Batches that no channel holds. More than one of a size come to be where a channel keeps what it has not read. */
    private final ArrayDeque<DatagramBatch> batches = new ArrayDeque<>();

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

    /** To send with; what it holds is void after the call. */
    MessageVector messages() {
        if (messages == null) {
            messages = new MessageVector(arena, MAX_MESSAGES);
        }
        return messages;
    }

    /** Memory to receive datagrams of {@code datagramSize} bytes at most, until {@link #giveBatch}. */
    DatagramBatch takeBatch(int datagramSize) {
        for (int i = batches.size(); i > 0; i--) {
            DatagramBatch batch = batches.removeFirst();
            if (batch.datagramSize == datagramSize) {
                return batch;
            }
            batches.addLast(batch);
        }
        return new DatagramBatch(arena, BATCH_COUNT, datagramSize);
    }

    void giveBatch(DatagramBatch batch) {
        batches.addFirst(batch);
    }

    /** Gives the memory back; whoever asks for some from then on gets an IllegalStateException. */
    @Override
    public void close() {
        readBuffer = 0;
        msghdr = 0;
        messages = null;
        batches.clear();
        arena.close();
    }
}
