package jloop.engine.linux;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MemoryTest {
    @ParameterizedTest
    @ValueSource(longs = {1, 8, 15, 16, 17, 16 * 1024 - 1, 16 * 1024 + 1, 100_000})
    void blocksAreZeroedAlignedAndApart(long size) {
        long first = Memory.allocateForever(size);
        long second = Memory.allocateForever(size);
        for (long block : new long[] {first, second}) {
            assertThat(block % 16).isZero();
            for (long i = 0; i < size; i++) {
                assertThat(Memory.getByte(block + i)).isZero();
                Memory.putByte(block + i, (byte) -1);
            }
        }
    }

    @Test
    void textsEndWithNul() {
        long text = Memory.cString("größer");
        long next = Memory.cString("");
        assertThat(Memory.string(text)).isEqualTo("größer");
        assertThat(Memory.string(next)).isEmpty();
    }
}
