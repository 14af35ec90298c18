package jloop.engine.linux;

import java.lang.reflect.Field;
import sun.misc.Unsafe;

/**
 * Memory through {@code sun.misc.Unsafe}: an access is one instruction from the first call on. Through a
 * {@link java.lang.foreign.MemorySegment} it is the same one in the end, but twenty calls deep in the interpreter, and
 * where they are compiled they use up what the compiler is willing to inline: {@code call_soon} runs a ninth slower.
 *
 * <p>Java deprecates it for removal and warns at its first use, unless the process was started with {@code
 * --sun-misc-unsafe-memory-access=allow}.
 */
@SuppressWarnings("removal")
final class UnsafeMemory extends RawMemory {
    private static final Unsafe UNSAFE;

    static {
        try {
            Field field = Unsafe.class.getDeclaredField("theUnsafe");
            field.setAccessible(true);
            UNSAFE = (Unsafe) field.get(null);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    @Override
    long getLong(long address) {
        return UNSAFE.getLong(address);
    }

    @Override
    void putLong(long address, long value) {
        UNSAFE.putLong(address, value);
    }

    @Override
    int getInt(long address) {
        return UNSAFE.getInt(address);
    }

    @Override
    void putInt(long address, int value) {
        UNSAFE.putInt(address, value);
    }

    @Override
    double getDouble(long address) {
        return UNSAFE.getDouble(address);
    }

    @Override
    void putDouble(long address, double value) {
        UNSAFE.putDouble(address, value);
    }

    @Override
    byte getByte(long address) {
        return UNSAFE.getByte(address);
    }

    @Override
    void putByte(long address, byte value) {
        UNSAFE.putByte(address, value);
    }

    @Override
    void putBytes(long address, byte[] bytes) {
        UNSAFE.copyMemory(bytes, Unsafe.ARRAY_BYTE_BASE_OFFSET, null, address, bytes.length);
    }

    @Override
    void copy(long from, long to, long bytes) {
        UNSAFE.copyMemory(from, to, bytes);
    }
}
