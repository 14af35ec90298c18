package jloop.engine.linux;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.Arrays;

/**
 * Binds C functions and makes C function pointers, all through few shapes.
 *
 * <p>Each further shape costs 3 to 19 ms of start-up, each further function of a known shape 0.1 ms. So every C
 * function is called as <em>six longs to long</em>: on x86-64 and AArch64 surplus integer arguments are harmless, and a
 * narrower result is a cast at the caller. System calls use the same shape plus the captured {@code errno}
 * ({@link CallState}).
 */
public final class Native {
    private static final Linker LINKER = Linker.nativeLinker();
    private static final FunctionDescriptor SIX_LONGS = longs(6);
    private static final FunctionDescriptor FOUR_LONGS = longs(4);
    private static final Linker.Option ERRNO = Linker.Option.captureCallState("errno");

    /** {@code void *dlsym(void *handle, const char *symbol)}; sees libpython, which the default lookup does not. */
    private static final MethodHandle DLSYM =
            LINKER.downcallHandle(LINKER.defaultLookup().find("dlsym").orElseThrow(), SIX_LONGS);

    private Native() {}

    /** The address of the symbol {@code name} in this process, or 0 if there is none. */
    public static long find(String name) {
        try (Arena arena = Arena.ofConfined()) {
            long text = arena.allocate(Memory.cStringSize(name)).address();
            Memory.putCString(text, name);
            // RTLD_DEFAULT is 0: the main program and everything loaded with global scope
            return (long) DLSYM.invokeExact(0L, text, 0L, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw new AssertionError("dlsym", t);
        }
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

    /** A handle of type {@code (long, long, long, long, long, long) -> long} that calls the C function {@code name}. */
    public static MethodHandle function(String name) {
        return LINKER.downcallHandle(MemorySegment.ofAddress(symbol(name)), SIX_LONGS);
    }

    /** As {@link #function}, with the function's address as first argument, a {@link MemorySegment}. */
    public static MethodHandle pointer() {
        return LINKER.downcallHandle(SIX_LONGS);
    }

    /** As {@link #function}, with the segment of a {@link CallState} as first argument, which takes {@code errno}. */
    public static MethodHandle systemCall(String name) {
        return LINKER.downcallHandle(MemorySegment.ofAddress(symbol(name)), SIX_LONGS, ERRNO);
    }

    /**
     * A C function pointer that calls {@code target}, of type {@code (long, long, long, long) -> long}; it lives as long
     * as the process. {@code target} must not throw: an exception that leaves it ends the process.
     */
    public static long upcall(MethodHandle target) {
        return LINKER.upcallStub(target, FOUR_LONGS, Arena.global()).address();
    }

    private static FunctionDescriptor longs(int count) {
        MemoryLayout[] arguments = new MemoryLayout[count];
        Arrays.fill(arguments, JAVA_LONG);
        return FunctionDescriptor.of(JAVA_LONG, arguments);
    }
}
