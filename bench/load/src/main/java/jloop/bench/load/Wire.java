package jloop.bench.load;

/** A connected, non-blocking way to the server: a bare socket or TLS over one. */
interface Wire extends AutoCloseable {
    /** The descriptor to wait on; the wire owns it. */
    int fd();

    /** Reads up to {@code length} bytes to the address {@code memory}: how many, 0 at end of file, or {@code -errno}. */
    long receive(long memory, long length);

    /** Writes up to {@code length} bytes from the address {@code memory}: how many, or {@code -errno}. */
    long send(long memory, long length);

    /** Whether bytes may wait in this process, unseen by epoll, until a read says {@code -EAGAIN}. */
    boolean holdsBytes();

    @Override
    void close();

    /** Opens a blocking socket to {@code address}, which the caller owns. */
    static int connect(SocketAddress address, int type) {
        int fd = Libc.orThrow("socket", Libc.socket(address.family(), type));
        try {
            Libc.orThrow("connect", Libc.connect(fd, address));
            if (address.family() == Libc.AF_INET && type == Libc.SOCK_STREAM) {
                Libc.orThrow("setsockopt", Libc.setOption(fd, Libc.IPPROTO_TCP, Libc.TCP_NODELAY, 1));
            }
            return fd;
        } catch (LoadException e) {
            Libc.close(fd);
            throw e;
        }
    }

    /** A bare stream or datagram socket. */
    record Plain(int fd) implements Wire {
        @Override
        public long receive(long memory, long length) {
            return Libc.recv(fd, memory, length);
        }

        @Override
        public long send(long memory, long length) {
            return Libc.send(fd, memory, length);
        }

        @Override
        public boolean holdsBytes() {
            return false;
        }

        @Override
        public void close() {
            Libc.close(fd);
        }
    }
}
