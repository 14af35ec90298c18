package jloop.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Reading by edges: what no edge tells of is read all the same, and in the order that levels would give. */
@Timeout(20)
class StreamChannelOverTcpTest {
    private static final int ECONNRESET = 104;

    private final TestHost host = new TestHost();
    private final SocketPair pair = SocketPair.ofTcp();
    private final RecordingStream channel = new RecordingStream(host.loop, pair.ours);

    @AfterEach
    void close() {
        channel.detach();
        host.loop.close();
        pair.close();
    }

    @Test
    void shouldTellTheEndThatCameWithTheLastBytesAfterWhatTheseMadeReady() {
        pair.send("last");
        pair.closeTheirs();
        LockSupport.parkNanos(1_000_000); // both are there at the first look
        channel.whenRead = () -> host.soon(() -> channel.events.add("ran"));
        channel.startReading();

        runUntil(() -> channel.events.contains("end of file"));

        assertThat(channel.text()).isEqualTo("last");
        assertThat(channel.events).containsExactly("ran", "end of file");
    }

    @Test
    void shouldTellTheEndThatComesLater() {
        channel.startReading();
        pair.send("last");
        runUntil(() -> channel.read.size() == 4);
        pair.closeTheirs();

        runUntil(() -> channel.events.contains("end of file"));
    }

    @Test
    void shouldTellTheEndAgainWhereTheListenerGoesOnReading() {
        channel.whenEnded = () -> {};
        channel.startReading();
        pair.closeTheirs();

        runUntil(() -> channel.events.size() == 3);

        assertThat(channel.events).containsOnly("end of file");
    }

    @Test
    void shouldTellTheErrorThatFollowsTheLastBytes() {
        pair.send("last");
        pair.resetByPeer();
        LockSupport.parkNanos(1_000_000);
        channel.whenRead = () -> host.soon(() -> channel.events.add("ran"));
        channel.startReading();

        runUntil(() -> channel.events.contains("read failed " + ECONNRESET));

        assertThat(channel.text()).isEqualTo("last");
        assertThat(channel.events).startsWith("ran");
    }

    @Test
    void shouldReadOnBehindUrgentData() {
        channel.startReading();
        pair.send("before");
        pair.sendUrgent('!');
        pair.send("behind");

        runUntil(() -> channel.read.size() == 12);

        assertThat(channel.text()).isEqualTo("beforebehind");
    }

    @Test
    void shouldReadAllOfWhatIsMoreThanOneEventReads() {
        channel.capacity = 10;
        channel.startReading();
        pair.send(new byte[1000]);

        runUntil(() -> channel.read.size() == 1000);
    }

    @Test
    void shouldWatchLevelsWhereMuchComesAtATime() {
        channel.startReading();
        pair.send(new byte[1000]);
        runUntil(() -> channel.read.size() == 1000);
        assertThat(channel.interest()).isEqualTo(Pollable.READ | Pollable.EDGE);

        pair.send(new byte[100_000]);
        runUntil(() -> channel.read.size() == 101_000);
        assertThat(channel.interest()).isEqualTo(Pollable.READ);

        channel.stopReading();
        channel.startReading();
        pair.send(new byte[10]);
        runUntil(() -> channel.read.size() == 101_010);
        assertThat(channel.interest()).isEqualTo(Pollable.READ);
    }

    @Test
    void shouldReadWhatCameWhilePaused() {
        channel.startReading();
        pair.send("one");
        runUntil(() -> channel.read.size() == 3);
        channel.stopReading();
        pair.send("two");
        run();
        assertThat(channel.text()).isEqualTo("one");

        channel.startReading();

        runUntil(() -> channel.read.size() == 6);
    }

    @Test
    void shouldReadOnInEachIterationWhereTheListenerPausesAndResumes() {
        channel.capacity = 10;
        channel.whenRead = () -> {
            channel.stopReading();
            channel.startReading();
        };
        channel.startReading();
        pair.send(new byte[1000]);

        runUntil(() -> channel.read.size() == 1000);
    }

    @Test
    void shouldReadOnAfterTheLoopWasLeft() {
        channel.capacity = 10;
        channel.whenRead = host.loop::leave;
        channel.startReading();
        pair.send(new byte[100]);
        assertThat(host.loop.run()).isFalse();
        assertThat(channel.reads).hasSize(1);
        channel.whenRead = () -> {};

        runUntil(() -> channel.read.size() == 100);
    }

    @Test
    void shouldReadOnAndSendOnWhereThePeerTakesItsTime() {
        byte[] sent = new byte[8_000_000];
        channel.startReading();
        try (Arena arena = Arena.ofConfined()) {
            channel.write(arena.allocateFrom(ValueLayout.JAVA_BYTE, sent).address(), sent.length, 1);
            assertThat(channel.hasQueued()).isTrue();
            long[] received = {0};
            runUntil(() -> {
                pair.send(new byte[1]);
                received[0] += pair.receive(100_000).length;
                return received[0] == sent.length;
            });
            assertThat(channel.released).containsExactly(1L);
        }
        runUntil(() -> channel.read.size() >= 80);
    }

    private void run() {
        host.loop.stop();
        host.loop.run();
    }

    /** Runs iterations that do not wait: an event that never comes fails the test, and does not hang it. */
    private void runUntil(BooleanSupplier done) {
        long end = System.nanoTime() + 10_000_000_000L;
        while (!done.getAsBoolean()) {
            assertThat(System.nanoTime()).as("waited for ten seconds").isLessThan(end);
            run();
        }
    }
}
