package jloop.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import jloop.engine.linux.Files;
import jloop.engine.linux.Native;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(20)
class DescriptorWatchTest {
    private static final long dup = Native.symbol("dup");

    private final TestHost host = new TestHost();
    private final SocketPair pair = new SocketPair();
    private final Watch watch = new Watch(host.loop, pair.ours);

    @AfterEach
    void close() {
        watch.forget();
        host.loop.close();
        pair.close();
    }

    @Test
    void shouldTellOnceWhoWaits() {
        watch.addWait(Pollable.READ);
        pair.send(new byte[1]);
        turn();
        pair.send(new byte[1]);
        turn();

        assertThat(watch.events).containsExactly("wait over 1");
    }

    @Test
    void shouldTellNobodyOfADescriptorThatWasClosedFirst() {
        watch.addLevel(Pollable.READ);
        watch.addLevel(Pollable.WRITE);
        pair.closeOurs();
        watch.removeLevel(Pollable.WRITE);

        assertThat(watch.isUsed()).isFalse();
        assertThat(watch.interest()).isZero();
    }

    @Test
    void shouldTellAgainOfWhatArrivesAfterTheNextWaitBegan() {
        for (int i = 1; i <= 3; i++) {
            watch.addWait(Pollable.READ);
            pair.send(new byte[1]);
            turn();
            assertThat(watch.events).hasSize(i);
            receive();
        }
    }

    @Test
    void shouldKeepTheRegistrationWhenAWaitIsOver() {
        watch.addWait(Pollable.READ);
        pair.send(new byte[1]);
        turn();

        assertThat(watch.isKept()).isTrue();
        assertThat(watch.isUsed()).isFalse();
        assertThat(watch.isUsed(Pollable.READ)).isFalse();
    }

    @Test
    void shouldNotStayReadyForADescriptorThatNobodyWaitsFor() {
        watch.addWait(Pollable.READ);
        watch.removeWait(Pollable.READ);
        pair.send(new byte[1]);
        turn();

        assertThat(blocks()).isTrue();
        assertThat(watch.events).isEmpty();
    }

    @Test
    void shouldGiveUpWhatIsKeptWhenItIsUnwantedTwice() {
        watch.addWait(Pollable.READ);
        watch.removeWait(Pollable.READ);
        pair.send(new byte[1]);
        turn();
        assertThat(watch.isKept()).isTrue();
        pair.send(new byte[1]);
        turn();
        assertThat(watch.isKept()).isFalse();

        receive();
        watch.addWait(Pollable.READ);
        pair.send(new byte[1]);
        turn();
        assertThat(watch.events).containsExactly("wait over 1");
    }

    @Test
    void shouldGoOnWaitingToWriteWhenReadingIsUnwanted() {
        watch.addWait(Pollable.READ);
        watch.addWait(Pollable.WRITE); // at once writable
        watch.removeWait(Pollable.READ);
        pair.send(new byte[1]);
        turn();
        assertThat(watch.events).containsExactly("wait over 2");
    }

    @Test
    void shouldNotEndAWaitByAnEventOfTheOneBefore() {
        watch.addWait(Pollable.READ);
        pair.send(new byte[1]);
        host.soon(
                () -> { // runs before the event, which is queued behind it
                    receive();
                    watch.removeWait(Pollable.READ);
                    watch.addWait(Pollable.READ);
                });
        turn();
        assertThat(watch.events).isEmpty();

        pair.send(new byte[1]);
        turn();
        assertThat(watch.events).containsExactly("wait over 1");
    }

    @Test
    void shouldTellALevelAsLongAsItIsReady() {
        watch.addLevel(Pollable.READ);
        pair.send(new byte[1]);
        turn();
        turn();
        assertThat(watch.events).containsExactly("level 1", "level 1");

        watch.removeLevel(Pollable.READ);
        turn();
        assertThat(watch.events).hasSize(2);
        assertThat(watch.isKept()).isFalse();
    }

