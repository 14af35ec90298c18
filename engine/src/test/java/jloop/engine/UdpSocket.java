package jloop.engine;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jloop.engine.linux.Addresses;
import jloop.engine.linux.CallState;
import jloop.engine.linux.Files;
import jloop.engine.linux.Messages;
import jloop.engine.linux.Native;
import jloop.engine.linux.Sockets;

/** A non-blocking datagram socket on a free port of 127.0.0.1. */
final class UdpSocket implements AutoCloseable {
    private static final int SOCK_DGRAM_NONBLOCK = 2 | 0x800;

    private static final long socket = Native.symbol("socket");
    private static final long connect = Native.symbol("connect");

    private final CallState state = new CallState();
    final int fd;
    final SocketName name;

    UdpSocket() {
        try (Arena arena = Arena.ofConfined()) {
            fd = (int) Native.call(socket, Addresses.AF_INET, SOCK_DGRAM_NONBLOCK);
            name = new SocketName(Loopback.bind(arena, fd), Addresses.IN_SIZE);
        } catch (Throwable t) {
            throw new IllegalStateException(t);
        }
    }

    void connect(SocketName peer) {
        try (Arena arena = Arena.ofConfined()) {
            long address = arena.allocate(Addresses.STORAGE_SIZE, 8).address();
            peer.copyTo(address);
            Loopback.call("connect", Native.call(connect, fd, address, peer.length()));
        } catch (Throwable t) {
            throw new IllegalStateException(t);
        }
    }

    void send(byte[] bytes, SocketName to) {
        try (Arena arena = Arena.ofConfined()) {
            long address = arena.allocate(Addresses.STORAGE_SIZE, 8).address();
            to.copyTo(address);
            long data = arena.allocateFrom(ValueLayout.JAVA_BYTE, bytes).address();
            long sent = Messages.sendTo(state, fd, data, bytes.length, address, to.length());
            if (sent != bytes.length) {
                throw new IllegalStateException("sent " + sent + " of " + bytes.length + " bytes");
            }
        }
    }

    /** The next datagram that is there, or null. */
    byte[] receive() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment buffer = arena.allocate(65536);
            long count = Sockets.recv(state, fd, buffer.address(), buffer.byteSize());
            return count < 0 ? null : buffer.asSlice(0, count).toArray(ValueLayout.JAVA_BYTE);
        }
    }

    @Override
    public void close() {
        Files.close(state, fd);
    }
}
