package jloop.bench.load;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;

/**
 * The few C library functions that load needs, called straight: what {@code java.nio} adds per call would show beside a
 * server that needs four microseconds per request.
 *
 * <p>Every function returns what C returns, or {@code -errno}. One thread at a time: {@code errno} lands in one place.
 */
final class Libc {
    // errno, asm-generic/errno.h
    static final int EINTR = 4;
    static final int EAGAIN = 11;
    static final int EPROTO = 71;
    static final int EINPROGRESS = 115;

    // socket(2)
    static final int AF_UNIX = 1;
    static final int AF_INET = 2;
    static final int SOCK_STREAM = 1;
    static final int SOCK_DGRAM = 2;
    static final int SOCK_NONBLOCK = 0x800;
    static final int SOCK_CLOEXEC = 0x80000;

    // setsockopt(2); levels and names from asm-generic/socket.h, linux/in.h, linux/tcp.h
    static final int SOL_SOCKET = 1;
    static final int SO_REUSEADDR = 2;
    static final int SO_ERROR = 4;
    static final int IPPROTO_IP = 0;
    static final int IP_BIND_ADDRESS_NO_PORT = 24;
    static final int IPPROTO_TCP = 6;
    static final int TCP_NODELAY = 1;

    static final int MSG_NOSIGNAL = 0x4000;

    // fcntl(2)
    private static final int F_SETFL = 4;
    private static final int O_NONBLOCK = 0x800;

    private static final Linker LINKER = Linker.nativeLinker();
    private static final Linker.Option ERRNO_STATE = Linker.Option.captureCallState("errno");
    private static final MemorySegment STATE = Arena.global().allocate(Linker.Option.captureStateLayout());
    private static final VarHandle ERRNO =
            Linker.Option.captureStateLayout().varHandle(MemoryLayout.PathElement.groupElement("errno"));

