package jloop.engine;

import java.lang.foreign.Arena;
import jloop.engine.linux.CallState;
import jloop.engine.linux.Messages;

/**
 * Memory for what one call receives, and how far it was delivered.
 *
 * <p>Only pages that a datagram reached are ever resident: small datagrams touch one page of each buffer.
 */
final class DatagramBatch {
    /** Buffers start in different sets of the cache: 64 KiB apart they would all share one. */
    private static final int STAGGER = 192;

    final long datagramSize;
    private final MessageVector messages;
    /** The next to deliver, and the end of those received. */
    private int next;

    private int count;

    /** For {@code capacity} datagrams of {@code datagramSize} bytes at most. */
    DatagramBatch(Arena arena, int capacity, long datagramSize) {
        this.datagramSize = datagramSize;
        messages = new MessageVector(arena, capacity);
        long buffer = arena.allocate(capacity * (datagramSize + STAGGER), 64).address();
        for (int i = 0; i < capacity; i++) {
            messages.setBuffer(i, buffer + i * (datagramSize + STAGGER), datagramSize);
            messages.wantName(i);
        }
    }

    /** Receives what is there. Returns 0, or {@code -errno} with nothing received. */
    int receive(CallState state, int fd) {
        for (int i = 0; i < count; i++) {
            messages.wantName(i);
        }
        int result = Messages.receive(state, fd, messages.address, messages.capacity);
        next = 0;
        count = Math.max(0, result);
        return Math.min(0, result);
    }

    boolean isEmpty() {
        return next == count;
    }

    /** Moves to the next datagram and returns its index. There must be one. */
    int take() {
        return next++;
    }

    long buffer(int index) {
        return messages.buffer(index);
    }

    int length(int index) {
        return messages.length(index);
    }

    long name(int index) {
        return messages.name(index);
    }

    int nameLength(int index) {
        return messages.nameLength(index);
    }
}
