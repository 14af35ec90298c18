package jloop.engine.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;

/**
 * Where a system call leaves its {@code errno}: it has to be taken before the JVM runs anything else on the thread.
 *
 * <p>One thread at a time.
 */
public final class CallState {
    final MemorySegment segment;

    public CallState() {
        segment = Arena.ofAuto().allocate(Linker.Option.captureStateLayout());
    }

    /** {@code result} if it is not negative, otherwise {@code -errno} of the call that gave it. */
    long check(long result) {
        return result >= 0 ? result : -segment.get(JAVA_INT, 0);
    }
}
