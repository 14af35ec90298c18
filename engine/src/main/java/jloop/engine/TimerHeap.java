package jloop.engine;

import java.util.function.LongPredicate;

/**
 * A four-ary min-heap of deadlines. Entries with equal deadlines leave by their sequence numbers.
 *
 * <p>Four children to a node: half the levels of a binary heap, and a node's children share a cache line.
 */
final class TimerHeap {
    private static final int ARITY_SHIFT = 2;

    /** Nanoseconds of {@link System#nanoTime}, by heap position. */
    private long[] deadlines = new long[64];
    /** Breaks ties. */
    private long[] sequences = new long[64];
    /** What is due then, a number that the host gave a meaning. */
    private long[] entries = new long[64];

    private int size;

    int size() {
        return size;
    }

    boolean isEmpty() {
        return size == 0;
    }

    /** The earliest deadline in nanoseconds. The heap must not be empty. */
    long firstDeadline() {
        return deadlines[0];
    }

    /** The entry that is due first. The heap must not be empty. */
    long first() {
        return entries[0];
    }

    /** What breaks ties of the entry that is due first. The heap must not be empty. */
    long firstSequence() {
        return sequences[0];
    }

    /** Of the entry at a heap position below {@link #size}. */
    long deadline(int position) {
        return deadlines[position];
    }

    /** Of the entry at a heap position below {@link #size}. */
    long sequence(int position) {
        return sequences[position];
    }

    /** The entry at a heap position below {@link #size}; positions say nothing of order. */
    long get(int position) {
        return entries[position];
    }

    void add(long deadlineNanos, long sequence, long entry) {
        if (size == entries.length) {
            grow();
        }
        siftUp(size++, deadlineNanos, sequence, entry);
    }

    /** Whether the first entry leaves before such a timer. The heap must not be empty. */
    boolean precedes(long deadline, long sequence) {
        return !before(deadline, sequence, 0);
    }

    void clear() {
        size = 0;
    }

    /** Removes {@link #first}. The heap must not be empty. */
    void removeFirst() {
        int last = --size;
        if (last != 0) {
            siftDown(0, deadlines[last], sequences[last], entries[last]);
        }
    }

    /** Removes every entry for which {@code gone} is true; the others keep their order. */
    void removeIf(LongPredicate gone) {
        int kept = 0;
        for (int i = 0; i < size; i++) {
            if (!gone.test(entries[i])) {
                deadlines[kept] = deadlines[i];
                sequences[kept] = sequences[i];
                entries[kept] = entries[i];
                kept++;
            }
        }
        size = kept;
        for (int i = (kept - 2) >> ARITY_SHIFT; i >= 0; i--) {
            siftDown(i, deadlines[i], sequences[i], entries[i]);
        }
    }

    private boolean before(long deadline, long sequence, int position) {
        long other = deadlines[position];
        return deadline != other ? deadline < other : sequence < sequences[position];
    }

    private void put(int position, long deadline, long sequence, long entry) {
        deadlines[position] = deadline;
        sequences[position] = sequence;
        entries[position] = entry;
    }

    private void siftUp(int from, long deadline, long sequence, long entry) {
        int position = from;
        while (position > 0) {
            int parent = (position - 1) >> ARITY_SHIFT;
            if (!before(deadline, sequence, parent)) {
                break;
            }
            put(position, deadlines[parent], sequences[parent], entries[parent]);
            position = parent;
        }
        put(position, deadline, sequence, entry);
    }

    private void siftDown(int from, long deadline, long sequence, long entry) {
        int position = from;
        while (true) {
            int child = (position << ARITY_SHIFT) + 1;
            if (child >= size) {
                break;
            }
            int least = child;
            int end = Math.min(child + (1 << ARITY_SHIFT), size);
            for (int i = child + 1; i < end; i++) {
                if (before(deadlines[i], sequences[i], least)) {
                    least = i;
                }
            }
            if (before(deadline, sequence, least)) {
                break;
            }
            put(position, deadlines[least], sequences[least], entries[least]);
            position = least;
        }
        put(position, deadline, sequence, entry);
    }

    private void grow() {
        int length = entries.length * 2;
        deadlines = java.util.Arrays.copyOf(deadlines, length);
        sequences = java.util.Arrays.copyOf(sequences, length);
        entries = java.util.Arrays.copyOf(entries, length);
    }
}
