package jloop.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.Random;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(20)
class StreamChannelTest {
    private final TestHost host = new TestHost();
    private final SocketPair pair = new SocketPair();
    private final Arena arena = Arena.ofConfined();
    private final RecordingStream channel = new RecordingStream(host.loop, pair.ours);

    @AfterEach
    void close() {
        channel.detach();
        host.loop.close();
        pair.close();
        arena.close();
    }

    @Test
    void shouldTellWhatWasReadAndTheEndOfTheFile() {
        channel.startReading();
        pair.send("hello");
        host.loop.runOnce();
        pair.closeTheirs();
        host.loop.runOnce();

        assertThat(channel.text()).isEqualTo("hello");
        assertThat(channel.events).containsExactly("end of file");
    }

    @Test
    void shouldReadNothingWhilePausedAndAllOfItAfterwards() {
        channel.startReading();
        channel.stopReading();
        pair.send(new byte[100]);
        host.loop.stop();
        host.loop.run();
        assertThat(channel.read.size()).isZero();

        channel.startReading();
        host.loop.runOnce();
        assertThat(channel.read.size()).isEqualTo(100);
    }

    @Test
    void shouldReadAgainInOneIterationAsLongAsTheMemoryIsFilled() {
        channel.capacity = 10;
        channel.startReading();
        pair.send(new byte[25]);

        host.loop.runOnce();

        assertThat(channel.reads).containsExactly(10L, 10L, 5L);
    }

    @Test
    void shouldLetOthersRunBetweenReadsOfAPeerThatNeverStopsSending() {
        channel.capacity = 10;
        channel.startReading();
        pair.send(new byte[1000]);

        host.loop.runOnce();
        assertThat(channel.reads).hasSizeBetween(2, 50);

        host.soon(() -> channel.reads.add(-1L));
        host.loop.runOnce();
        assertThat(channel.reads).contains(-1L);
        for (int i = 0; i < 100; i++) {
            host.at(0, () -> {}); // never waits
            host.loop.runOnce();
        }
        assertThat(channel.read.size()).isEqualTo(1000);
    }

    @Test
    void shouldNotReadAgainWhenTheListenerPausesOrDetaches() {
        channel.capacity = 10;
        channel.startReading();
        channel.whenRead = channel::stopReading;
        pair.send(new byte[100]);
        host.loop.runOnce();
        assertThat(channel.reads).hasSize(1);

        channel.whenRead = channel::detach;
        channel.startReading();
        host.loop.runOnce();
        assertThat(channel.reads).hasSize(2);
    }

    @Test
    void shouldNotTellAnEventOfAChannelThatWasDetachedInTheSameIteration() {
        channel.startReading();
        pair.send(new byte[1]);
        host.soon(channel::detach);

        host.loop.runOnce();

        assertThat(channel.read.size()).isZero();
    }

    @Test
    void shouldSendWhatAnIterationWroteAtItsEnd() {
        host.soon(() -> {
            write(channel, ascii("one "), 1);
            write(channel, ascii("two "), 2);
        });
        host.soon(() -> write(channel, ascii("three"), 3));
        host.soon(() -> {
            assertThat(pair.receive(100)).isEmpty();
            host.loop.stop();
        });

        host.loop.run();

        assertThat(pair.receive(100)).asString().isEqualTo("one two three");
        assertThat(channel.released).containsExactly(1L, 2L, 3L);
    }

    @Test
    void shouldSendAtOnceWhenAsMuchIsQueuedAsTheHighWaterMark() {
        channel.setHighWater(8);
        host.soon(() -> {
            write(channel, ascii("four"), 1);
            assertThat(pair.receive(100)).isEmpty();
            write(channel, ascii("more"), 2);
            assertThat(pair.receive(100)).asString().isEqualTo("fourmore");
            host.loop.stop();
        });

        host.loop.run();

        assertThat(channel.released).containsExactly(1L, 2L);
    }

    @Test
    void shouldSendBeforeTheEndOfALongIteration() {
        host.soon(() -> write(channel, ascii("one"), 1));
        host.soon(() -> LockSupport.parkNanos(2_000_000));
        host.soon(() -> {
            assertThat(pair.receive(100)).asString().isEqualTo("one");
            host.loop.stop();
        });

        host.loop.run();

        assertThat(channel.released).containsExactly(1L);
    }

    @Test
    void shouldGatherForAPeerThatKeepsPaceWhileThereIsMoreToDo() {
        keepPace();
        host.soon(new Runnable() {
            @Override
            public void run() {
                long begun = System.nanoTime();
                write(channel, new byte[100_000], 1);
                host.soon(() -> {
                    byte[] received = pair.receive(1);
                    if (System.nanoTime() - begun > 1_000_000) { // it may have been sent: a busy machine
                        channel.flush();
                        pair.receive(100_000);
                        host.soon(this);
                        return;
                    }
                    assertThat(received).isEmpty();
                    write(channel, new byte[50_000], 2);
                    host.loop.stop();
                });
            }
        });

        host.loop.run();

        assertThat(pair.receive(200_000)).hasSize(150_000);
        assertThat(channel.events).isEmpty();
    }

    @Test
    void shouldGatherForAMillisecondAtMost() {
        keepPace();
        host.soon(() -> write(channel, new byte[100_000], 1));
        host.soon(new Runnable() {
            @Override
            public void run() {
                LockSupport.parkNanos(200_000);
                if (pair.receive(1).length != 0) {
                    host.loop.stop();
                } else {
                    host.soon(this);
                }
            }
        });

        host.loop.run();
    }

