package jloop.engine;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class HandoverTest {
    private final Handover handover = new Handover();

    @Test
    void shouldOfferTheProcessorAtEachWakeUpWhileThatIsShort() {
        for (int i = 0; i < 100; i++) {
            assertThat(handover.isDue()).isTrue();
            handover.took(Handover.LONG_NANOS - 1);
        }
    }

    @Test
    void shouldOfferItLessOftenTheMoreOthersKeepIt() {
        handover.took(Handover.LONG_NANOS);
        assertThat(wakeUpsUntilNextOffer()).isEqualTo(15);
        handover.took(Handover.LONG_NANOS);
        assertThat(wakeUpsUntilNextOffer()).isEqualTo(255);
        for (int i = 0; i < 20; i++) {
            handover.took(Handover.LONG_NANOS);
        }
        assertThat(wakeUpsUntilNextOffer()).isEqualTo(4095);
    }

    @Test
    void shouldTrustOthersAgainThatGiveItBack() {
        for (int i = 0; i < 20; i++) {
            handover.took(Handover.LONG_NANOS);
        }
        wakeUpsUntilNextOffer();
        handover.took(Handover.LONG_NANOS - 1);
        assertThat(wakeUpsUntilNextOffer()).isZero();
        for (int i = 0; i < 12; i++) {
            handover.took(Handover.LONG_NANOS - 1);
        }
        handover.took(Handover.LONG_NANOS);
        assertThat(wakeUpsUntilNextOffer()).isEqualTo(15);
    }

    @Test
    void shouldSeldomOfferItWhereEveryOtherTimeItIsKept() {
        int offers = 0;
        for (int i = 0; i < 10_000; i++) {
            if (handover.isDue()) {
                handover.took(offers++ % 2 == 0 ? Handover.LONG_NANOS : 1_000);
            }
        }
        assertThat(offers).isLessThan(20);
    }

    private int wakeUpsUntilNextOffer() {
        int passed = 0;
        while (!handover.isDue()) {
            passed++;
        }
        return passed;
    }
}
