package jloop.engine;

/**
 * Tells when to try again what may be in vain: after each vain attempt several times as many occasions pass as after the
 * one before, up to a limit; after a good one half as many would.
 *
 * <p>Loop thread only.
 */
final class Backoff {
    private final int growth;
    private final int limit;
    /** Occasions that followed the latest vain attempt, halved by each good one since. */
    private int doubt;
    /** How many are still to pass. */
    private int left;

    /**
     * Begins without doubt.
     *
     * @param first occasions to pass before the first attempt
     * @param growth how much doubt grows by a vain attempt, as a power of two: 1 doubles it. Above 1 it grows even where every
     *     other attempt is good.
     * @param limit occasions to pass between two attempts, at most; a power of two less one
     */
    Backoff(int first, int growth, int limit) {
        this.left = first;
        this.growth = growth;
        this.limit = limit;
    }

    /** Whether the next occasion is one for an attempt. */
    boolean isOver() {
        return left == 0;
    }

    /** Lets an occasion pass. */
    void pass() {
        if (left > 0) {
            left--;
        }
    }

    /** An attempt was good. */
    void succeeded() {
        doubt >>= 1;
    }

    /** An attempt was in vain. */
    void failed() {
        doubt = Math.min((doubt + 1 << growth) - 1, limit);
        left = doubt;
    }
}
