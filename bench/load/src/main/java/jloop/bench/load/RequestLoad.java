package jloop.bench.load;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/**
 * A fixed number of connections, each with one request under way: as soon as a reply is complete and checked, the next
 * request is sent. Serves for echoes (stream, TLS, datagram, WebSocket) and HTTP.
 */
final class RequestLoad implements AutoCloseable {
    private static final int BUFFER = 256 * 1024;
    private static final int WAIT_MILLIS = 50;
    private static final long STALLED_NANOS = 10_000_000_000L;
    private static final long DATAGRAM_LOST_NANOS = 250_000_000L;

    private static final class Connection {
        Wire wire;
        final Exchange exchange;
        final int key;
        // start of the request under way, System.nanoTime()
        long sentAt;
        // how much of it the kernel has taken
        int sent;
        boolean waitsToSend;

        Connection(Wire wire, Exchange exchange, int key) {
            this.wire = wire;
            this.exchange = exchange;
            this.key = key;
        }
    }

    private final Arena arena = Arena.ofConfined();
    private final MemorySegment buffer = arena.allocate(BUFFER, 4096);
    private final Epoll epoll = new Epoll();
    private final List<Connection> connections = new ArrayList<>();
    private final SocketAddress address;
    private final String kind;
    private final boolean datagrams;
    private long stamp = System.nanoTime();
    private long replies;

    /**
     * Connects. Options: {@code address}; {@code kind} (stream, tls, datagram, websocket, http); {@code connections};
     * {@code size} of a message in bytes, or the {@code path} of an HTTP request.
     */
    RequestLoad(Options options) {
        kind = options.text("kind", "stream");
        address = options.address();
        datagrams = kind.equals("datagram");
        Supplier<Exchange> exchanges = exchanges(options);
        int count = options.integer("connections", 32);
        try {
            for (int i = 0; i < count; i++) {
                connections.add(new Connection(open(i), exchanges.get(), i));
            }
        } catch (LoadException e) {
            close();
            throw e;
        }
    }

    private Supplier<Exchange> exchanges(Options options) {
        int size = options.integer("size", 1024);
        HttpExchange.Body body = new HttpExchange.Body(arena);
        return switch (kind) {
            case "http" -> () -> new HttpExchange(arena, options.text("path", "/"), body);
            case "websocket" -> echoes(EchoExchange.Message.webSocket(arena, size));
            default -> echoes(EchoExchange.Message.plain(arena, size));
        };
    }

    private static Supplier<Exchange> echoes(EchoExchange.Message message) {
        return () -> new EchoExchange(message);
    }

    private Wire open(int key) {
        Wire wire =
                switch (kind) {
                    case "stream", "http" -> new Wire.Plain(Wire.connect(address, Libc.SOCK_STREAM));
                    case "datagram" -> new Wire.Plain(Wire.connect(address, Libc.SOCK_DGRAM));
                    case "tls" -> new Tls(Wire.connect(address, Libc.SOCK_STREAM));
                    case "websocket" -> upgraded(new Wire.Plain(Wire.connect(address, Libc.SOCK_STREAM)));
                    default -> throw new LoadException("no kind " + kind);
                };
        Libc.setNonBlocking(wire.fd());
        epoll.add(wire.fd(), Epoll.IN, key);
        return wire;
    }

    /** Asks for the WebSocket protocol over a wire that still blocks. */
    private static Wire upgraded(Wire wire) {
        byte[] request = """
                GET / HTTP/1.1\r
                Host: 127.0.0.1\r
                Upgrade: websocket\r
                Connection: Upgrade\r
                Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r
                Sec-WebSocket-Version: 13\r
                \r
                """.getBytes(StandardCharsets.US_ASCII);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocate(4096);
            memory.copyFrom(MemorySegment.ofArray(request));
            wire.send(memory.address(), request.length);
            StringBuilder reply = new StringBuilder();
            while (reply.indexOf("\r\n\r\n") < 0) {
                int count = (int) wire.receive(memory.address(), memory.byteSize());
                if (count <= 0) {
                    throw new LoadException("the server closed instead of upgrading to WebSocket");
                }
                byte[] bytes = memory.asSlice(0, count).toArray(JAVA_BYTE);
                reply.append(new String(bytes, StandardCharsets.US_ASCII));
            }
            if (!reply.toString().startsWith("HTTP/1.1 101 ")) {
                throw new LoadException(
                        "not upgraded to WebSocket: " + reply.substring(0, Math.min(40, reply.length())));
            }
            return wire;
        }
    }

    /** Asks and checks until the window ends. */
    void run(Window window) {
        for (Connection connection : connections) {
            ask(connection, System.nanoTime());
        }
        long progressAt = System.nanoTime();
        long progress = 0;
        while (true) {
            int count = epoll.await(WAIT_MILLIS);
            long now = System.nanoTime();
            if (!window.tick(now)) {
                return;
            }
            if (replies != progress) {
                progress = replies;
                progressAt = now;
            } else if (now - progressAt > STALLED_NANOS) {
                throw new LoadException(
                        "the server has answered nothing for 10 seconds, after " + replies + " replies");
            }
            for (int i = 0; i < count; i++) {
                Connection connection = connections.get(epoll.key(i));
                int ready = epoll.ready(i);
                if ((ready & Epoll.OUT) != 0) {
                    send(connection);
                }
                if ((ready & ~Epoll.OUT) != 0) {
                    receive(connection, window);
                }
            }
            if (datagrams && count < connections.size()) {
                askAgain(now, window);
            }
        }
    }

    private void ask(Connection connection, long now) {
        connection.exchange.next(stamp++);
        connection.sent = 0;
        connection.sentAt = now;
        send(connection);
    }

    private void send(Connection connection) {
        Exchange exchange = connection.exchange;
        while (connection.sent < exchange.requestLength()) {
            long count = connection.wire.send(
                    exchange.request() + connection.sent, exchange.requestLength() - connection.sent);
            if (count == -Libc.EAGAIN) {
                waitToSend(connection, true);
                return;
            }
            connection.sent += Libc.orThrow("send", (int) count);
        }
        waitToSend(connection, false);
    }

    private void waitToSend(Connection connection, boolean wait) {
        if (connection.waitsToSend != wait) {
            connection.waitsToSend = wait;
            epoll.modify(connection.wire.fd(), wait ? Epoll.IN | Epoll.OUT : Epoll.IN, connection.key);
        }
    }

    private void receive(Connection connection, Window window) {
        Wire wire = connection.wire;
        long count;
        do {
            count = wire.receive(buffer.address(), BUFFER);
            if (count == -Libc.EAGAIN) {
                return;
            }
            if (Libc.orThrow("recv", (int) count) == 0) {
                throw new LoadException("the server closed a connection, after " + replies + " replies");
            }
            if (connection.exchange.accept(buffer, (int) count)) {
                long now = System.nanoTime();
                window.record(now - connection.sentAt);
                replies++;
                ask(connection, now);
                return;
            }
        } while (count == BUFFER || wire.holdsBytes());
    }

    /** Datagrams may be dropped: what is overdue counts as lost, and a new socket asks, which no late reply finds. */
    private void askAgain(long now, Window window) {
        for (Connection connection : connections) {
            if (now - connection.sentAt > DATAGRAM_LOST_NANOS) {
                window.recordLost();
                connection.wire.close();
                connection.wire = open(connection.key);
                ask(connection, now);
            }
        }
    }

    @Override
    public void close() {
        for (Connection connection : connections) {
            connection.wire.close();
        }
        epoll.close();
        arena.close();
    }
}
