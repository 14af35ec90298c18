package jloop.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class TimerHeapTest {
    private final TimerHeap heap = new TimerHeap();

    @Test
    void shouldReturnTimersByDeadlineAndEqualOnesBySequence() {
        Random random = new Random(7);
        TreeMap<Long, List<Long>> expected = new TreeMap<>();
        for (long entry = 0; entry < 20_000; entry++) {
            long deadline = random.nextInt(500);
            heap.add(deadline, entry, entry);
            expected.computeIfAbsent(deadline, ignored -> new ArrayList<>()).add(entry);
        }

        List<Long> taken = drain();

        assertThat(taken)
                .isEqualTo(expected.values().stream().flatMap(List::stream).toList());
    }

    @Test
    void shouldStayAHeapWhenEntriesAreSweptAndAddedInTurn() {
        Random random = new Random(11);
        TreeMap<Long, Long> expected = new TreeMap<>(); // deadlines are distinct
        long next = 0;
        for (int round = 0; round < 40; round++) {
            for (int i = 0; i < 500; i++) {
                long deadline = random.nextLong(1_000_000) * 1_000_000 + next;
                heap.add(deadline, next, next);
                expected.put(deadline, next++);
            }
            long parity = round % 3;
            heap.removeIf(entry -> entry % 3 == parity);
            expected.values().removeIf(entry -> entry % 3 == parity);
        }

        assertThat(drain()).isEqualTo(List.copyOf(expected.values()));
    }

    @Test
    void shouldSurviveASweepOfEverything() {
        heap.add(1, 1, 1);
        heap.add(2, 2, 2);

        heap.removeIf(entry -> true);
        heap.add(3, 3, 3);

        assertThat(heap.size()).isEqualTo(1);
        assertThat(heap.firstDeadline()).isEqualTo(3);
    }

    private List<Long> drain() {
        List<Long> taken = new ArrayList<>();
        while (!heap.isEmpty()) {
            taken.add(heap.first());
            heap.removeFirst();
        }
        return taken;
    }
}