    @Test
    void shouldGatherNoMoreThanTheKernelHasRoomFor() {
        keepPace();
        byte[] piece = new byte[1 << 16];
        host.soon(() -> {
            int count = 0;
            while (!channel.events.contains("above high water")) {
                write(channel, piece, ++count);
            }
            assertThat(channel.events).containsExactly("blocked", "above high water");
            assertThat(channel.queuedBytes()).isLessThanOrEqualTo((1 << 16) + piece.length);
            assertThat(channel.released).hasSizeBetween(4, count - 1);
            host.loop.stop();
        });

        host.loop.run();
    }

    @Test
    void shouldNotGatherForAPeerThatMayWaitForAnAnswer() {
        keepPace();
        channel.startReading();
        pair.send("?");
        host.loop.runOnce();

        assertSentAtOnce(new byte[70_000]);
    }

    @Test
    void shouldNotGatherWhereTheHighWaterMarkIsLow() {
        keepPace();
        channel.setHighWater(8);

        assertSentAtOnce(ascii("ten bytes."));
    }

    /** Sends so much in a row that more is gathered. */
    private void keepPace() {
        pair.setSendBuffer(400_000);
        for (int i = 0; i < 64; i++) {
            write(channel, new byte[1 << 16], 0);
            assertThat(pair.receive(1 << 16)).hasSize(1 << 16);
        }
        channel.released.clear();
    }

    private void assertSentAtOnce(byte[] bytes) {
        host.soon(() -> {
            write(channel, bytes, 1);
            host.soon(() -> {});
            assertThat(pair.receive(bytes.length)).isEqualTo(bytes);
            host.loop.stop();
        });

        host.loop.run();
    }

    @Test
    void shouldSendWhatWasWrittenBeforeItIsLeft() {
        host.soon(() -> write(channel, ascii("one"), 1));
        host.soon(host.loop::leave);

        assertThat(host.loop.run()).isFalse();

        assertThat(pair.receive(100)).asString().isEqualTo("one");
    }

    @Test
    void shouldSendAtOnceOutsideOfTheLoop() {
        write(channel, new byte[10], 1);

        assertThat(pair.receive(100)).hasSize(10);
        assertThat(channel.released).containsExactly(1L);
    }

    @Test
    void shouldSendEveryByteInOrderToASlowReader() {
        byte[] sent = new byte[3_000_000];
        new Random(5).nextBytes(sent);
        for (int i = 0; i < sent.length; i += 30_000) {
            write(channel, java.util.Arrays.copyOfRange(sent, i, i + 30_000), i);
        }
        assertThat(channel.events).contains("above high water");

        ByteArrayOutputStream received = new ByteArrayOutputStream();
        while (received.size() < sent.length) {
            received.writeBytes(pair.receive(70_000));
            host.loop.stop();
            host.loop.run();
        }

        assertThat(received.toByteArray()).isEqualTo(sent);
        assertThat(channel.released).hasSize(100);
        assertThat(channel.queuedBytes()).isZero();
        assertThat(channel.events).endsWith("drained");
    }

    @Test
    void shouldDropUnsentBytesAndReleaseTheirOwners() {
        write(channel, new byte[10_000_000], 1);
        assertThat(channel.hasQueued()).isTrue();

        channel.discardQueue();

        assertThat(channel.released).containsExactly(1L);
        assertThat(channel.queuedBytes()).isZero();
    }

    @Test
    void shouldTellAFailedWriteOnceAndReleaseWhatIsQueued() {
        pair.closeTheirs();

        write(channel, new byte[10], 1);

        assertThat(channel.events).containsExactly("write failed 32"); // EPIPE
        assertThat(channel.released).containsExactly(1L);
    }

    @Test
    void shouldNotTouchADescriptorThatItsOwnerHasClosed() {
        MemorySegment record = arena.allocate(ValueLayout.JAVA_INT);
        record.set(ValueLayout.JAVA_INT, 0, pair.ours);
        RecordingStream borrowed = new RecordingStream(host.loop, pair.ours, record.address());
        borrowed.startReading();
        pair.send("first");
        host.loop.runOnce();
        record.set(ValueLayout.JAVA_INT, 0, -1);

        pair.send("second");
        host.loop.runOnce();
        write(borrowed, ascii("answer"), 1);

        assertThat(borrowed.text()).isEqualTo("first");
        assertThat(borrowed.events).containsExactly("read failed 9", "write failed 9"); // EBADF
        assertThat(borrowed.released).containsExactly(1L);
        borrowed.detach();
    }

    @Test
    void shouldTellTheHostOfEventsWhileItWatches() {
        channel.startReading();
        pair.send("unwatched");
        host.loop.runOnce();
        host.loop.watchEvents(true);
        pair.send("watched");
        host.loop.runOnce();
        host.loop.watchEvents(false);
        pair.send("unwatched");
        host.loop.runOnce();

        assertThat(host.events).containsExactly("before", "read");
        assertThat(channel.read.size()).isEqualTo(25);
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }

    private void write(StreamChannel target, byte[] bytes, long owner) {
        MemorySegment segment = arena.allocateFrom(ValueLayout.JAVA_BYTE, bytes);
        target.write(segment.address(), bytes.length, owner);
    }
}
