package jloop.engine;

/**
 * Lets a thread that woke the loop go on to where it gives up the host's lock.
 *
 * <p>Who calls a loop from another thread holds that lock, and often, as a worker that has done its work, is about to wait
 * for something. A loop that begins to run on the same processor at once takes it away from such a thread, only to fall
 * asleep again for the lock: two changes of threads more, and two system calls on each side. If it lets the other run first,
 * the lock is free when it comes back. That is a quarter of what a call in an executor takes on one processor, and half on
 * two.
 *
 * <p>Others who want the processor get it as well, and keep it for as long as the kernel lets them. Where that was long, the
 * loop goes on at once the next times, see {@link Backoff}.
 *
 * <p>Loop thread only, without the host's lock.
 */
final class Handover {
    /** Longer than a thread takes to end what it woke the loop for, shorter than the slices of those that compute. */
    static final long LONG_NANOS = 100_000;
    /** Vain attempts cost milliseconds: so many wake-ups apart they are a microsecond of each. */
    private static final int MAX_PASSED = 4095;

    /** A computing neighbour lets the loop have the processor back at once now and then: so doubt grows faster than it shrinks. */
    private final Backoff backoff = new Backoff(0, 4, MAX_PASSED);

    /** Offers the processor to the thread that woke the loop, unless that has taken long. */
    @SuppressWarnings("ThreadPriorityCheck") // nothing relies on it
    void offer() {
        if (!isDue()) {
            return;
        }
        long began = System.nanoTime();
        Thread.yield();
        took(System.nanoTime() - began);
    }

    /** Whether to offer the processor at this wake-up. */
    boolean isDue() {
        if (backoff.isOver()) {
            return true;
        }
        backoff.pass();
        return false;
    }

    /** Notes for how long others had it. */
    void took(long nanos) {
        if (nanos < LONG_NANOS) {
            backoff.succeeded();
        } else {
            backoff.failed();
        }
    }
}
