package jloop.engine;

import jloop.engine.linux.CallState;
import jloop.engine.linux.Files;
import jloop.engine.linux.Memory;

/** Ends another thread's wait in the poller, through an {@code eventfd(2)}. */
final class Wakeup extends Pollable implements AutoCloseable {
    /** The eight bytes that are written, then eight to read into. */
    private static final long ONE = Memory.allocateForever(16);

    static {
        Memory.putLong(ONE, 1);
    }

    /** Used by the loop's thread. */
    private final CallState state;
    /** Used by those who wake it. */
    private final CallState wakerState = new CallState();

    Wakeup(CallState state) {
        super(EngineException.check("eventfd", Files.eventfd(state)));
        this.state = state;
    }

    /** Any thread. Never blocks; a count that is full has woken the loop already. */
    void signal() {
        Files.write(wakerState, fd, ONE, Long.BYTES);
    }

    @Override
    protected void ready(int readiness) {
        Files.read(state, fd, ONE + Long.BYTES, Long.BYTES);
    }

    @Override
    public void close() {
        Files.close(state, fd);
    }
}
