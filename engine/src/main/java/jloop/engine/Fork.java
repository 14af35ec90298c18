package jloop.engine;

import jloop.engine.linux.Memory;

/**
 * Whether this process is a forked child of the one that started the JVM. The child has the JVM's memory and none of its
 * threads: what needs one of them, a collection above all, never ends there. It shares the poller and the sockets with
 * its parent. So a loop that finds itself in a child ends at once, and touches neither.
 *
 * <p>Entering Java to say so is no longer safe then. The child writes a word of native memory instead, which costs the
 * loop one read per callback.
 */
public final class Fork {
    private static final long WORD = Memory.allocateForever(8);

    private Fork() {}

    /** Where the child writes a {@code long} that is not 0. */
    public static long address() {
        return WORD;
    }

    public static boolean isChild() {
        return Memory.getLong(WORD) != 0;
    }
}
