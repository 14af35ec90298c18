package jloop.engine;

import java.util.function.LongPredicate;

/**
 * A ring of timers that came in the order in which they are due, as timers of one delay do: adding and removing cost the
 * same however many there are.
 *
 * <p>Loop thread only, or with the host's lock held.
 */
final class TimerRun {
    /** By ring position; their length is a power of two. */
    private long[] deadlines = new long[64];

    private long[] sequences = new long[64];
    private long[] entries = new long[64];
    /** Counts of those ever removed and added. */
    private int head;

    private int tail;

    int size() {
        return tail - head;
    }

    boolean isEmpty() {
        return tail == head;
    }

    private int slot(int position) {
        return (head + position) & (entries.length - 1);
    }

    /** Of the timer that {@code position} others precede. */
    long deadline(int position) {
        return deadlines[slot(position)];
    }

    /** Of the timer that {@code position} others precede. */
    long sequence(int position) {
        return sequences[slot(position)];
    }

    /** Of the timer that {@code position} others precede. */
    long entry(int position) {
        return entries[slot(position)];
    }

    /** Whether the first timer leaves before such a one. The run must not be empty. */
    boolean precedes(long deadline, long sequence) {
        long first = deadline(0);
        return first != deadline ? first < deadline : sequence(0) < sequence;
    }

    /** Whether such a timer would be the last. */
    boolean takes(long deadline, long sequence) {
        if (isEmpty()) {
            return true;
        }
        int last = (tail - 1) & (entries.length - 1);
        return deadline != deadlines[last] ? deadline > deadlines[last] : sequence > sequences[last];
    }

    /** Adds a timer that it {@link #takes}. */
    void add(long deadline, long sequence, long entry) {
        if (size() == entries.length) {
            grow();
        }
        int slot = tail & (entries.length - 1);
        deadlines[slot] = deadline;
        sequences[slot] = sequence;
        entries[slot] = entry;
        tail++;
    }

    /** Removes the timer that is due first; there must be one. */
    void removeFirst() {
        head++;
    }

    /** Removes the timers whose entries are {@code gone}. */
    void removeIf(LongPredicate gone) {
        int end = tail;
        tail = head;
        for (int i = head; i != end; i++) {
            int slot = i & (entries.length - 1);
            if (!gone.test(entries[slot])) {
                add(deadlines[slot], sequences[slot], entries[slot]);
            }
        }
    }

    void clear() {
        head = tail;
    }

    private void grow() {
        int count = size();
        long[][] bigger = new long[3][entries.length * 2];
        for (int i = 0; i < count; i++) {
            bigger[0][i] = deadline(i);
            bigger[1][i] = sequence(i);
            bigger[2][i] = entry(i);
        }
        deadlines = bigger[0];
        sequences = bigger[1];
        entries = bigger[2];
        head = 0;
        tail = count;
    }
}
