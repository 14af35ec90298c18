package jloop.engine;

/**
 * What the engine asks of the language it serves. One implementation is loaded in a process, so that these calls stay
 * monomorphic. All are made on the loop's thread, with the host's lock held except between {@link #beforeWait} and
 * {@link #afterWait}. None may throw.
 */
public interface LoopHost {
    /** Runs a ready entry and gives up the loop's reference to it; may call {@link EventLoop#leave}. */
    void run(long entry);

    /** Whether the entry of a timer was cancelled. */
    boolean isCancelled(long entry);

    /** Gives up the loop's reference to a timer's entry that was cancelled. */
    void release(long entry);

    /** A timer's entry left the heap for the ready queue. */
    void due(long entry);

    /**
     * The time in nanoseconds by the host's own clock, asked for after {@link EventLoop#useHostClock} only; may run
     * any code, and call {@link EventLoop#leave}.
     */
    long now();

    /** An event of {@code pollable} is about to run. Called after {@link EventLoop#watchEvents} only. */
    void beforeEvent(Pollable pollable);

    /** The event of {@link #beforeEvent} has run: that the descriptor takes more, or else that it has something to read. */
    void afterEvent(boolean write);

    /** The loop may block now: the host gives its lock away. */
    void beforeWait();

    /** The loop no longer blocks: the host takes its lock back. */
    void afterWait();

    /**
     * A signal ended the wait.
     *
     * @return false to leave the loop at once
     */
    boolean interrupted();
}
