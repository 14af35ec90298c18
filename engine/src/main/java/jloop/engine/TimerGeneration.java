package jloop.engine;

import java.util.function.LongPredicate;

/**
 * Timers of about one age: those that came in the order in which they are due in a {@link TimerRun}, the others in a
 * {@link TimerHeap}.
 *
 * <p>Loop thread only, or with the host's lock held.
 */
final class TimerGeneration {
    private final TimerRun run = new TimerRun();
    private final TimerHeap heap = new TimerHeap();

    int size() {
        return run.size() + heap.size();
    }

    boolean isEmpty() {
        return run.isEmpty() && heap.isEmpty();
    }

    private boolean isFirstInRun() {
        return heap.isEmpty() || !run.isEmpty() && !heap.precedes(run.deadline(0), run.sequence(0));
    }

    /** The earliest deadline in nanoseconds. There must be one. */
    long firstDeadline() {
        return isFirstInRun() ? run.deadline(0) : heap.firstDeadline();
    }

    /** The entry that is due first. There must be one. */
    long first() {
        return isFirstInRun() ? run.entry(0) : heap.first();
    }

    /** Removes {@link #first}. */
    void removeFirst() {
        if (isFirstInRun()) {
            run.removeFirst();
        } else {
            heap.removeFirst();
        }
    }

    /** Whether the first timer is due before the other's. Neither may be empty. */
    boolean precedes(TimerGeneration other) {
        return isFirstInRun()
                ? !other.precedes(run.deadline(0), run.sequence(0))
                : !other.precedes(heap.firstDeadline(), heap.firstSequence());
    }

    private boolean precedes(long deadline, long sequence) {
        return isFirstInRun() ? run.precedes(deadline, sequence) : heap.precedes(deadline, sequence);
    }

    /** The entry at a position below {@link #size}; positions say nothing of order. */
    long get(int position) {
        int index = position - run.size();
        return index < 0 ? run.entry(position) : heap.get(index);
    }

    void add(long deadlineNanos, long sequence, long entry) {
        if (run.takes(deadlineNanos, sequence)) {
            run.add(deadlineNanos, sequence, entry);
        } else {
            heap.add(deadlineNanos, sequence, entry);
        }
    }

    /** Removes every entry for which {@code gone} is true; the others keep their order. */
    void removeIf(LongPredicate gone) {
        run.removeIf(gone);
        heap.removeIf(gone);
    }

    /** Moves all timers to {@code target}. */
    void moveAll(TimerGeneration target) {
        for (int i = 0; i < run.size(); i++) {
            target.add(run.deadline(i), run.sequence(i), run.entry(i));
        }
        run.clear();
        for (int i = 0; i < heap.size(); i++) {
            target.add(heap.deadline(i), heap.sequence(i), heap.get(i));
        }
        heap.clear();
    }
}
