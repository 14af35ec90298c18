package jloop.bench.load;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * A message that must come back unchanged, every byte compared: bare, or as the payload of a WebSocket message.
 *
 * <p>The first eight bytes of the payload are the stamp, so the reply to another request, or to one of another
 * connection, does not pass.
 */
final class EchoExchange implements Exchange {
    /**
     * What all connections of a run send and expect, once in memory, so that it stays in the cache. Each exchange writes
     * its own stamp to it before it sends or compares the first bytes: there is one thread.
     *
     * @param stampMask what a stamp is xored with as it is sent
     */
    record Message(MemorySegment sent, int sentHead, MemorySegment expected, int expectedHead, long stampMask) {
        /** {@code size} bytes and the same back. */
        static Message plain(Arena arena, int size) {
            MemorySegment bytes = arena.allocate(size, 64);
            fill(bytes, 0, 0);
            return new Message(bytes, 0, bytes, 0, 0);
        }

        /** A binary WebSocket message of {@code size} bytes and the same back. */
        static Message webSocket(Arena arena, int size) {
            int head = size < 126 ? 2 : size < 65536 ? 4 : 10;
            MemorySegment sent = arena.allocate(head + 4 + size, 64);
            MemorySegment expected = arena.allocate(head + size, 64);
            webSocketHead(sent, size, 0x80);
            webSocketHead(expected, size, 0);
            sent.set(JAVA_INT_UNALIGNED, head, MASK);
            fill(sent, head + 4, MASK);
            fill(expected, head, 0);
            return new Message(sent, head + 4, expected, head, (long) MASK << 32 | MASK & 0xffffffffL);
        }

        private static void webSocketHead(MemorySegment frame, int size, int masked) {
            frame.set(JAVA_BYTE, 0, (byte) 0x82); // the only frame of a binary message
            if (size < 126) {
                frame.set(JAVA_BYTE, 1, (byte) (masked | size));
                return;
            }
            int bytes = size < 65536 ? 2 : 8;
            frame.set(JAVA_BYTE, 1, (byte) (masked | (bytes == 2 ? 126 : 127)));
            for (int i = 0; i < bytes; i++) {
                frame.set(JAVA_BYTE, 2 + i, (byte) ((long) size >> 8 * (bytes - 1 - i)));
            }
        }

        /** Letters from {@code offset} to the end, xor the bytes of {@code mask} in memory order. */
        private static void fill(MemorySegment bytes, int offset, int mask) {
            for (int i = 0; offset + i < bytes.byteSize(); i++) {
                bytes.set(JAVA_BYTE, offset + i, (byte) ('a' + i % 26 ^ mask >> 8 * (i & 3)));
            }
        }

        boolean hasStamp() {
            return expected.byteSize() - expectedHead >= Long.BYTES;
        }
    }

    /** Masks what a WebSocket client sends (RFC 6455, 5.3); any number will do for a load. */
    private static final int MASK = 0x5ac39617;

    private final Message message;
    private final long length;
    private long stamp;
    // bytes of the reply that came and were right
    private long received;

    EchoExchange(Message message) {
        this.message = message;
        length = message.expected.byteSize();
    }

    @Override
    public void next(long newStamp) {
        stamp = newStamp;
        received = 0;
    }

    @Override
    public long request() {
        if (message.hasStamp()) {
            message.sent.set(JAVA_LONG_UNALIGNED, message.sentHead, stamp ^ message.stampMask);
        }
        return message.sent.address();
    }

    @Override
    public int requestLength() {
        return (int) message.sent.byteSize();
    }

    @Override
    public boolean accept(MemorySegment chunk, int count) {
        if (received < message.expectedHead + Long.BYTES && message.hasStamp()) {
            message.expected.set(JAVA_LONG_UNALIGNED, message.expectedHead, stamp);
        }
        long end = received + count;
        if (end > length || MemorySegment.mismatch(message.expected, received, end, chunk, 0, count) != -1) {
            throw new LoadException("a reply that is not the echo of its request, after " + received + " good bytes");
        }
        received = end;
        return end == length;
    }
}
