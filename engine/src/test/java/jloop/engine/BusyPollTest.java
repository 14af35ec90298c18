package jloop.engine;

import static org.assertj.core.api.Assertions.assertThat;

import jloop.engine.linux.CallState;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(20)
class BusyPollTest {
    private static final long FOREVER = -1;

    private final BusyPoll busyPoll = new BusyPoll();

    @Test
    void shouldTryAfterShortWaitsOnly() {
        busyPoll.slept(BusyPoll.SHORT_NANOS);
        assertThat(busyPoll.isPromising(FOREVER)).isFalse();

        busyPoll.slept(BusyPoll.SHORT_NANOS - 1);
        assertThat(busyPoll.isPromising(FOREVER)).isTrue();
        busyPoll.found();
        assertThat(busyPoll.isPromising(FOREVER)).isTrue();
    }

    @Test
    void shouldTryLessOftenTheMoreAttemptsAreVain() {
        assertThat(shortWaitsUntilNextAttempt()).isEqualTo(1);
        busyPoll.missed();
        assertThat(shortWaitsUntilNextAttempt()).isEqualTo(1);
        busyPoll.missed();
        assertThat(shortWaitsUntilNextAttempt()).isEqualTo(3);
        for (int i = 0; i < 20; i++) {
            busyPoll.missed();
        }
        assertThat(shortWaitsUntilNextAttempt()).isEqualTo(255);
    }

    @Test
    void shouldForgetVainAttemptsWhenOthersFindEvents() {
        for (int i = 0; i < 20; i++) {
            busyPoll.missed();
        }
        for (int i = 0; i < 8; i++) {
            busyPoll.found();
        }
        busyPoll.missed();
        assertThat(shortWaitsUntilNextAttempt()).isEqualTo(1);
    }

    @Test
    void shouldLeaveTimersThatAreDueSoonToTheKernel() {
        shortWaitsUntilNextAttempt();
        assertThat(busyPoll.isPromising(40_000)).isFalse();
        assertThat(busyPoll.isPromising(40_001)).isTrue();
    }

    @Test
    void shouldWaitForWhatDoesNotComeAsLongAsItIsTold() {
        try (EpollPoller poller = new EpollPoller(new CallState())) {
            shortWaitsUntilNextAttempt();
            long began = System.nanoTime();

            assertThat(busyPoll.await(poller, 20_000_000)).isZero();
            assertThat(System.nanoTime() - began).isGreaterThanOrEqualTo(20_000_000);
            assertThat(busyPoll.isPromising(FOREVER)).isFalse(); // the attempt was vain
        }
    }

    @Test
    void shouldNotTakeTimersForAnswers() {
        try (EpollPoller poller = new EpollPoller(new CallState())) {
            for (int i = 0; i < 100; i++) {
                assertThat(busyPoll.await(poller, 1_000)).isZero();
            }
            assertThat(busyPoll.isPromising(FOREVER)).isFalse();
        }
    }

    @Test
    void shouldTellOfEventsWhetherItPollsOrSleeps() {
        try (SocketPair pair = new SocketPair();
                EpollPoller poller = new EpollPoller(pair.state)) {
            Pollable pollable = new Pollable(pair.ours) {
                @Override
                protected void ready(int readiness) {}
            };
            poller.setInterest(pollable, Pollable.READ);
            pair.send(new byte[1]);

            assertThat(busyPoll.await(poller, FOREVER)).isEqualTo(1); // sleeps
            shortWaitsUntilNextAttempt();
            assertThat(busyPoll.await(poller, FOREVER)).isEqualTo(1); // polls
        }
    }

    private int shortWaitsUntilNextAttempt() {
        int waits = 0;
        while (!busyPoll.isPromising(FOREVER)) {
            busyPoll.slept(0);
            waits++;
        }
        return waits;
    }
}
