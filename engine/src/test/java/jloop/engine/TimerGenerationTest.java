package jloop.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class TimerGenerationTest {
    private final TimerGeneration timers = new TimerGeneration();
    private long sequence;

    @Test
    void shouldReturnTimersOfAFewDelaysInTheOrderOfTheirDeadlines() {
        Random random = new Random(3);
        TreeMap<Long, List<Long>> expected = new TreeMap<>();
        long now = 0;
        for (int i = 0; i < 30_000; i++) {
            now += random.nextInt(3);
            add(now + (random.nextInt(10) == 0 ? 5000 : 100), expected);
            while (!timers.isEmpty() && timers.firstDeadline() <= now) {
                assertThat(timers.first()).isEqualTo(removeFirst(expected));
                timers.removeFirst();
            }
        }
        while (!timers.isEmpty()) {
            assertThat(timers.first()).isEqualTo(removeFirst(expected));
            timers.removeFirst();
        }
        assertThat(expected).isEmpty();
    }

    @Test
    void shouldKeepWhatASweepLeavesAndShowItByPosition() {
        List<Long> expected = new ArrayList<>();
        for (long entry = 0; entry < 300; entry++) {
            timers.add(entry % 7, entry, entry);
            if (entry % 3 == 0) {
                expected.add(entry);
            }
        }

        timers.removeIf(entry -> entry % 3 != 0);

        List<Long> shown = new ArrayList<>();
        for (int i = 0; i < timers.size(); i++) {
            shown.add(timers.get(i));
        }
        assertThat(shown).containsExactlyInAnyOrderElementsOf(expected);
    }

    @Test
    void shouldMoveAllToAnother() {
        TreeMap<Long, List<Long>> expected = new TreeMap<>();
        TimerGeneration target = new TimerGeneration();
        for (int i = 0; i < 500; i++) {
            add(i % 13, expected);
        }

        timers.moveAll(target);

        assertThat(timers.isEmpty()).isTrue();
        while (!target.isEmpty()) {
            assertThat(target.first()).isEqualTo(removeFirst(expected));
            target.removeFirst();
        }
        assertThat(expected).isEmpty();
    }

    private void add(long deadline, TreeMap<Long, List<Long>> expected) {
        timers.add(deadline, sequence, sequence);
        expected.computeIfAbsent(deadline, ignored -> new ArrayList<>()).add(sequence);
        sequence++;
    }

    private static long removeFirst(TreeMap<Long, List<Long>> expected) {
        List<Long> first = expected.firstEntry().getValue();
        long entry = first.removeFirst();
        if (first.isEmpty()) {
            expected.pollFirstEntry();
        }
        return entry;
    }
}
