package jloop.engine;

import jloop.engine.linux.Addresses;
import jloop.engine.linux.CallState;
import jloop.engine.linux.Errno;
import jloop.engine.linux.Files;
import jloop.engine.linux.Memory;
import jloop.engine.linux.Sockets;

/**
 * Calls on sockets that somebody else owns, each tried once and without waiting.
 *
 * <p>A result is not negative, {@link #WOULD_BLOCK}, or {@code -errno}. Loop thread only, or with the host's lock held.
 */
public final class SocketCalls {
    /** The call would have had to wait; an interrupted one counts as that. */
    public static final long WOULD_BLOCK = Long.MIN_VALUE;

    private final CallState state;
    private final IoMemory memory;

    SocketCalls(CallState state, IoMemory memory) {
        this.state = state;
        this.memory = memory;
    }

    /** Address of {@link #bufferSize} bytes that hold what was received to them until the next call or the loop's next read. */
    public long buffer() {
        return memory.readBuffer();
    }

    /** Size of {@link #buffer} in bytes. */
    public static long bufferSize() {
        return IoMemory.READ_SIZE;
    }

    /** Receives up to {@code length} bytes to {@code address}: how many, 0 at end of file. */
    public long receive(int fd, long address, long length) {
        return result(Sockets.recvNow(state, fd, address, length));
    }

    /** Sends up to {@code length} bytes: how many the kernel took. */
    public long send(int fd, long address, long length) {
        return result(Sockets.sendNow(state, fd, address, length));
    }

    /**
     * Accepts a connection: its descriptor, non-blocking and closed on exec.
     *
     * @param name address of {@link jloop.engine.linux.Addresses#STORAGE_SIZE} bytes, which take the peer's
     * @param length address of an int, which takes its size
     */
    public long accept(int fd, long name, long length) {
        Memory.putInt(length, Addresses.STORAGE_SIZE);
        return result(Sockets.accept(state, fd, name, length));
    }

    /**
     * Begins to connect a new TCP socket, non-blocking and closed on exec, with {@code TCP_NODELAY}: its descriptor.
     *
     * @param protocol of {@code socket(2)}, 0 for the family's own
     * @param name address of a name of {@code length} bytes, an internet address
     */
    public long connect(int family, int protocol, long name, int length) {
        int fd = Sockets.openStream(state, family, protocol);
        if (fd < 0) {
            return fd;
        }
        int result = Sockets.setNoDelay(state, fd);
        if (result == 0) {
            result = Sockets.connect(state, fd, name, length);
        }
        if (result < 0 && result != -Errno.EINPROGRESS && result != -Errno.EINTR) {
            close(fd);
            return result;
        }
        return fd;
    }

    /** How a connection that was begun is getting on: 0 when it is there. */
    public long connected(int fd, long name, int length) {
        int result = Sockets.connect(state, fd, name, length);
        return switch (-result) {
            case Errno.EISCONN -> 0;
            case Errno.EALREADY, Errno.EINPROGRESS, Errno.EINTR -> WOULD_BLOCK;
            default -> result;
        };
    }

    /** Writes the local address of a socket to {@code name}, and its size to {@code length}, as {@link #accept} does; 0. */
    public long localName(int fd, long name, long length) {
        Memory.putInt(length, Addresses.STORAGE_SIZE);
        return Sockets.localName(state, fd, name, length);
    }

    /** As {@link #localName}, of the peer. */
    public long peerName(int fd, long name, long length) {
        Memory.putInt(length, Addresses.STORAGE_SIZE);
        return Sockets.peerName(state, fd, name, length);
    }

    /** Closes a descriptor; 0. */
    public long close(int fd) {
        return Files.close(state, fd);
    }

    private static long result(long result) {
        return result == -Errno.EAGAIN || result == -Errno.EINTR ? WOULD_BLOCK : result;
    }
}
