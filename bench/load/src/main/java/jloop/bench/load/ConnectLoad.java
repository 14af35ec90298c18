package jloop.bench.load;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Connect, one echo, close, and again: a fixed number of connections at a time.
 *
 * <p>The client closes first, so its port rests a minute in TIME_WAIT; clients come from many loopback addresses, so
 * ports do not run out.
 */
final class ConnectLoad implements AutoCloseable {
    private static final int WAIT_MILLIS = 50;
    private static final int SOURCES = 200;
    private static final long STALLED_NANOS = 10_000_000_000L;

    private final Arena arena = Arena.ofConfined();
    private final Epoll epoll = new Epoll();
    private final SocketAddress server;
    private final SocketAddress[] sources;
    private final EchoExchange[] exchanges;
    private final MemorySegment buffer = arena.allocate(64 * 1024);
    private final int[] sockets;
    private final boolean[] asked;
    private final long[] began;
    private long stamp = System.nanoTime();
    private long connects;

    /** Options: {@code address}, {@code connections} at a time, {@code size} of the message in bytes. */
    ConnectLoad(Options options) {
        server = options.address();
        int slots = options.integer("connections", 32);
        sockets = new int[slots];
        asked = new boolean[slots];
        began = new long[slots];
        exchanges = new EchoExchange[slots];
        EchoExchange.Message message = EchoExchange.Message.plain(arena, options.integer("size", 64));
        for (int i = 0; i < slots; i++) {
            sockets[i] = -1;
            exchanges[i] = new EchoExchange(message);
        }
        sources = new SocketAddress[server.family() == Libc.AF_INET ? SOURCES : 0];
        for (int i = 0; i < sources.length; i++) {
            sources[i] = SocketAddress.inet("127.0.1." + (i + 1), 0);
        }
    }

    /** Connects until the window ends. */
    void run(Window window) {
        for (int i = 0; i < sockets.length; i++) {
            connect(i);
        }
        long progressAt = System.nanoTime();
        while (true) {
            int count = epoll.await(WAIT_MILLIS);
            long now = System.nanoTime();
            if (!window.tick(now)) {
                return;
            }
            if (count > 0) {
                progressAt = now;
            } else if (now - progressAt > STALLED_NANOS) {
                throw new LoadException("nothing happened for 10 seconds, after " + connects + " connections");
            }
            for (int i = 0; i < count; i++) {
                proceed(epoll.key(i), epoll.ready(i), window);
            }
        }
    }

    private void connect(int slot) {
        int fd = Libc.orThrow("socket", Libc.socket(server.family(), Libc.SOCK_STREAM | Libc.SOCK_NONBLOCK));
        sockets[slot] = fd;
        asked[slot] = false;
        began[slot] = System.nanoTime();
        if (sources.length > 0) {
            Libc.setOption(fd, Libc.IPPROTO_IP, Libc.IP_BIND_ADDRESS_NO_PORT, 1);
            Libc.orThrow("bind", Libc.bind(fd, sources[(int) (connects % SOURCES)]));
        }
        connects++;
        int result = Libc.connect(fd, server);
        if (result != -Libc.EINPROGRESS) {
            Libc.orThrow("connect", result);
        }
        // Edge-triggered, so one registration serves "connected" and "answered".
        epoll.add(fd, Epoll.IN | Epoll.OUT | Epoll.EDGE, slot);
    }

    private void proceed(int slot, int ready, Window window) {
        int fd = sockets[slot];
        EchoExchange exchange = exchanges[slot];
        if (!asked[slot]) {
            if ((ready & (Epoll.ERR | Epoll.HUP)) != 0) {
                Libc.orThrow("connect", -Libc.pendingError(fd));
            }
            asked[slot] = true;
            exchange.next(stamp++);
            int sent = Libc.orThrow("send", (int) Libc.send(fd, exchange.request(), exchange.requestLength()));
            if (sent != exchange.requestLength()) {
                throw new LoadException("a fresh connection took only part of a message");
            }
            return;
        }
        if ((ready & Epoll.IN) == 0) {
            return;
        }
        long count = Libc.recv(fd, buffer.address(), buffer.byteSize());
        if (count == -Libc.EAGAIN) {
            return;
        }
        if (Libc.orThrow("recv", (int) count) == 0) {
            throw new LoadException("the server closed before it answered");
        }
        if (exchange.accept(buffer, (int) count)) {
            Libc.close(fd);
            window.record(System.nanoTime() - began[slot]);
            connect(slot);
        }
    }

    @Override
    public void close() {
        for (int socket : sockets) {
            if (socket >= 0) {
                Libc.close(socket);
            }
        }
        epoll.close();
        arena.close();
    }
}
