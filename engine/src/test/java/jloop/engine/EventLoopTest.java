package jloop.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(20)
class EventLoopTest {
    private static final long MILLI = 1_000_000;

    private final TestHost host = new TestHost();
    private final List<String> ran = new ArrayList<>();

    @AfterEach
    void close() {
        host.loop.close();
    }

    @Test
    void shouldRunOnlyWhatWasReadyWhenTheIterationBegan() {
        host.soon(() -> {
            ran.add("first");
            host.soon(() -> ran.add("later"));
        });
        host.soon(() -> ran.add("second"));

        host.loop.runOnce();

        assertThat(ran).containsExactly("first", "second");
        host.loop.runOnce();
        assertThat(ran).containsExactly("first", "second", "later");
    }

    @Test
    void shouldFinishTheIterationInWhichItIsStopped() {
        host.soon(host.loop::stop);
        host.soon(() -> ran.add("after stop"));

        assertThat(host.loop.run()).isTrue();
        assertThat(ran).containsExactly("after stop");
    }

    @Test
    void shouldRunOneIterationWithoutWaitingWhenStoppedBefore() {
        host.loop.stop();

        assertThat(host.loop.run()).isTrue();
        assertThat(host.waits).isZero();
    }

    @Test
    void shouldKeepTheRestWhenItIsLeft() {
        host.soon(host.loop::leave);
        host.soon(() -> ran.add("rest"));

        assertThat(host.loop.run()).isFalse();
        assertThat(ran).isEmpty();
        assertThat(host.loop.ready().size()).isEqualTo(1);
    }

    @Test
    void shouldNeverRunATimerEarlyAndWaitOnlyAsLongAsNeeded() {
        // no whole number of milliseconds; far enough that a pause of the machine does not use it up
        long deadline = System.nanoTime() + 201 * MILLI / 2;
        long[] ranAt = new long[1];
        host.at(deadline, () -> {
            ranAt[0] = System.nanoTime();
            host.loop.stop();
        });

        host.loop.run();

        assertThat(ranAt[0]).isGreaterThanOrEqualTo(deadline);
        assertThat(host.waits).isPositive();
    }

    @Test
    void shouldTakeTimersByTheHostsClockWhereItHasOne() {
        long[] now = {1_000};
        host.clock = () -> now[0];
        host.loop.useHostClock(true);
        host.at(2_000, () -> ran.add("due"));
        host.at(3_000, () -> ran.add("later"));
        host.soon(() -> now[0] = 2_000);

        host.loop.runOnce();
        assertThat(ran).isEmpty();
        host.loop.runOnce();
        assertThat(ran).containsExactly("due");
        host.loop.useHostClock(false); // which is far ahead
        host.loop.runOnce();
        assertThat(ran).containsExactly("due", "later");
    }

    @Test
    void shouldNotWaitWhereTheHostsClockHasMadeSomethingReady() {
        host.clock = () -> {
            host.soon(() -> ran.add("made ready"));
            return 0;
        };
        host.loop.useHostClock(true);
        host.at(Long.MAX_VALUE, () -> {});

        host.loop.runOnce();

        assertThat(host.waits).isZero();
        assertThat(ran).contains("made ready");
    }

    @Test
    void shouldBeLeftByTheHostsClock() {
        host.clock = () -> {
            host.loop.leave();
            return Long.MIN_VALUE;
        };
        host.loop.useHostClock(true);
        host.at(0, () -> ran.add("never"));

        assertThat(host.loop.runOnce()).isFalse();
        assertThat(ran).isEmpty();
    }

    @Test
    void shouldReleaseCancelledTimersAtTheHeadAndNotWaitForThem() {
        long entry = host.at(System.nanoTime() + MILLI, () -> ran.add("cancelled"));
        host.cancel(entry);
        host.at(System.nanoTime() + 2 * MILLI, host.loop::stop);

        host.loop.run();

        assertThat(ran).isEmpty();
        assertThat(host.released).isEqualTo(1);
    }

    @Test
    void shouldSweepCancelledTimersWhenTheyAreMoreThanHalf() {
        long far = System.nanoTime() + 3_600_000 * MILLI;
        for (int i = 0; i < 1000; i++) {
            long entry = host.at(far + i, () -> ran.add("far"));
            if (i % 4 != 0) {
                host.cancel(entry);
            }
        }
        host.loop.stop();

        host.loop.run();

        assertThat(host.loop.timers().size()).isEqualTo(250);
        assertThat(host.released).isEqualTo(750);
    }

    @Test
    void shouldBeWokenByAnotherThread() throws InterruptedException {
        host.at(System.nanoTime() + 3_600_000 * MILLI, () -> ran.add("far"));
        Thread waker = new Thread(() -> {
            host.loop.stop();
            host.loop.wakeAlways();
        });
        host.soon(waker::start);

        host.loop.run();
        waker.join();

        assertThat(ran).isEmpty();
    }

    @Test
    void shouldRefuseToCloseWhileItRuns() {
        host.soon(() -> {
            assertThatThrownBy(host.loop::close).isInstanceOf(IllegalStateException.class);
            host.loop.stop();
        });

        host.loop.run();
    }
}