    @Test
    void shouldServeALevelAndAWaitOfTheOtherDirection() {
        watch.addWait(Pollable.READ);
        watch.addLevel(Pollable.WRITE);
        turn();
        assertThat(watch.events).containsExactly("level 2");
        pair.send(new byte[1]);
        turn();
        assertThat(watch.events).contains("wait over 1");

        watch.removeLevel(Pollable.WRITE);
        receive();
        watch.events.clear();
        watch.addWait(Pollable.READ);
        pair.send(new byte[1]);
        turn();
        assertThat(watch.events).containsExactly("wait over 1");
    }

    @Test
    void shouldNotSpinOnADuplicateOfAClosedDescriptor() {
        watch.addWait(Pollable.READ);
        watch.removeWait(Pollable.READ);
        int duplicate = duplicate(pair.ours);
        Files.close(pair.state, pair.ours); // the registration lives on, and nobody can take it off
        for (int i = 0; i < 4; i++) {
            pair.send(new byte[1]);
            turn();
            assertThat(blocks()).isTrue();
        }
        Files.close(pair.state, duplicate);
    }

    @Test
    void shouldRegisterAnewAfterTheNumberWasForgotten() {
        watch.addWait(Pollable.READ);
        watch.removeWait(Pollable.READ);
        Files.close(pair.state, pair.ours);
        try (SocketPair other = new SocketPair()) { // the lowest free number is ours
            assertThat(other.ours).isEqualTo(pair.ours);
            watch.forget();
            watch.addWait(Pollable.READ);
            other.send(new byte[1]);
            turn();
            assertThat(watch.events).containsExactly("wait over 1");
        }
    }

    @Test
    void shouldGiveWayToAnotherPollableOfTheSameDescriptor() {
        watch.addWait(Pollable.READ);
        watch.removeWait(Pollable.READ);
        Watch other = new Watch(host.loop, pair.ours);
        other.addWait(Pollable.READ);
        assertThat(watch.isKept()).isFalse();
        watch.forget();
        pair.send(new byte[1]);
        turn();

        assertThat(other.events).containsExactly("wait over 1");
    }

    @Test
    void shouldTryCallsWithoutWaiting() {
        SocketCalls sockets = host.loop.sockets();
        assertThat(sockets.receive(pair.ours, sockets.buffer(), 10)).isEqualTo(SocketCalls.WOULD_BLOCK);
        pair.send(new byte[3]);
        assertThat(sockets.receive(pair.ours, sockets.buffer(), 10)).isEqualTo(3);
        long sent;
        do {
            sent = sockets.send(pair.ours, sockets.buffer(), SocketCalls.bufferSize());
        } while (sent > 0);
        assertThat(sent).isEqualTo(SocketCalls.WOULD_BLOCK);
        assertThat(sockets.receive(-1, sockets.buffer(), 10)).isEqualTo(-9);
    }

    /** One iteration that polls and does not wait. */
    private void turn() {
        host.loop.stop();
        host.loop.run();
    }

    /** Whether the poller has nothing more to tell. */
    private boolean blocks() {
        int waits = host.waits;
        long before = System.nanoTime();
        host.at(before + 20_000_000, () -> {});
        host.loop.runOnce();
        return host.waits > waits && System.nanoTime() - before >= 20_000_000;
    }

    private void receive() {
        SocketCalls sockets = host.loop.sockets();
        sockets.receive(pair.ours, sockets.buffer(), 100);
    }

    private static int duplicate(int fd) {
        try {
            return (int) Native.call(dup, fd);
        } catch (Throwable t) {
            throw new AssertionError(t);
        }
    }

    private static final class Watch extends DescriptorWatch {
        final List<String> events = new ArrayList<>();

        Watch(EventLoop loop, int fd) {
            super(loop, fd);
        }

        @Override
        protected void levelReady(int direction) {
            events.add("level " + direction);
        }

        @Override
        protected void waitOver(int direction) {
            events.add("wait over " + direction);
        }
    }
}
