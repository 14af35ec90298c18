package jloop.engine.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;

/**
 * Makes system calls, and is where they leave their {@code errno}: it has to be taken before the JVM runs anything else
 * on the thread. Every result is that of the C function if it is not negative, otherwise {@code -errno}.
 *
 * <p>One thread at a time.
 */
public final class CallState {
    /** Keeps the memory at {@link #errno}. */
    private final MemorySegment memory = Arena.ofAuto().allocate(Integer.BYTES, Integer.BYTES);

    /** Address of an {@code int}. */
    private final long errno = memory.address();

    /** Calls a function that returns {@code int}, given by its address. */
    int callInt(long function, long first) {
        return (int) check((int) Native.systemCall(function, errno, first, 0, 0, 0, 0, 0));
    }

    int callInt(long function, long first, long second) {
        return (int) check((int) Native.systemCall(function, errno, first, second, 0, 0, 0, 0));
    }

    int callInt(long function, long first, long second, long third, long fourth) {
        return (int) check((int) Native.systemCall(function, errno, first, second, third, fourth, 0, 0));
    }

    int callInt(long function, long first, long second, long third, long fourth, long fifth) {
        return (int) check((int) Native.systemCall(function, errno, first, second, third, fourth, fifth, 0));
    }

    /** Calls a function that returns {@code ssize_t}, given by its address. */
    long call(long function, long first, long second, long third) {
        return check(Native.systemCall(function, errno, first, second, third, 0, 0, 0));
    }

    long call(long function, long first, long second, long third, long fourth) {
        return check(Native.systemCall(function, errno, first, second, third, fourth, 0, 0));
    }

    long call(long function, long first, long second, long third, long fourth, long fifth, long sixth) {
        return check(Native.systemCall(function, errno, first, second, third, fourth, fifth, sixth));
    }

    private long check(long result) {
        long checked = result >= 0 ? result : -Memory.getInt(errno);
        Reference.reachabilityFence(this);
        return checked;
    }
}
