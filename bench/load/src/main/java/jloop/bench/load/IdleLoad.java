package jloop.bench.load;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Many connections that do nothing, opened one after another by a client that waits for each. */
final class IdleLoad implements AutoCloseable {
    private final Arena arena = Arena.ofConfined();
    private final int[] sockets;
    private int open;

    /** Options: {@code address}, {@code connections}. */
    IdleLoad(Options options) {
        sockets = new int[options.integer("connections", 10_000)];
    }

    /**
     * Opens all, then has the last one answer an echo: connections are accepted in order, so then the server has all.
     *
     * @return {@code connections}; {@code open_seconds} until the kernel had connected all; {@code slowest_ms} of one;
     *     {@code accepted_seconds} until the last one was answered
     */
    Json open(Options options) {
        SocketAddress address = options.address();
        long began = System.nanoTime();
        long slowest = 0;
        for (; open < sockets.length; open++) {
            long from = System.nanoTime();
            sockets[open] = Wire.connect(address, Libc.SOCK_STREAM);
            slowest = Math.max(slowest, System.nanoTime() - from);
        }
        long opened = System.nanoTime();
        echo(sockets[open - 1]);
        return new Json()
                .put("connections", open)
                .put("open_seconds", (opened - began) / 1e9)
                .put("slowest_ms", slowest / 1e6)
                .put("accepted_seconds", (System.nanoTime() - began) / 1e9);
    }

    private void echo(int socket) {
        EchoExchange exchange = new EchoExchange(EchoExchange.Message.plain(arena, 64));
        MemorySegment buffer = arena.allocate(64);
        exchange.next(System.nanoTime());
        Libc.orThrow("send", (int) Libc.send(socket, exchange.request(), exchange.requestLength()));
        int count;
        do {
            count = Libc.orThrow("recv", (int) Libc.recv(socket, buffer.address(), buffer.byteSize()));
            if (count == 0) {
                throw new LoadException("the server closed an idle connection");
            }
        } while (!exchange.accept(buffer, count));
    }

    @Override
    public void close() {
        for (int i = 0; i < open; i++) {
            Libc.close(sockets[i]);
        }
        arena.close();
    }
}
