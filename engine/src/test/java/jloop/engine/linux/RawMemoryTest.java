package jloop.engine.linux;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class RawMemoryTest {
    private final long memory = Memory.allocateForever(64);

    static Stream<RawMemory> both() {
        return Stream.of(new UnsafeMemory(), new SegmentMemory());
    }

    @Test
    void theFasterOneIsTaken() {
        assertThat(RawMemory.best()).isInstanceOf(UnsafeMemory.class);
    }

    @ParameterizedTest
    @MethodSource("both")
    void valuesAreKeptAtAnyAddress(RawMemory raw) {
        for (long address = memory; address < memory + 8; address++) {
            raw.putLong(address, 0x8123_4567_89ab_cdefL);
            assertThat(raw.getLong(address)).isEqualTo(0x8123_4567_89ab_cdefL);
            raw.putInt(address, -5);
            assertThat(raw.getInt(address)).isEqualTo(-5);
            raw.putDouble(address, -1.5e300);
            assertThat(raw.getDouble(address)).isEqualTo(-1.5e300);
            raw.putByte(address, (byte) 200);
            assertThat(raw.getByte(address)).isEqualTo((byte) 200);
        }
    }

    @ParameterizedTest
    @MethodSource("both")
    void bytesAreThoseOfTheMachine(RawMemory raw) {
        raw.putLong(memory, 0);
        raw.putInt(memory + 1, 0x0403_0201);
        assertThat(raw.getLong(memory)).isEqualTo(0x04_0302_0100L); // little endian, as x86-64 and AArch64 are
    }

    @ParameterizedTest
    @MethodSource("both")
    void rangesAreCopied(RawMemory raw) {
        raw.putLong(memory, 42);
        raw.putLong(memory + 8, 43);
        raw.putLong(memory + 32 + 13, 44);
        raw.copy(memory, memory + 32, 13);
        assertThat(raw.getLong(memory + 32)).isEqualTo(42);
        assertThat(raw.getInt(memory + 40)).isEqualTo(43);
        assertThat(raw.getLong(memory + 32 + 13)).isEqualTo(44);
    }

    @ParameterizedTest
    @MethodSource("both")
    void arraysAreWritten(RawMemory raw) {
        raw.putLong(memory, -1);
        raw.putBytes(memory + 1, new byte[] {1, 2, 3});
        assertThat(raw.getLong(memory)).isEqualTo(0xffff_ffff_0302_01ffL);
    }
}
