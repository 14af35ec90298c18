package jloop.engine.linux;

import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;

/**
 * Native memory by address, as the C side sees it: no bounds, no lifetime. Whoever calls this has checked both.
 *
 * <p>Any thread.
 */
public final class Memory {
    /** Bytes that {@link #allocateForever} takes at a time: an arena's own way is long, and interpreted at the start. */
    private static final long CHUNK_SIZE = 16 * 1024;

    private static final long ALIGNMENT = 16;

    /** What is left of the last chunk. */
    private static long free;

    private static long freeEnd;

    private static final RawMemory RAW = RawMemory.best();

    private Memory() {}

    public static long getLong(long address) {
        return RAW.getLong(address);
    }

    public static void putLong(long address, long value) {
        RAW.putLong(address, value);
    }

    public static int getInt(long address) {
        return RAW.getInt(address);
    }

    public static void putInt(long address, int value) {
        RAW.putInt(address, value);
    }

    public static double getDouble(long address) {
        return RAW.getDouble(address);
    }

    public static void putDouble(long address, double value) {
        RAW.putDouble(address, value);
    }

    public static byte getByte(long address) {
        return RAW.getByte(address);
    }

    public static void putByte(long address, byte value) {
        RAW.putByte(address, value);
    }

    /** Copies {@code bytes} bytes; the two ranges do not overlap. */
    public static void copy(long from, long to, long bytes) {
        RAW.copy(from, to, bytes);
    }

    /** Zeroed memory of {@code bytes} bytes that lives as long as the process. */
    public static synchronized long allocateForever(long bytes) {
        long size = (bytes + ALIGNMENT - 1) & -ALIGNMENT;
        if (size > freeEnd - free) {
            long chunk = Math.max(size, CHUNK_SIZE);
            free = Arena.global().allocate(chunk, ALIGNMENT).address();
            freeEnd = free + chunk;
        }
        long address = free;
        free += size;
        return address;
    }

    /** {@code text} as a NUL-terminated UTF-8 string that lives as long as the process. */
    public static long cString(String text) {
        long address = allocateForever(cStringSize(text));
        putCString(address, text);
        return address;
    }

    /** The bytes that {@link #putCString} writes. */
    static long cStringSize(String text) {
        return text.getBytes(StandardCharsets.UTF_8).length + 1L;
    }

    /** Writes {@code text} as a NUL-terminated UTF-8 string. */
    static void putCString(long address, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        RAW.putBytes(address, bytes);
        putByte(address + bytes.length, (byte) 0);
    }

    /** The NUL-terminated UTF-8 string at {@code address}. */
    public static String string(long address) {
        int length = 0;
        while (getByte(address + length) != 0) {
            length++;
        }
        byte[] text = new byte[length];
        for (int i = 0; i < length; i++) { // a segment's way costs a class at start
            text[i] = getByte(address + i);
        }
        return new String(text, StandardCharsets.UTF_8);
    }
}
