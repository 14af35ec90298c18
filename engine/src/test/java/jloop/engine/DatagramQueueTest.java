package jloop.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayDeque;
import java.util.Random;
import org.junit.jupiter.api.Test;

class DatagramQueueTest {
    private record Datagram(long address, long length, long owner) {}

    @Test
    void shouldBehaveLikeADeque() {
        Random random = new Random(3);
        DatagramQueue queue = new DatagramQueue();
        ArrayDeque<Datagram> expected = new ArrayDeque<>();
        long next = 1;
        for (int step = 0; step < 100_000; step++) {
            int choice = random.nextInt(100);
            Datagram datagram = new Datagram(next, random.nextInt(1000), next++);
            if (choice < (step / 1000 % 2 == 0 ? 60 : 35)) {
                queue.add(datagram.address, datagram.length, datagram.owner, null);
                expected.addLast(datagram);
            } else if (choice < 65) {
                queue.addFirst(datagram.address, datagram.length, datagram.owner, null);
                expected.addFirst(datagram);
            } else if (choice == 99 && step % 7 == 0) {
                queue.clear();
                expected.clear();
            } else if (!expected.isEmpty()) {
                Datagram first = expected.removeFirst();
                assertThat(queue.address(0)).isEqualTo(first.address);
                assertThat(queue.length(0)).isEqualTo(first.length);
                assertThat(queue.removeFirst()).isEqualTo(first.owner);
            }
            assertThat(queue.count()).isEqualTo(expected.size());
        }
        assertThat(queue.bytes())
                .isEqualTo(expected.stream().mapToLong(Datagram::length).sum());
        int i = 0;
        for (Datagram datagram : expected) {
            assertThat(queue.owner(i++)).isEqualTo(datagram.owner);
        }
    }
}
