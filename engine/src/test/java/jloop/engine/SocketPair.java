package jloop.engine;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import jloop.engine.linux.Addresses;
import jloop.engine.linux.CallState;
import jloop.engine.linux.Files;
import jloop.engine.linux.Native;
import jloop.engine.linux.Sockets;

/** Two connected, non-blocking sockets, of Unix or of TCP. */
final class SocketPair implements AutoCloseable {
    private static final int AF_UNIX = 1;
    private static final int SOCK_STREAM = 1;
    private static final int SOCK_DGRAM = 2;
    private static final int SOCK_NONBLOCK = 0x800;

    private static final int SOL_SOCKET = 1;
    private static final int SO_SNDBUF = 7;

    private static final int SO_LINGER = 13;
    private static final int MSG_OOB = 1;
    private static final int F_SETFL = 4;

    private static final long accept4 = Native.symbol("accept4");
    private static final long connect = Native.symbol("connect");
    private static final long fcntl = Native.symbol("fcntl");
    private static final long listen = Native.symbol("listen");
    private static final long send = Native.symbol("send");
    private static final long socket = Native.symbol("socket");
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

    static SocketPair ofTcp() {
        try (Arena arena = Arena.ofConfined()) {
            CallState state = new CallState();
            int listener = Loopback.call("socket", Native.call(socket, Addresses.AF_INET, SOCK_STREAM));
            long address = Loopback.bind(arena, listener);
            Loopback.call("listen", Native.call(listen, listener, 1));
            int theirs = Loopback.call("socket", Native.call(socket, Addresses.AF_INET, SOCK_STREAM));
            Loopback.call("connect", Native.call(connect, theirs, address, Addresses.IN_SIZE));
            int ours = Loopback.call("accept4", Native.call(accept4, listener, 0, 0, SOCK_NONBLOCK));
            Files.close(state, listener);
            Loopback.call("fcntl", Native.call(fcntl, theirs, F_SETFL, SOCK_NONBLOCK));
            return new SocketPair(ours, theirs);
        } catch (Throwable t) {
            throw new IllegalStateException(t);
        }
    }

    private SocketPair(int ours, int theirs) {
        this.ours = ours;
        this.theirs = theirs;
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

    /** Sends one byte of urgent data from the peer. */
    void sendUrgent(int urgent) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment value = arena.allocateFrom(ValueLayout.JAVA_BYTE, (byte) urgent);
            Loopback.call("send", Native.call(send, theirs, value.address(), 1, MSG_OOB));
        } catch (Throwable t) {
            throw new IllegalStateException(t);
        }
    }

    /** Has the peer reset the connection. */
    void resetByPeer() {
        try (Arena arena = Arena.ofConfined()) { // struct linger {int l_onoff; int l_linger;}
            MemorySegment value = arena.allocateFrom(ValueLayout.JAVA_INT, 1, 0);
            Loopback.call(
                    "setsockopt",
                    Native.call(setsockopt, theirs, SOL_SOCKET, SO_LINGER, value.address(), value.byteSize(), 0));
        } catch (Throwable t) {
            throw new IllegalStateException(t);
        }
        closeTheirs();
    }

    /** Has the kernel keep that many bytes that we send; it may allow half of it, and counts twice as many. */
    void setSendBuffer(int bytes) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment value = arena.allocateFrom(ValueLayout.JAVA_INT, bytes);
            Loopback.call(
                    "setsockopt",
                    Native.call(setsockopt, ours, SOL_SOCKET, SO_SNDBUF, value.address(), Integer.BYTES, 0));
        }
    }

    /** Sends {@code text} from the peer, in ASCII. */
    void send(String text) {
        send(text.getBytes(StandardCharsets.US_ASCII));
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
