package jloop.engine;

import java.util.function.LongPredicate;

/**
 * A four-ary min-heap of deadlines. Entries with equal deadlines leave by rank, then in the order in which they came.
 *
 * <p>Four children to a node: half the levels of a binary heap, and a node's children share a cache line. Cancelled
 * entries stay until they surface or are swept ({@link #removeIf}), as in asyncio: cancelling is then O(1), and most
 * timers are cancelled long before they are due.
 *
 * <p>Loop thread only, or with the host's lock held.
 */
public final class TimerHeap {
    private static final int ARITY_SHIFT = 2;
    /** Bits of the order of arrival, which begins again after 2^41 timers. */
    private static final int ARRIVAL_BITS = 41;

    /** Ranks are below this. */
    public static final long RANKS = 1L << 22;

    /** Nanoseconds of {@link System#nanoTime}, by heap position. */
    private long[] deadlines = new long[64];
    /** Breaks ties: the rank, and below it the order of arrival. */
    private long[] sequences = new long[64];
    /** What is due then, a number that the host gave a meaning. */
    private long[] entries = new long[64];

    private int size;
    private long nextSequence;

    public int size() {
        return size;
    }

    public boolean isEmpty() {
        return size == 0;
    }

    /** The earliest deadline in nanoseconds. The heap must not be empty. */
    public long firstDeadline() {
        return deadlines[0];
    }

    /** The entry that is due first. The heap must not be empty. */
    public long first() {
        return entries[0];
    }

    /** The entry at a heap position below {@link #size}; positions say nothing of order. */
    public long get(int position) {
        return entries[position];
    }

    public void add(long deadlineNanos, long entry) {
        add(deadlineNanos, 0, entry);
    }

    /**
     * Adds an entry whose host measures time more finely than in nanoseconds.
     *
     * @param rank the order among entries of the same deadline, from 0 to {@link #RANKS} exclusively
     */
    public void add(long deadlineNanos, long rank, long entry) {
        if (size == entries.length) {
            grow();
        }
        long arrival = nextSequence++ & ((1L << ARRIVAL_BITS) - 1);
        siftUp(size++, deadlineNanos, rank << ARRIVAL_BITS | arrival, entry);
    }

    /** Removes {@link #first}. The heap must not be empty. */
    public void removeFirst() {
        int last = --size;
        if (last != 0) {
            siftDown(0, deadlines[last], sequences[last], entries[last]);
        }
    }

    /** Removes every entry for which {@code gone} is true; the others keep their order. */
    public void removeIf(LongPredicate gone) {
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
