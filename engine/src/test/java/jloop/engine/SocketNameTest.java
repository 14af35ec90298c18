package jloop.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import jloop.engine.linux.Addresses;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class SocketNameTest {
    private final Arena arena = Arena.ofConfined();

    @AfterEach
    void close() {
        arena.close();
    }

    private MemorySegment storage(int fill) {
        return arena.allocate(Addresses.STORAGE_SIZE, 8).fill((byte) fill);
    }

    @Test
    void shouldMatchItsOwnBytesWhateverFollowsThem() {
        for (int length = 2; length <= 110; length++) {
            MemorySegment first = storage(7);
            MemorySegment second = storage(9);
            second.asSlice(0, length).fill((byte) 7);
            SocketName name = new SocketName(first.address(), length);

            assertThat(name.matches(second.address(), length)).isTrue();
            assertThat(name.matches(second.address(), length + 1)).isFalse();
            assertThat(SocketName.hash(first.address(), length)).isEqualTo(SocketName.hash(second.address(), length));

            second.set(java.lang.foreign.ValueLayout.JAVA_BYTE, length - 1, (byte) 8);
            assertThat(name.matches(second.address(), length)).isFalse();
        }
    }

    @Test
    void shouldKnowTheWildcardAddresses() {
        MemorySegment memory = storage(0);
        for (int family : new int[] {Addresses.AF_INET, Addresses.AF_INET6}) {
            boolean in6 = family == Addresses.AF_INET6;
            int length = in6 ? Addresses.IN6_SIZE : Addresses.IN_SIZE;
            int last = in6 ? Addresses.IN6_ADDRESS + 15 : Addresses.IN_ADDRESS + 3;
            memory.fill((byte) 0);
            Addresses.putFamily(memory.address(), family);
            Addresses.putPort(memory.address(), 80);
            assertThat(new SocketName(memory.address(), length).isWildcard()).isTrue();

            memory.set(java.lang.foreign.ValueLayout.JAVA_BYTE, last, (byte) 1);
            assertThat(new SocketName(memory.address(), length).isWildcard()).isFalse();
        }
    }

    @Test
    void shouldWriteItselfBack() {
        MemorySegment from = storage(0);
        Addresses.putFamily(from.address(), Addresses.AF_INET6);
        Addresses.putPort(from.address(), 54321);
        SocketName name = new SocketName(from.address(), Addresses.IN6_SIZE);
        MemorySegment to = storage(1);

        name.copyTo(to.address());

        assertThat(name.family()).isEqualTo(Addresses.AF_INET6);
        assertThat(Addresses.port(to.address())).isEqualTo(54321);
        assertThat(name.matches(to.address(), Addresses.IN6_SIZE)).isTrue();
    }
}
