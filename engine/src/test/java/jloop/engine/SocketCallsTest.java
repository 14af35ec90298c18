package jloop.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import jloop.engine.linux.Addresses;
import jloop.engine.linux.Errno;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class SocketCallsTest {
    private final Arena arena = Arena.ofConfined();
    private final MemorySegment name = arena.allocate(Addresses.STORAGE_SIZE + 1L, 8);
    private final MemorySegment length = arena.allocate(Integer.BYTES, 4);
    private final TestHost host = new TestHost();
    private final SocketCalls sockets = host.loop.sockets();

    @AfterEach
    void close() {
        host.loop.close();
        arena.close();
    }

    private void nameLoopback(int port) {
        name.fill((byte) 0);
        Addresses.putFamily(name.address(), Addresses.AF_INET);
        Addresses.putPort(name.address(), port);
        name.set(java.lang.foreign.ValueLayout.JAVA_BYTE, Addresses.IN_ADDRESS, (byte) 127);
        name.set(java.lang.foreign.ValueLayout.JAVA_BYTE, Addresses.IN_ADDRESS + 3, (byte) 1);
    }

    private int connect(int port) {
        nameLoopback(port);
        return (int) sockets.connect(Addresses.AF_INET, 0, name.address(), Addresses.IN_SIZE);
    }

    @Test
    void shouldConnectAndTellBothNames() throws IOException {
        try (ServerSocket server = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
            int fd = connect(server.getLocalPort());
            assertThat(fd).isPositive();
            assertThat(sockets.connected(fd, name.address(), Addresses.IN_SIZE)).isZero();
            assertThat(sockets.connected(fd, name.address(), Addresses.IN_SIZE)).isZero(); // asked once more

            try (Socket accepted = server.accept()) {
                assertThat(sockets.peerName(fd, name.address(), length.address()))
                        .isZero();
                assertThat(Addresses.port(name.address())).isEqualTo(server.getLocalPort());
                assertThat(sockets.localName(fd, name.address(), length.address()))
                        .isZero();
                InetSocketAddress peer = (InetSocketAddress) accepted.getRemoteSocketAddress();
                assertThat(Addresses.port(name.address())).isEqualTo(peer.getPort());
                assertThat(sockets.close(fd)).isZero();
                assertThat(accepted.getInputStream().read()).isEqualTo(-1);
            }
        }
    }

    @Test
    void shouldTellThatAConnectionIsRefused() throws IOException {
        int port;
        try (ServerSocket server = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
            port = server.getLocalPort();
        }
        int fd = connect(port);
        assertThat(fd).isPositive();
        assertThat(sockets.connected(fd, name.address(), Addresses.IN_SIZE)).isEqualTo(-Errno.ECONNREFUSED);
        assertThat(sockets.close(fd)).isZero();
    }

    @Test
    void shouldLeaveNoDescriptorWhereConnectingFailsAtOnce() {
        nameLoopback(1);
        int probe = (int) sockets.connect(Addresses.AF_INET, 0, name.address(), Addresses.IN_SIZE);
        assertThat(sockets.close(probe)).isZero();

        long failed = sockets.connect(Addresses.AF_INET, 0, name.address(), 2); // too short for an address
        assertThat(failed).isEqualTo(-Errno.EINVAL);
        int next = (int) sockets.connect(Addresses.AF_INET, 0, name.address(), Addresses.IN_SIZE);
        assertThat(next).isEqualTo(probe); // the lowest free one
        assertThat(sockets.close(next)).isZero();
    }
}
