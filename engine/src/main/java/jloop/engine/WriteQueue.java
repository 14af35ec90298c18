package jloop.engine;

/**
 * Buffers that wait to be sent: views into memory that an owner keeps alive, sent from the front.
 *
 * <p>Loop thread only, or with the host's lock held.
 */
final class WriteQueue {
    private static final int FIELDS = 3;
    /** A queue that grew beyond this many slots is let go when it empties. */
    private static final int KEPT_LENGTH = 4 * FIELDS;

    private static final long[] NONE = {};

    /** Address, length in bytes and owner of each buffer, {@code first} to {@code first + count * FIELDS}. */
    private long[] slots = NONE;

    private int first;
    private int count;
    /** Bytes in all buffers. */
    private long bytes;

    long bytes() {
        return bytes;
    }

    int count() {
        return count;
    }

    boolean isEmpty() {
        return count == 0;
    }

    void add(long address, long length, long owner) {
        int end = first + count * FIELDS;
        if (end == slots.length) {
            makeRoom();
            end = first + count * FIELDS;
        }
        slots[end] = address;
        slots[end + 1] = length;
        slots[end + 2] = owner;
        count++;
        bytes += length;
    }

    private void makeRoom() {
        int used = count * FIELDS;
        long[] target = first >= slots.length / 2 && slots.length > 0
                ? slots
                : new long[Math.max(KEPT_LENGTH, slots.length * 2)];
        System.arraycopy(slots, first, target, 0, used);
        slots = target;
        first = 0;
    }

    long address(int index) {
        return slots[first + index * FIELDS];
    }

    long length(int index) {
        return slots[first + index * FIELDS + 1];
    }

    long owner(int index) {
        return slots[first + index * FIELDS + 2];
    }

    /** Removes the first buffer and returns its owner. */
    long removeFirst() {
        long owner = slots[first + 2];
        bytes -= slots[first + 1];
        first += FIELDS;
        if (--count == 0) {
            first = 0;
            if (slots.length > KEPT_LENGTH) {
                slots = NONE;
            }
        }
        return owner;
    }

    /** Takes {@code sent} bytes, fewer than it has, off the first buffer. */
    void advance(long sent) {
        slots[first] += sent;
        slots[first + 1] -= sent;
        bytes -= sent;
    }

    /** Empties the queue and returns the owners. */
    long[] clear() {
        long[] owners = new long[count];
        for (int i = 0; i < count; i++) {
            owners[i] = owner(i);
        }
        slots = NONE;
        first = 0;
        count = 0;
        bytes = 0;
        return owners;
    }
}
