package jloop.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayDeque;
import java.util.Random;
import org.junit.jupiter.api.Test;

class WriteQueueTest {
    private final WriteQueue queue = new WriteQueue();

    @Test
    void shouldCountBytesAndBuffers() {
        queue.add(1000, 10, 1);
        queue.add(2000, 20, 2);
        queue.advance(4);

        assertThat(queue.bytes()).isEqualTo(26);
        assertThat(queue.count()).isEqualTo(2);
        assertThat(queue.address(0)).isEqualTo(1004);
        assertThat(queue.length(0)).isEqualTo(6);
        assertThat(queue.removeFirst()).isEqualTo(1);
        assertThat(queue.bytes()).isEqualTo(20);
    }

    @Test
    void shouldReturnTheOwnersOfWhatIsDropped() {
        queue.add(1, 1, 7);
        queue.add(2, 1, 8);

        assertThat(queue.clear()).containsExactly(7, 8);
        assertThat(queue.isEmpty()).isTrue();
        assertThat(queue.bytes()).isZero();
    }

    @Test
    void shouldKeepOrderOverManyAdditionsAndRemovals() {
        Random random = new Random(3);
        ArrayDeque<Long> expected = new ArrayDeque<>();
        long next = 0;
        for (int i = 0; i < 10_000; i++) {
            if (expected.isEmpty() || random.nextInt(5) < 3) {
                queue.add(next, 1, next);
                expected.add(next++);
            } else {
                assertThat(queue.removeFirst()).isEqualTo(expected.remove());
            }
        }
        assertThat(queue.count()).isEqualTo(expected.size());
    }
}
