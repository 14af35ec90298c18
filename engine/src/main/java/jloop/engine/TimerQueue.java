package jloop.engine;

import java.util.function.LongPredicate;

/**
 * The timers of one loop, in two generations.
 *
 * <p>Most timers are timeouts that are cancelled soon after. They are swept out of the young, who are few however many
 * others wait: nothing else is looked at, and what the host recycles is still in the processor's cache. Who survives a
 * sweep among many becomes old. Cancelled timers stay until they surface or are more than half of their generation, as
 * in asyncio's one heap.
 *
 * <p>Loop thread only, or with the host's lock held.
 */
public final class TimerQueue {
    /** Ranks are below this. */
    public static final long RANKS = 1L << 22;

    /** Bits of the order of arrival, which begins again after 2^41 timers. */
    private static final int ARRIVAL_BITS = 41;

    private static final long ARRIVALS = 1L << ARRIVAL_BITS;
    /** asyncio does not sweep fewer. */
    private static final int MIN_FOR_SWEEP = 100;
    /** The young are swept above this number if any was cancelled, and become old if more than half of it survive. */
    private static final int MAX_YOUNG = 2048;

    private final LoopHost host;
    private final TimerGeneration young = new TimerGeneration();
    private final TimerGeneration old = new TimerGeneration();
    private long nextArrival;
    /** Cancelled timers that are still here. */
    private int cancelled;
    /** {@link #cancelled} after the last sweep of the young, when all of them were old. */
    private int cancelledOld;

    TimerQueue(LoopHost host) {
        this.host = host;
    }

    public int size() {
        return young.size() + old.size();
    }

    public boolean isEmpty() {
        return young.isEmpty() && old.isEmpty();
    }

    /** The generation of the timer that is due first; there must be one. */
    private TimerGeneration first() {
        return old.isEmpty() || !young.isEmpty() && young.precedes(old) ? young : old;
    }

    /** The earliest deadline in nanoseconds. The queue must not be empty. */
    public long firstDeadline() {
        return first().firstDeadline();
    }

    /** Removes the entry that is due first and returns it. The queue must not be empty. */
    public long removeFirst() {
        TimerGeneration timers = first();
        long entry = timers.first();
        timers.removeFirst();
        return entry;
    }

    /** The entry at a position below {@link #size}; positions say nothing of order. */
    public long get(int position) {
        int index = position - young.size();
        return index < 0 ? young.get(position) : old.get(index);
    }

    /**
     * Adds an entry.
     *
     * @param deadlineNanos what {@link EventLoop} compares with {@link System#nanoTime}, or {@link LoopHost#now}
     * @param rank the order among entries of the same deadline, from 0 to {@link #RANKS} exclusively, for a host that
     *     measures time more finely; those of one rank leave in the order in which they came
     */
    public void add(long deadlineNanos, long rank, long entry) {
        young.add(deadlineNanos, rank << ARRIVAL_BITS | nextArrival, entry);
        nextArrival = (nextArrival + 1) & (ARRIVALS - 1);
    }

    /** A timer in the queue was cancelled. */
    public void cancelled() {
        cancelled++;
    }

    /** A cancelled timer left the queue by falling due. */
    public void cancelledDue() {
        cancelled--;
    }

    /** Queues the timers that are due at {@code time} behind what is ready. */
    void moveDue(long time, ReadyQueue ready) {
        while (!isEmpty()) {
            TimerGeneration timers = first();
            if (timers.firstDeadline() > time) {
                return;
            }
            long entry = timers.first();
            ready.add(entry); // may lack memory: then it is still a timer
            timers.removeFirst();
            host.due(entry);
        }
    }

    /** Gives up cancelled timers: those that are due first, and all of a generation if they are too many. */
    void dropCancelled() {
        if (cancelled == 0) {
            return;
        }
        cancelledOld = Math.min(cancelledOld, cancelled);
        int atMostYoung = cancelled - cancelledOld;
        if (young.size() > MIN_FOR_SWEEP
                && (atMostYoung > young.size() / 2 || atMostYoung > 0 && young.size() > MAX_YOUNG)) {
            sweep(young);
            cancelledOld = cancelled;
            if (young.size() > MAX_YOUNG / 2) {
                young.moveAll(old);
            }
        } else if (old.size() > MIN_FOR_SWEEP && cancelled - young.size() > old.size() / 2) {
            sweep(old);
            cancelledOld = 0;
        }
        while (!isEmpty() && host.isCancelled(first().first())) {
            cancelled--;
            host.release(removeFirst());
        }
    }

    private void sweep(TimerGeneration timers) {
        // References are given up after the sweep: that may run any code, which may add timers
        Gone gone = new Gone(timers.size());
        timers.removeIf(gone);
        cancelled -= gone.count;
        for (int i = 0; i < gone.count; i++) {
            host.release(gone.entries[i]);
        }
    }

    /** Collects the cancelled timers. */
    private final class Gone implements LongPredicate {
        private final long[] entries;
        private int count;

        Gone(int most) {
            entries = new long[most];
        }

        @Override
        public boolean test(long entry) {
            boolean gone = host.isCancelled(entry);
            if (gone) {
                entries[count++] = entry;
            }
            return gone;
        }
    }
}
