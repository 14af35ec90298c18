package jloop.engine;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import jloop.engine.linux.Addresses;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(20)
class DatagramChannelTest {
    private static final int ECONNREFUSED = 111;
    private static final int EMSGSIZE = 90;
    private static final int OVERHEAD = 8;

    private final TestHost host = new TestHost();
    private final UdpSocket ours = new UdpSocket();
    private final UdpSocket theirs = new UdpSocket();
    private final Arena arena = Arena.ofConfined();
    private Recorder channel = new Recorder(host.loop, ours.fd, Addresses.AF_INET);
    private SocketPair pair;

    @AfterEach
    void close() {
        channel.detach();
        host.loop.close();
        ours.close();
        theirs.close();
        if (pair != null) {
            pair.close();
        }
        arena.close();
    }

    // ---- receiving

    @Test
    void shouldTellEachDatagramWithItsSender() {
        channel.startReading();
        theirs.send("one".getBytes(US_ASCII), ours.name);
        theirs.send(new byte[0], ours.name);
        theirs.send(new byte[60_000], ours.name);
        iterate();

        assertThat(channel.lengths()).containsExactly(3, 0, 60_000);
        assertThat(channel.received.getFirst()).asString().isEqualTo("one");
        assertThat(channel.fromTheirs).isEqualTo(3);
    }

    @Test
    void shouldReceiveMoreThanABatchOverIterations() {
        channel.startReading();
        for (int i = 0; i < 50; i++) {
            theirs.send(new byte[i], ours.name);
        }
        for (int i = 0; i < 10; i++) {
            iterate();
        }

        assertThat(channel.lengths())
                .containsExactlyElementsOf(IntStream.range(0, 50).boxed().toList());
    }

    @Test
    void shouldKeepWhatWasReceivedWhileTheListenerPauses() {
        channel.startReading();
        channel.onReceived = channel::stopReading;
        for (int i = 0; i < 3; i++) {
            theirs.send(new byte[i], ours.name);
        }
        iterate();
        assertThat(channel.lengths()).containsExactly(0);
        iterate();
        assertThat(channel.lengths()).containsExactly(0);

        channel.onReceived = () -> {};
        channel.startReading();
        iterate();
        assertThat(channel.lengths()).containsExactly(0, 1, 2);
    }

    @Test
    void shouldKeepWhatWasReceivedWhenTheHostLeaves() {
        channel.startReading();
        channel.onReceived = host.loop::leave;
        for (int i = 0; i < 3; i++) {
            theirs.send(new byte[i], ours.name);
        }
        assertThat(host.loop.run()).isFalse();
        assertThat(channel.lengths()).containsExactly(0);

        channel.onReceived = () -> {};
        iterate();
        assertThat(channel.lengths()).containsExactly(0, 1, 2);
    }

    @Test
    void shouldDropWhatWasReceivedWhenDetached() {
        channel.startReading();
        channel.onReceived = channel::detach;
        for (int i = 0; i < 3; i++) {
            theirs.send(new byte[i], ours.name);
        }
        iterate();
        iterate();
        assertThat(channel.lengths()).containsExactly(0);
    }

    @Test
    void shouldDeliverInOrderWhenTheListenerRunsTheLoop() {
        channel.startReading();
        channel.onReceived = () -> {
            channel.onReceived = () -> {};
            theirs.send(new byte[9], ours.name);
            host.loop.runOnce();
        };
        for (int i = 0; i < 3; i++) {
            theirs.send(new byte[i], ours.name);
        }
        iterate();
        iterate();
        assertThat(channel.lengths()).containsExactly(0, 1, 2, 9);
    }

    @Test
    void shouldTellARefusedDatagramAsAnErrorOfReceiving() {
        UdpSocket gone = new UdpSocket();
        gone.close();
        ours.connect(gone.name);
        channel.startReading();
        send(5, 1, null);
        iterate();

        assertThat(channel.events).containsExactly("receive failed " + ECONNREFUSED);
        assertThat(channel.released).containsExactly(1L);
    }

    // ---- sending