    private static final MethodHandle SOCKET = bind("socket", JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT);
    private static final MethodHandle CONNECT = bind("connect", JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_INT);
    private static final MethodHandle BIND = bind("bind", JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_INT);
    private static final MethodHandle LISTEN = bind("listen", JAVA_INT, JAVA_INT, JAVA_INT);
    private static final MethodHandle ACCEPT4 = bind("accept4", JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT);
    private static final MethodHandle GETSOCKNAME = bind("getsockname", JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG);
    private static final MethodHandle SETSOCKOPT =
            bind("setsockopt", JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_INT);
    private static final MethodHandle GETSOCKOPT =
            bind("getsockopt", JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG);
    private static final MethodHandle RECV = bind("recv", JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT);
    private static final MethodHandle SEND = bind("send", JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT);
    private static final MethodHandle SHUTDOWN = bind("shutdown", JAVA_INT, JAVA_INT, JAVA_INT);
    private static final MethodHandle CLOSE = bind("close", JAVA_INT, JAVA_INT);
    private static final MethodHandle FCNTL = LINKER.downcallHandle(
            LINKER.defaultLookup().findOrThrow("fcntl"),
            FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT),
            ERRNO_STATE,
            Linker.Option.firstVariadicArg(2));
    private static final MethodHandle EPOLL_CREATE1 = bind("epoll_create1", JAVA_INT, JAVA_INT);
    private static final MethodHandle EPOLL_CTL = bind("epoll_ctl", JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG);
    private static final MethodHandle EPOLL_WAIT =
            bind("epoll_wait", JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_INT);
    private static final MethodHandle CLOCK_GETTIME = bind("clock_gettime", JAVA_INT, JAVA_INT, JAVA_LONG);
    private static final MethodHandle STRERROR = LINKER.downcallHandle(
            LINKER.defaultLookup().findOrThrow("strerror"),
            FunctionDescriptor.of(
                    ValueLayout.ADDRESS.withTargetLayout(MemoryLayout.sequenceLayout(256, ValueLayout.JAVA_BYTE)),
                    JAVA_INT));

    private Libc() {}

    private static MethodHandle bind(String name, MemoryLayout result, MemoryLayout... arguments) {
        return LINKER.downcallHandle(
                LINKER.defaultLookup().findOrThrow(name), FunctionDescriptor.of(result, arguments), ERRNO_STATE);
    }

    private static int check(int result) {
        return result == -1 ? -(int) ERRNO.get(STATE, 0L) : result;
    }

    private static long check(long result) {
        return result == -1 ? -(int) ERRNO.get(STATE, 0L) : result;
    }

    static int socket(int family, int type) {
        try {
            return check((int) SOCKET.invokeExact(STATE, family, type | SOCK_CLOEXEC, 0));
        } catch (Throwable t) {
            throw new AssertionError(t);
        }
    }

    static int connect(int fd, SocketAddress address) {
        try {
            return check((int) CONNECT.invokeExact(STATE, fd, address.memory(), address.length()));
        } catch (Throwable t) {
            throw new AssertionError(t);
        }
    }

    static int bind(int fd, SocketAddress address) {
        try {
            return check((int) BIND.invokeExact(STATE, fd, address.memory(), address.length()));
        } catch (Throwable t) {
            throw new AssertionError(t);
        }
    }

    static int listen(int fd, int backlog) {
        try {
            return check((int) LISTEN.invokeExact(STATE, fd, backlog));
        } catch (Throwable t) {
            throw new AssertionError(t);
        }
    }

    /** Accepts a non-blocking socket; the peer's address is not asked for. */
    static int accept(int fd) {
        try {
            return check((int) ACCEPT4.invokeExact(STATE, fd, 0L, 0L, SOCK_NONBLOCK | SOCK_CLOEXEC));
        } catch (Throwable t) {
            throw new AssertionError(t);
        }
    }

    /** The port that the IPv4 socket {@code fd} is bound to. */
    static int port(int fd) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment name = arena.allocate(16);
            MemorySegment length = arena.allocateFrom(JAVA_INT, 16);
            orThrow("getsockname", (int) GETSOCKNAME.invokeExact(STATE, fd, name.address(), length.address()));
            return (name.get(ValueLayout.JAVA_BYTE, 2) & 0xff) << 8 | name.get(ValueLayout.JAVA_BYTE, 3) & 0xff;
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable t) {
            throw new AssertionError(t);
        }
    }

    static int setOption(int fd, int level, int name, int value) {
        try (Arena arena = Arena.ofConfined()) {
            long memory = arena.allocateFrom(JAVA_INT, value).address();
            return check((int) SETSOCKOPT.invokeExact(STATE, fd, level, name, memory, 4));
        } catch (Throwable t) {
            throw new AssertionError(t);
        }
    }

    /** The error a non-blocking connect ended with: 0, or an errno. */
    static int pendingError(int fd) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment value = arena.allocate(JAVA_INT);
            MemorySegment length = arena.allocateFrom(JAVA_INT, 4);
            int result =
                    (int) GETSOCKOPT.invokeExact(STATE, fd, SOL_SOCKET, SO_ERROR, value.address(), length.address());
            return check(result) < 0 ? -check(result) : value.get(JAVA_INT, 0);
        } catch (Throwable t) {
            throw new AssertionError(t);
        }
    }

    static void setNonBlocking(int fd) {
        setFlags(fd, O_NONBLOCK);
    }

    static void setBlocking(int fd) {
        setFlags(fd, 0);
    }

    private static void setFlags(int fd, int flags) {
        try {
            orThrow("fcntl", check((int) FCNTL.invokeExact(STATE, fd, F_SETFL, flags)));
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable t) {
            throw new AssertionError(t);
        }
    }

    static long recv(int fd, long memory, long length) {
        try {
            return check((long) RECV.invokeExact(STATE, fd, memory, length, 0));
        } catch (Throwable t) {
            throw new AssertionError(t);
        }
    }

    static long send(int fd, long memory, long length) {
        try {
            return check((long) SEND.invokeExact(STATE, fd, memory, length, MSG_NOSIGNAL));
        } catch (Throwable t) {
            throw new AssertionError(t);
        }
    }

    /** Half-closes: no more will be sent. */
    static int shutdownWrite(int fd) {
        try {
            return check((int) SHUTDOWN.invokeExact(STATE, fd, 1)); // SHUT_WR
        } catch (Throwable t) {
            throw new AssertionError(t);
        }
    }

    static int close(int fd) {
        try {
            return check((int) CLOSE.invokeExact(STATE, fd));
        } catch (Throwable t) {
            throw new AssertionError(t);
        }
    }

    static int epollCreate() {
        try {
            return check((int) EPOLL_CREATE1.invokeExact(STATE, SOCK_CLOEXEC));
        } catch (Throwable t) {
            throw new AssertionError(t);
        }
    }

    static int epollControl(int epoll, int operation, int fd, long event) {
        try {
            return check((int) EPOLL_CTL.invokeExact(STATE, epoll, operation, fd, event));
        } catch (Throwable t) {
            throw new AssertionError(t);
        }
    }

    /** Waits at most {@code timeoutMillis}; the number of events written to {@code events}. */
    static int epollWait(int epoll, long events, int capacity, int timeoutMillis) {
        try {
            return check((int) EPOLL_WAIT.invokeExact(STATE, epoll, events, capacity, timeoutMillis));
        } catch (Throwable t) {
            throw new AssertionError(t);
        }
    }

    /** The time of {@code clock} in nanoseconds, or {@code -errno}; {@code timespec} is 16 bytes of scratch. */
    static long clockNanos(int clock, MemorySegment timespec) {
        try {
            int result = check((int) CLOCK_GETTIME.invokeExact(STATE, clock, timespec.address()));
            return result < 0 ? result : timespec.get(JAVA_LONG, 0) * 1_000_000_000L + timespec.get(JAVA_LONG, 8);
        } catch (Throwable t) {
            throw new AssertionError(t);
        }
    }

    /** {@code result}, unless it is negative: then a {@link LoadException} such as "connect: Connection refused (111)". */
    static int orThrow(String call, int result) {
        if (result < 0) {
            throw new LoadException(call + ": " + message(-result) + " (" + -result + ")");
        }
        return result;
    }

    private static String message(int errno) {
        try {
            return ((MemorySegment) STRERROR.invokeExact(errno)).getString(0);
        } catch (Throwable t) {
            throw new AssertionError(t);
        }
    }
}
