package jloop.engine;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jloop.engine.linux.CallState;
import jloop.engine.linux.Files;
import jloop.engine.linux.Native;
import jloop.engine.linux.Sockets;

/** Two connected, non-blocking Unix sockets. */
final class SocketPair implements AutoCloseable {
    private static final int AF_UNIX = 1;
    private static final int SOCK_STREAM = 1;
    private static final int SOCK_DGRAM = 2;
    private static final int SOCK_NONBLOCK = 0x800;

    private static final int SOL_SOCKET = 1;
    private static final int SO_SNDBUF = 7;

    private static final long socketpair = Native.symbol("socketpair");
    private static final long setsockopt = Native.symbol("setsockopt");

    final CallState state = new CallState();
    final int ours;
    final int theirs;

    /** Stream sockets. */
    SocketPair() {
        this(SOCK_STREAM);
    }

    static SocketPair ofDatagrams() {
        return new SocketPair(SOCK_DGRAM);
    }

    private SocketPair(int type) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment pair = arena.allocate(8, 4);
            long result = Native.call(socketpair, AF_UNIX, type | SOCK_NONBLOCK, 0, pair.address());
            if ((int) result != 0) {
                throw new IllegalStateException("socketpair");
            }
            ours = pair.get(ValueLayout.JAVA_INT, 0);
            theirs = pair.get(ValueLayout.JAVA_INT, 4);
        } catch (Throwable t) {
            throw new IllegalStateException(t);
        }
    }

    /** Has the kernel keep that many bytes that we send; it may allow half of it, and counts twice as many. */
    void setSendBuffer(int bytes) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment value = arena.allocateFrom(ValueLayout.JAVA_INT, bytes);
            long result = Native.call(setsockopt, ours, SOL_SOCKET, SO_SNDBUF, value.address(), Integer.BYTES, 0);
            if ((int) result != 0) {
                throw new IllegalStateException("setsockopt");
            }
        }
    }

    /** Sends {@code bytes} from the peer. */
    void send(byte[] bytes) {
        try (Arena arena = Arena.ofConfined()) {
            long sent = Sockets.send(
                    state,
                    theirs,
                    arena.allocateFrom(ValueLayout.JAVA_BYTE, bytes).address(),
                    bytes.length);
            if (sent != bytes.length) {
                throw new IllegalStateException("sent " + sent + " of " + bytes.length + " bytes");
            }
        }
    }

    /** What the peer can read now, at most {@code limit} bytes. */
    byte[] receive(int limit) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment buffer = arena.allocate(limit);
            long count = Sockets.recv(state, theirs, buffer.address(), limit);
            return count <= 0 ? new byte[0] : buffer.asSlice(0, count).toArray(ValueLayout.JAVA_BYTE);
        }
    }

    void closeOurs() {
        Files.close(state, ours);
    }

    void closeTheirs() {
        Files.close(state, theirs);
    }

    @Override
    public void close() {
        Files.close(state, ours);
        Files.close(state, theirs);
    }
}
