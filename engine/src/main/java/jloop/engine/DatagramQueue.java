package jloop.engine;

import java.util.Arrays;

/**
 * Datagrams that wait to be sent: views into memory that an owner keeps alive, each with its destination.
 *
 * <p>Loop thread only, or with the host's lock held.
 */
final class DatagramQueue {
    private static final int FIELDS = 3;
    /** A queue that grew beyond this many datagrams is let go when it empties. */
    private static final int KEPT_COUNT = 64;

    private static final int FIRST_COUNT = 4;
    private static final long[] NONE = {};
    private static final SocketName[] NO_NAMES = {};

    /** Address, length in bytes and owner of each datagram, those of {@code first} to {@code first + count}. */
    private long[] slots = NONE;

    private SocketName[] names = NO_NAMES;
    private int first;
    private int count;
    /** Bytes in all datagrams. */
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

    void add(long address, long length, long owner, SocketName name) {
        if (first + count == names.length) {
            makeRoom();
        }
        count++;
        put(first + count - 1, address, length, owner, name);
    }

    /** Puts a datagram before all others. */
    void addFirst(long address, long length, long owner, SocketName name) {
        if (first == 0) {
            if (count == names.length) {
                makeRoom();
            }
            System.arraycopy(slots, 0, slots, FIELDS, count * FIELDS);
            System.arraycopy(names, 0, names, 1, count);
        } else {
            first--;
        }
        count++;
        put(first, address, length, owner, name);
    }

    private void put(int position, long address, long length, long owner, SocketName name) {
        slots[position * FIELDS] = address;
        slots[position * FIELDS + 1] = length;
        slots[position * FIELDS + 2] = owner;
        names[position] = name;
        bytes += length;
    }

    private void makeRoom() {
        if (first > 0 && first >= names.length / 2) {
            System.arraycopy(slots, first * FIELDS, slots, 0, count * FIELDS);
            System.arraycopy(names, first, names, 0, count);
            Arrays.fill(names, count, first + count, null);
        } else {
            int length = Math.max(FIRST_COUNT, names.length * 2);
            long[] moreSlots = new long[length * FIELDS];
            SocketName[] moreNames = new SocketName[length];
            System.arraycopy(slots, first * FIELDS, moreSlots, 0, count * FIELDS);
            System.arraycopy(names, first, moreNames, 0, count);
            slots = moreSlots;
            names = moreNames;
        }
        first = 0;
    }

    long address(int index) {
        return slots[(first + index) * FIELDS];
    }

    long length(int index) {
        return slots[(first + index) * FIELDS + 1];
    }

    long owner(int index) {
        return slots[(first + index) * FIELDS + 2];
    }

    /** Where it goes; null for the connected peer. */
    SocketName name(int index) {
        return names[first + index];
    }

    /** Removes the first datagram and returns its owner. */
    long removeFirst() {
        long owner = owner(0);
        bytes -= length(0);
        names[first++] = null;
        if (--count == 0) {
            clear();
        }
        return owner;
    }

    /** Empties the queue. */
    void clear() {
        if (names.length > KEPT_COUNT) {
            slots = NONE;
            names = NO_NAMES;
        } else {
            Arrays.fill(names, first, first + count, null);
        }
        first = 0;
        count = 0;
        bytes = 0;
    }
}
