package jloop.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class TimerQueueTest {
    private final TestHost host = new TestHost();
    private final TimerQueue timers = host.loop.timers();

    @AfterEach
    void close() {
        host.loop.close();
    }

    @Test
    void shouldReturnTimersOfOneDeadlineByRankAndThenInTheOrderInWhichTheyCame() {
        timers.add(5, TimerQueue.RANKS - 1, 1);
        timers.add(5, 0, 2);
        timers.add(5, 7, 3);
        timers.add(4, 9, 4);
        timers.add(5, 7, 5);

        assertThat(drain()).containsExactly(4L, 2L, 3L, 5L, 1L);
    }

    @Test
    void shouldKeepTheOrderWhereTheOldAndTheYoungMeet() {
        List<Long> expected = new ArrayList<>();
        for (int i = 0; i < 3000; i++) {
            expected.add(host.at(7, () -> {}));
        }
        cancelOne(); // sweeps, and the others become old
        for (int i = 0; i < 50; i++) {
            expected.add(host.at(7, () -> {}));
        }
        long first = host.at(6, () -> {});
        expected.addFirst(first);

        assertThat(drain()).isEqualTo(expected);
    }

    @Test
    void shouldReturnEachTimerThatIsLeftInOrderHoweverTheyAreAddedAndCancelled() {
        Random random = new Random(11);
        TreeMap<Long, Long> expected = new TreeMap<>(); // deadlines are distinct
        List<Long> live = new ArrayList<>();
        for (int round = 0; round < 60; round++) {
            for (int i = 0; i < 700; i++) {
                long deadline = random.nextLong(1_000_000) * 1_000_000 + expected.size();
                if (!expected.containsKey(deadline)) {
                    expected.put(deadline, host.at(deadline, () -> {}));
                    live.add(deadline);
                }
            }
            for (int i = round % 3 * 400; i > 0; i--) {
                host.cancel(expected.remove(live.remove(random.nextInt(live.size()))));
            }
            timers.dropCancelled();
        }

        List<Long> taken = drain();
        taken.removeIf(host::isCancelled);
        assertThat(taken).isEqualTo(List.copyOf(expected.values()));
    }

    @Test
    void shouldGiveUpTimeoutsSoonHoweverManyTimersWait() {
        for (int i = 0; i < 50_000; i++) {
            host.at(1_000_000 + i, () -> {});
        }
        for (int round = 0; round < 20; round++) {
            for (int i = 0; i < 1000; i++) {
                host.cancel(host.at(2_000_000, () -> {}));
            }
            timers.dropCancelled();
        }

        assertThat(timers.size()).isLessThanOrEqualTo(52_000);
        assertThat(host.released).isEqualTo(20_000 - (timers.size() - 50_000));
    }

    @Test
    void shouldGiveUpOldTimersWhenMoreThanHalfAreCancelled() {
        List<Long> entries = new ArrayList<>();
        for (int i = 0; i < 10_000; i++) {
            entries.add(host.at(1_000_000 + i, () -> {}));
        }
        host.cancel(entries.removeLast());
        timers.dropCancelled();
        for (int i = 1; i < entries.size(); i++) { // the first stays
            host.cancel(entries.get(i));
            timers.dropCancelled();
        }

        assertThat(timers.size()).isLessThanOrEqualTo(101);
    }

    @Test
    void shouldCountCancelledTimersThatFellDue() {
        List<Long> entries = new ArrayList<>();
        for (int i = 0; i < 1000; i++) {
            entries.add(host.at(i, () -> {}));
        }
        for (long entry : entries.subList(1, 400)) {
            host.cancel(entry);
        }
        timers.moveDue(998, host.loop.ready());
        assertThat(timers.size()).isEqualTo(1);

        timers.dropCancelled();

        assertThat(timers.size()).isEqualTo(1);
        assertThat(host.released).isZero();
    }

    private void cancelOne() {
        host.cancel(host.at(1_000_000, () -> {}));
        timers.dropCancelled();
    }

    private List<Long> drain() {
        List<Long> taken = new ArrayList<>();
        while (!timers.isEmpty()) {
            taken.add(timers.removeFirst());
        }
        return taken;
    }
}
