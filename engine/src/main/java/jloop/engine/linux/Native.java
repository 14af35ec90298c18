package jloop.engine.linux;

import java.lang.invoke.MethodHandle;

/**
 * Calls C functions by address and makes C function pointers, all through few shapes.
 *
 * <p>Each further shape costs milliseconds of start-up. So every C function is called as <em>six longs to long</em>: on
 * x86-64 and AArch64 surplus integer arguments are harmless, and a narrower result is a cast at the caller. System calls
 * use the same shape plus the captured {@code errno}, see {@link CallState}.
 */
public final class Native {
    private static final NativeLinker LINKER = NativeLinker.best();
    private static final MethodHandle FUNCTION = LINKER.function();
    private static final MethodHandle SYSTEM_CALL = LINKER.systemCall();

    /** {@code void *dlsym(void *handle, const char *symbol)}; sees libpython, which the default lookup does not. */
    private static final long DLSYM = NativeLinker.library("dlsym");

    private static final int NAME_SIZE = 128;
    private static final long NAME = Memory.allocateForever(NAME_SIZE);

    private Native() {}

    /** The address of the symbol {@code name} in this process, or 0 if there is none. Any thread. */
    public static synchronized long find(String name) {
        if (Memory.cStringSize(name) > NAME_SIZE) {
            throw new IllegalArgumentException("a name of " + name.length() + " characters");
        }
        Memory.putCString(NAME, name);
        // RTLD_DEFAULT is 0: the main program and everything loaded with global scope
        return call(DLSYM, 0, NAME);
    }

    /**
     * The address of the symbol {@code name}.
     *
     * @throws UnsatisfiedLinkError if this process has no such symbol
     */
    public static long symbol(String name) {
        long address = find(name);
        if (address == 0) {
            throw new UnsatisfiedLinkError("this process has no symbol " + name);
        }
        return address;
    }

    /** Calls the C function at the address {@code function}; nothing checks that there is one. */
    public static long call(long function, long first, long second, long third, long fourth, long fifth, long sixth) {
        try {
            return (long) FUNCTION.invokeExact(function, first, second, third, fourth, fifth, sixth);
        } catch (Throwable t) {
            throw new AssertionError("a C function threw", t); // cannot happen: C throws nothing
        }
    }

    public static long call(long function) {
        return call(function, 0, 0, 0, 0, 0, 0);
    }

    public static long call(long function, long first) {
        return call(function, first, 0, 0, 0, 0, 0);
    }

    public static long call(long function, long first, long second) {
        return call(function, first, second, 0, 0, 0, 0);
    }

    public static long call(long function, long first, long second, long third) {
        return call(function, first, second, third, 0, 0, 0);
    }

    public static long call(long function, long first, long second, long third, long fourth) {
        return call(function, first, second, third, fourth, 0, 0);
    }

    /** As {@link #call}; afterwards the {@code int} at the address {@code errno} is what the call left in its own. */
    static long systemCall(
            long function, long errno, long first, long second, long third, long fourth, long fifth, long sixth) {
        try {
            return (long) SYSTEM_CALL.invokeExact(function, errno, first, second, third, fourth, fifth, sixth);
        } catch (Throwable t) {
            throw new AssertionError("a system call threw", t); // cannot happen: C throws nothing
        }
    }

    /**
     * A C function pointer that calls {@code target}, of type {@code (long, long, long, long) -> long}; it lives as long
     * as the process. {@code target} must not throw: an exception that leaves it ends the process.
     */
    public static long upcall(MethodHandle target) {
        return LINKER.upcall(target);
    }
}
