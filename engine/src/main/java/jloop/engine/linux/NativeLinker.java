package jloop.engine.linux;

import java.lang.foreign.Linker;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;

/**
 * How {@link Native} crosses between Java and C: {@link DirectLinker}, or {@link StandardLinker} where the running Java
 * does not let us.
 */
abstract class NativeLinker {
    private static final int EBADF = 9; // asm-generic/errno-base.h

    /** The faster one that works here. */
    static NativeLinker best() {
        try {
            NativeLinker direct = new DirectLinker();
            if (direct.works()) {
                return direct;
            }
        } catch (ReflectiveOperationException | RuntimeException | LinkageError e) {
            // another Java, or its packages are not open to us
        }
        return new StandardLinker();
    }

    /** Calls a C function: {@code (address, six longs) -> long}. */
    abstract MethodHandle function();

    /** As {@link #function}, and stores {@code errno}: {@code (address, address of an int, six longs) -> long}. */
    abstract MethodHandle systemCall();

    /**
     * A C function pointer to {@code target}, {@code (four longs) -> long}, that lives as long as the process. The class of
     * {@code target} is initialized.
     */
    abstract long upcall(MethodHandle target);

    /** The address of a function of the C library. */
    static long library(String name) {
        return Linker.nativeLinker().defaultLookup().find(name).orElseThrow().address();
    }

    /** Whether arguments, results and {@code errno} arrive, both ways. */
    final boolean works() throws ReflectiveOperationException {
        MethodHandles.Lookup lookup = MethodHandles.lookup();
        MethodType four = MethodType.methodType(long.class, long.class, long.class, long.class, long.class);
        long probe = upcall(lookup.findStatic(NativeLinker.class, "probe", four));
        long errno = Memory.allocateForever(Integer.BYTES);
        try {
            long result = (long) function().invokeExact(probe, 1L, -2L, 1L << 40, 4L, 5L, 6L);
            long failed = (long) systemCall().invokeExact(library("close"), errno, -1L, 0L, 0L, 0L, 0L, 0L);
            return result == probe(1, -2, 1L << 40, 4) && (int) failed == -1 && Memory.getInt(errno) == EBADF;
        } catch (Throwable t) {
            throw new LinkageError("a call of C failed", t);
        }
    }

    private static long probe(long first, long second, long third, long fourth) {
        return first + 3 * second + 5 * third + 7 * fourth;
    }
}
