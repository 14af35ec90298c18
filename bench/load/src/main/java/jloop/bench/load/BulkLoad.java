package jloop.bench.load;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;

/**
 * Bytes one way as fast as they go over a few connections.
 *
 * <p>To a sink: after the window each connection is half-closed, and the server must answer with the number of bytes it
 * got, 8 bytes in network order. From a source: the server sends the bytes 0, 1, ... 255 and again, every one checked.
 */
final class BulkLoad implements AutoCloseable {
    private static final int CHUNK = 256 * 1024;
    private static final int PERIOD = 256;
    private static final int WAIT_MILLIS = 50;

    private final Arena arena = Arena.ofConfined();
    private final MemorySegment buffer = arena.allocate(CHUNK, 4096);
    private final MemorySegment pattern = arena.allocate(CHUNK + PERIOD, 4096);
    private final Epoll epoll = new Epoll();
    private final boolean toSink;
    private final int[] sockets;
    // bytes sent or received so far, per connection
    private final long[] moved;

    /** Connects. Options: {@code address}, {@code connections}, {@code direction} (sink, source). */
    BulkLoad(Options options) {
        for (int i = 0; i < pattern.byteSize(); i++) {
            pattern.set(JAVA_BYTE, i, (byte) i);
        }
        toSink = options.text("direction", "sink").equals("sink");
        sockets = new int[options.integer("connections", 4)];
        moved = new long[sockets.length];
        for (int i = 0; i < sockets.length; i++) {
            sockets[i] = Wire.connect(options.address(), Libc.SOCK_STREAM);
            Libc.setNonBlocking(sockets[i]);
            epoll.add(sockets[i], toSink ? Epoll.OUT : Epoll.IN, i);
        }
    }

    /** Moves bytes until the window ends, then checks what a sink got. */
    void run(Window window) {
        while (true) {
            int count = epoll.await(WAIT_MILLIS);
            if (!window.tick(System.nanoTime())) {
                break;
            }
            for (int i = 0; i < count; i++) {
                int key = epoll.key(i);
                long moved = toSink ? send(key) : receive(key);
                window.recordBytes(moved);
            }
        }
        if (toSink) {
            checkSink();
        }
    }

    private long send(int key) {
        long count = Libc.send(sockets[key], pattern.address(), CHUNK);
        if (count == -Libc.EAGAIN) {
            return 0;
        }
        moved[key] += Libc.orThrow("send", (int) count);
        return count;
    }

    private long receive(int key) {
        long count = Libc.recv(sockets[key], buffer.address(), CHUNK);
        if (count == -Libc.EAGAIN) {
            return 0;
        }
        if (Libc.orThrow("recv", (int) count) == 0) {
            throw new LoadException("the source closed");
        }
        long phase = moved[key] % PERIOD;
        if (MemorySegment.mismatch(buffer, 0, count, pattern, phase, phase + count) != -1) {
            throw new LoadException("the source sent wrong bytes");
        }
        moved[key] += count;
        return count;
    }

    private void checkSink() {
        for (int i = 0; i < sockets.length; i++) {
            Libc.orThrow("shutdown", Libc.shutdownWrite(sockets[i]));
        }
        for (int i = 0; i < sockets.length; i++) {
            checkSink(i);
        }
    }

    private void checkSink(int key) {
        Libc.setBlocking(sockets[key]);
        if (Libc.recv(sockets[key], buffer.address(), CHUNK) != Long.BYTES) {
            throw new LoadException("the sink did not answer with 8 bytes");
        }
        long got = buffer.get(JAVA_LONG_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN), 0);
        if (got != moved[key]) {
            throw new LoadException("the sink got " + got + " of " + moved[key] + " bytes");
        }
    }

    @Override
    public void close() {
        for (int socket : sockets) {
            Libc.close(socket);
        }
        epoll.close();
        arena.close();
    }
}
