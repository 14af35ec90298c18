package jloop.engine.linux;

/**
 * How {@link Memory} reads and writes: {@link UnsafeMemory}, or {@link SegmentMemory} where the running Java has taken
 * that away. One of them per process, in a constant, so that no call is virtual once compiled.
 */
abstract class RawMemory {
    /** The faster one that works here. */
    static RawMemory best() {
        try {
            RawMemory unsafe = new UnsafeMemory();
            long probe = Memory.allocateForever(Long.BYTES);
            unsafe.putLong(probe, 1);
            if (unsafe.getLong(probe) == 1) {
                return unsafe;
            }
        } catch (RuntimeException | LinkageError e) {
            // gone, or denied (UnsupportedOperationException)
        }
        return new SegmentMemory();
    }

    abstract long getLong(long address);

    abstract void putLong(long address, long value);

    abstract int getInt(long address);

    abstract void putInt(long address, int value);

    abstract double getDouble(long address);

    abstract void putDouble(long address, double value);

    abstract byte getByte(long address);

    abstract void putByte(long address, byte value);

    abstract void putBytes(long address, byte[] bytes);

    /** The two ranges do not overlap. */
    abstract void copy(long from, long to, long bytes);
}
