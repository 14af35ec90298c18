package jloop.engine.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_DOUBLE_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Native memory by address, as the C side sees it: no bounds, no lifetime. Whoever calls this has checked both.
 *
 * <p>Any thread.
 */
public final class Memory {
    /** All of the address space; constant, so that the compiler drops its bounds checks. */
    private static final MemorySegment ALL = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

    private Memory() {}

    public static long getLong(long address) {
        return ALL.get(JAVA_LONG_UNALIGNED, address);
    }

    public static void putLong(long address, long value) {
        ALL.set(JAVA_LONG_UNALIGNED, address, value);
    }

    public static int getInt(long address) {
        return ALL.get(JAVA_INT_UNALIGNED, address);
    }

    public static void putInt(long address, int value) {
        ALL.set(JAVA_INT_UNALIGNED, address, value);
    }

    public static double getDouble(long address) {
        return ALL.get(JAVA_DOUBLE_UNALIGNED, address);
    }

    public static void putDouble(long address, double value) {
        ALL.set(JAVA_DOUBLE_UNALIGNED, address, value);
    }

    public static byte getByte(long address) {
        return ALL.get(JAVA_BYTE, address);
    }

    public static void putByte(long address, byte value) {
        ALL.set(JAVA_BYTE, address, value);
    }

    /** Copies {@code bytes} bytes; the two ranges do not overlap. */
    public static void copy(long from, long to, long bytes) {
        MemorySegment.copy(ALL, from, ALL, to, bytes);
    }

    /** Zeroed memory of {@code bytes} bytes that lives as long as the process. */
    public static long allocateForever(long bytes) {
        return Arena.global().allocate(bytes, 16).address();
    }

    /** {@code text} as a NUL-terminated UTF-8 string that lives as long as the process. */
    public static long cString(String text) {
        return Arena.global().allocateFrom(text).address();
    }

    /** The NUL-terminated UTF-8 string at {@code address}. */
    public static String string(long address) {
        return ALL.getString(address);
    }
}
