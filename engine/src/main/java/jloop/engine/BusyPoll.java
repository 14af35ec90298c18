package jloop.engine;

/**
 * Polls for a moment before the loop sleeps, where that is likely to find events.
 *
 * <p>Two that answer each other at once spend more on sleeping than on their work: each is switched out and in again, and
 * each has to wake the other's processor, which takes some ten microseconds on a virtual machine. A client that asks
 * again as soon as it is answered gets two to four times the answers if it is waited for awake.
 *
 * <p>An attempt follows waits that were short. After a vain one it takes one short wait until the next, after another vain
 * one three, up to {@value #MAX_DOUBT}. Between two polls others get the processor; where somebody takes it the attempt
 * was vain, so that loops which share a processor sleep as ever.
 *
 * <p>Loop thread only. The host's lock is not held meanwhile, as in any wait.
 */
final class BusyPoll {
    /** About the processor time that falling asleep and being woken take. */
    private static final long LENGTH_NANOS = 40_000;
    /** A wait asleep that polling would have ended within its length: being woken takes the rest. */
    static final long SHORT_NANOS = LENGTH_NANOS + 30_000;
    /** Offering others the processor takes less if nobody wants it. */
    private static final long OTHERS_RAN_NANOS = 5_000;
    /** Short waits before another attempt, at most. */
    private static final int MAX_DOUBT = 255;

    /** Of short waits. */
    private final Backoff backoff = new Backoff(1, 1, MAX_DOUBT);

    /**
     * Waits for events.
     *
     * @param timeoutNanos nanoseconds, positive, or negative for as long as it takes
     * @return the number of events for {@link EpollPoller#dispatch}, or {@code -errno}
     */
    int await(EpollPoller poller, long timeoutNanos) {
        if (!isPromising(timeoutNanos)) {
            long began = System.nanoTime();
            int count = poller.await(timeoutNanos);
            if (count > 0) { // a timer would not have been found by polling
                slept(System.nanoTime() - began);
            }
            return count;
        }
        int count = poller.await(0);
        if (count != 0) { // a sleeper would have been told at once too
            return count;
        }
        return poll(poller, timeoutNanos);
    }

    @SuppressWarnings("ThreadPriorityCheck") // yields to other processes too, and does not rely on it
    private int poll(EpollPoller poller, long timeoutNanos) {
        long began = System.nanoTime();
        long passed = 0;
        do {
            Thread.yield();
            long before = passed;
            passed = System.nanoTime() - began;
            if (passed - before > OTHERS_RAN_NANOS) {
                break;
            }
            int count = poller.await(0);
            if (count != 0) {
                found();
                return count;
            }
        } while (passed < LENGTH_NANOS);
        missed();
        return poller.await(timeoutNanos < 0 ? timeoutNanos : Math.max(0, timeoutNanos - passed));
    }

    /** Whether to poll for this wait. A timer that is due so soon is left to the kernel, which is punctual. */
    boolean isPromising(long timeoutNanos) {
        return backoff.isOver() && (timeoutNanos < 0 || timeoutNanos > LENGTH_NANOS);
    }

    void found() {
        backoff.succeeded();
    }

    void missed() {
        backoff.failed();
    }

    void slept(long nanos) {
        if (nanos < SHORT_NANOS) {
            backoff.pass();
        }
    }
}