    @Test
    void shouldSendTheFirstAtOnceAndTheRestWhenTheCallbackHasReturned() {
        host.soon(() -> {
            for (int i = 1; i <= 5; i++) {
                send(i, i, theirs.name);
            }
            assertThat(theirs.receive()).hasSize(1);
            assertThat(theirs.receive()).isNull();
            host.loop.stop();
        });
        host.loop.run();

        for (int i = 2; i <= 5; i++) {
            assertThat(theirs.receive()).hasSize(i);
        }
        assertThat(channel.released).containsExactly(1L, 2L, 3L, 4L, 5L);
    }

    @Test
    void shouldSendAtOnceOutsideOfTheLoop() {
        send(10, 1, theirs.name);
        send(0, 2, theirs.name);

        assertThat(theirs.receive()).hasSize(10);
        assertThat(theirs.receive()).isEmpty();
    }

    @Test
    void shouldKeepBoundariesContentAndOrderOfRuns() {
        int[] lengths = {7, 7, 7, 7, 3, 7, 7, 0, 0, 9, 9, 2, 30_000, 30_000, 30_000, 30_000, 1, 1};
        host.soon(() -> {
            for (int i = 0; i < lengths.length; i++) {
                send(lengths[i], i + 1, theirs.name);
            }
            host.loop.stop();
        });
        host.loop.run();

        for (int i = 0; i < lengths.length; i++) {
            assertThat(theirs.receive()).isEqualTo(filled(lengths[i], i + 1));
        }
        assertThat(theirs.receive()).isNull();
        assertThat(channel.events).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 70})
    void shouldSendRunsBesideOthersToTheirPeers(int run) {
        try (UdpSocket third = new UdpSocket()) {
            host.soon(() -> {
                for (int i = 0; i < 200; i++) {
                    send(100, i + 1, i / run % 2 == 0 ? theirs.name : third.name);
                }
                host.loop.stop();
            });
            host.loop.run();

            for (int i = 0; i < 200; i++) {
                byte[] datagram = (i / run % 2 == 0 ? theirs : third).receive();
                assertThat(datagram).isEqualTo(filled(100, i + 1));
            }
        }
        assertThat(channel.released).hasSize(200).isSorted();
        assertThat(channel.events).isEmpty();
    }

    @Test
    void shouldReportTheErrorOfOneDatagramAndSendTheOthers() {
        host.soon(() -> {
            for (int i = 1; i <= 5; i++) {
                send(i == 3 ? 65_535 : 10, i, theirs.name);
            }
            host.loop.stop();
        });
        host.loop.run();

        assertThat(channel.events).containsExactly("send failed " + EMSGSIZE);
        assertThat(IntStream.range(0, 5).mapToObj(i -> theirs.receive()))
                .filteredOn(datagram -> datagram != null)
                .hasSize(4);
        assertThat(channel.released).containsExactly(1L, 2L, 3L, 4L, 5L);
    }

    @Test
    void shouldSendRunsToAConnectedPeer() {
        ours.connect(theirs.name);
        host.soon(() -> {
            for (int i = 0; i < 20; i++) {
                send(10, i + 1, null);
            }
            host.loop.stop();
        });
        host.loop.run();

        for (int i = 0; i < 20; i++) {
            assertThat(theirs.receive()).hasSize(10).containsOnly(i + 1);
        }
    }

    @Test
    void shouldSendWhatIsLargerThanAnyPathInFragmentsOfItsOwn() {
        host.soon(() -> {
            for (int i = 0; i < 3; i++) { // of these, no two fit into one message
                send(40_000, i + 1, theirs.name);
            }
            host.loop.stop();
        });
        host.loop.run();

        for (int i = 0; i < 3; i++) {
            assertThat(theirs.receive()).hasSize(40_000).containsOnly(i + 1);
        }
    }

    // ---- a kernel that takes no more: Unix sockets have short queues

    @Test
    void shouldWaitUntilTheKernelTakesMore() {
        usePair();
        int count = fillPair();
        assertThat(channel.events).containsExactly("above high water");
        assertThat(channel.queuedSize()).isPositive();
        assertThat(channel.queuedSize() % (100 + OVERHEAD)).isZero();

        int received = 0;
        while (received < count) {
            for (byte[] datagram = pair.receive(200); datagram.length > 0; datagram = pair.receive(200)) {
                assertThat(datagram).hasSize(100);
                received++;
            }
            iterate();
        }

        assertThat(channel.released).hasSize(count).isSorted();
        assertThat(channel.queuedSize()).isZero();
        assertThat(channel.events).endsWith("drained");
        assertThat(channel.interest()).isZero();
    }

    @Test
    void shouldSendTheHostsDatagramInItsTurn() {
        usePair();
        int count = fillPair();
        channel.queueForHost(50);
        channel.onHostSend = () -> assertThat(channel.released).hasSize(count);
        assertThat(channel.hostSends).isZero();

        while (channel.queuedSize() > 0) {
            pair.receive(200);
            iterate();
        }

        assertThat(channel.hostSends).isEqualTo(1);
        assertThat(channel.queuedSize()).isZero();
    }

    @Test
    void shouldKeepTheHostsDatagramThatTheKernelDoesNotTake() {
        usePair();
        channel.hostBlocks = true;
        channel.queueForHost(50);
        iterate(); // the kernel says that it takes more, and then it does not
        assertThat(channel.hostSends).isPositive();
        assertThat(channel.queuedSize()).isEqualTo(50 + OVERHEAD);

        channel.hostBlocks = false;
        iterate();
        assertThat(channel.queuedSize()).isZero();
    }

    @Test
    void shouldDropWhatIsQueuedAndReleaseIt() {
        usePair();
        int count = fillPair();
        channel.queueForHost(1);

        channel.discardQueue();

        assertThat(channel.released).hasSize(count);
        assertThat(channel.queuedSize()).isZero();
        assertThat(channel.interest()).isZero();
    }

    private void usePair() {
        pair = SocketPair.ofDatagrams();
        channel = new Recorder(host.loop, pair.ours, Addresses.AF_UNIX);
    }

    /** Sends until something is queued above the mark; returns how many datagrams. */
    private int fillPair() {
        channel.setHighWater(1000);
        int count = 0;
        while (channel.events.isEmpty()) {
            send(100, ++count, null);
        }
        return count;
    }

    private void iterate() {
        host.loop.stop();
        host.loop.run();
    }

    private static byte[] filled(int length, int value) {
        byte[] bytes = new byte[length];
        Arrays.fill(bytes, (byte) value);
        return bytes;
    }

    /** Sends {@code length} bytes of the value of {@code owner}. */
    private void send(int length, long owner, SocketName to) {
        MemorySegment segment = arena.allocate(Math.max(1, length)).fill((byte) owner);
        channel.send(segment.address(), length, owner, to);
    }

    private final class Recorder extends DatagramChannel {
        final List<byte[]> received = new ArrayList<>();
        final List<String> events = new ArrayList<>();
        final List<Long> released = new ArrayList<>();
        int fromTheirs;
        int hostSends;
        boolean hostBlocks;
        Runnable onReceived = () -> {};
        Runnable onHostSend = () -> {};

        Recorder(EventLoop loop, int fd, int family) {
            super(loop, fd, 0, family, OVERHEAD);
        }

        List<Integer> lengths() {
            return received.stream().map(datagram -> datagram.length).toList();
        }

        @Override
        protected void received(long address, long length, long name, int nameLength) {
            received.add(MemorySegment.ofAddress(address).reinterpret(length).toArray(ValueLayout.JAVA_BYTE));
            if (theirs.name.matches(name, nameLength)) {
                fromTheirs++;
            }
            onReceived.run();
        }

        @Override
        protected void receiveFailed(int errno) {
            events.add("receive failed " + errno);
        }

        @Override
        protected void sendFailed(int errno) {
            events.add("send failed " + errno);
        }

        @Override
        protected boolean sendByHost() {
            hostSends++;
            onHostSend.run();
            return !hostBlocks;
        }

        @Override
        protected void aboveHighWater() {
            if (!events.contains("above high water")) {
                events.add("above high water");
            }
        }

        @Override
        protected void drained() {
            events.add("drained");
        }

        @Override
        protected void releaseOwner(long owner) {
            released.add(owner);
        }
    }
}
