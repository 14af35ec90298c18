package jloop.bench.load;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Answers every GET with the same 200, for HTTP clients under test. Takes requests one at a time per connection, and
 * each from one read: what a client sends in less than a packet.
 */
final class HttpServer {
    private static final int HIGHEST_FD = 64 * 1024;
    private static final int BACKLOG = 1024;

    private final Epoll epoll = new Epoll();
    private final int listener;
    private final MemorySegment response;
    private final MemorySegment buffer = Arena.global().allocate(64 * 1024);
    // per descriptor, how much of the response still has to go
    private final int[] unsent = new int[HIGHEST_FD];
    private final int requestEnd;

    /** Listens on a free port. Options: {@code size} of the body in bytes. */
    HttpServer(Options options) {
        byte[] body = new byte[options.integer("size", 1024)];
        Arrays.fill(body, (byte) 'x');
        String head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: " + body.length + "\r\n\r\n";
        byte[] start = head.getBytes(StandardCharsets.US_ASCII);
        response = Arena.global().allocate(start.length + body.length);
        MemorySegment.copy(start, 0, response, JAVA_BYTE, 0, start.length);
        MemorySegment.copy(body, 0, response, JAVA_BYTE, start.length, body.length);
        requestEnd = '\r' | '\n' << 8 | '\r' << 16 | '\n' << 24;

        listener = Libc.orThrow("socket", Libc.socket(Libc.AF_INET, Libc.SOCK_STREAM | Libc.SOCK_NONBLOCK));
        Libc.orThrow("bind", Libc.bind(listener, SocketAddress.inet("127.0.0.1", 0)));
        Libc.orThrow("listen", Libc.listen(listener, BACKLOG));
        epoll.add(listener, Epoll.IN, listener);
    }

    int port() {
        return Libc.port(listener);
    }

    /** Serves until the process ends. */
    void run() {
        while (true) {
            int count = epoll.await(-1);
            for (int i = 0; i < count; i++) {
                int fd = epoll.key(i);
                if (fd == listener) {
                    accept();
                } else if ((epoll.ready(i) & Epoll.OUT) != 0) {
                    send(fd);
                } else {
                    receive(fd);
                }
            }
        }
    }

    private void accept() {
        int fd = Libc.accept(listener);
        if (fd >= 0) {
            Libc.setOption(fd, Libc.IPPROTO_TCP, Libc.TCP_NODELAY, 1);
            epoll.add(fd, Epoll.IN, fd);
        }
    }

    private void receive(int fd) {
        long count = Libc.recv(fd, buffer.address(), buffer.byteSize());
        if (count == -Libc.EAGAIN) {
            return;
        }
        if (count < 4 || buffer.get(JAVA_INT_UNALIGNED, count - 4) != requestEnd) {
            Libc.close(fd);
            return;
        }
        unsent[fd] = (int) response.byteSize();
        send(fd);
    }

    private void send(int fd) {
        long sent = Libc.send(fd, response.address() + response.byteSize() - unsent[fd], unsent[fd]);
        if (sent < 0 && sent != -Libc.EAGAIN) {
            Libc.close(fd);
            return;
        }
        unsent[fd] -= (int) Math.max(sent, 0);
        if (unsent[fd] > 0) {
            epoll.modify(fd, Epoll.OUT, fd);
        } else if (sent < response.byteSize()) {
            epoll.modify(fd, Epoll.IN, fd); // it came in pieces, so the interest was changed
        }
    }
}
