package jloop.engine;

/**
 * First in, first out: what is to run in this iteration and the next. An entry is a number that the host gave a
 * meaning, or an event of a descriptor ({@link EventLoop#eventEntry}).
 *
 * <p>Loop thread only, or with the host's lock held.
 */
public final class ReadyQueue {
    /** Ring of entries; its length is a power of two. */
    private long[] ring = new long[1024];
    /** Entries ever taken; the next to take is at {@code head & (ring.length - 1)}. */
    private int head;
    /** Entries ever added. */
    private int tail;

    public int size() {
        return tail - head;
    }

    public boolean isEmpty() {
        return tail == head;
    }

    public void add(long entry) {
        if (tail - head == ring.length) {
            grow();
        }
        ring[tail++ & (ring.length - 1)] = entry;
    }

    /** Removes the oldest entry. The queue must not be empty. */
    public long take() {
        return ring[head++ & (ring.length - 1)];
    }

    /** The entry that {@code index} further calls of {@link #take} precede. */
    public long get(int index) {
        return ring[(head + index) & (ring.length - 1)];
    }

    private void grow() {
        long[] bigger = new long[ring.length * 2];
        int count = size();
        for (int i = 0; i < count; i++) {
            bigger[i] = get(i);
        }
        ring = bigger;
        head = 0;
        tail = count;
    }
}
