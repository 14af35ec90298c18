package jloop.engine;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class ReadyQueueTest {
    private final ReadyQueue queue = new ReadyQueue();

    @Test
    void shouldReturnEntriesInTheOrderInWhichTheyCame() {
        for (long entry = 0; entry < 10_000; entry++) {
            queue.add(entry);
        }
        for (long entry = 0; entry < 10_000; entry++) {
            assertThat(queue.take()).isEqualTo(entry);
        }
        assertThat(queue.isEmpty()).isTrue();
    }

    @Test
    void shouldKeepTheOrderWhenItGrowsAfterItsRingHasWrapped() {
        long taken = 0;
        long added = 0;
        for (int round = 0; round < 700; round++) {
            for (int i = 0; i < 9; i++) {
                queue.add(added++);
            }
            for (int i = 0; i < 4; i++) {
                assertThat(queue.take()).isEqualTo(taken++);
            }
        }
        assertThat(queue.size()).isEqualTo((int) (added - taken));
        assertThat(queue.get(0)).isEqualTo(taken);
        assertThat(queue.get(queue.size() - 1)).isEqualTo(added - 1);
    }
}
