package jloop.engine.linux;

/** Socket calls of {@code socket(7)}. Every result is not negative, or {@code -errno}. None blocks: descriptors are non-blocking. */
public final class Sockets {
    private static final int MSG_NOSIGNAL = 0x4000; // bits/socket.h
    private static final int MSG_DONTWAIT = 0x40; // bits/socket.h

    /**
     * <pre>{@code
     * struct msghdr {
     *     void         *msg_name;        //  0
     *     socklen_t     msg_namelen;     //  8
     *     struct iovec *msg_iov;         // 16
     *     size_t        msg_iovlen;      // 24
     *     void         *msg_control;     // 32
     *     size_t        msg_controllen;  // 40
     *     int           msg_flags;       // 48
     * };   // size 56
     * struct iovec { void *iov_base; size_t iov_len; };   // size 16
     * }</pre>
     */
    public static final int MSGHDR_SIZE = 56;

    public static final int MSG_IOV = 16;
    public static final int MSG_IOVLEN = 24;
    public static final int MSG_CONTROL = 32;
    public static final int MSG_CONTROLLEN = 40;
    public static final int IOVEC_SIZE = 16;

    private static final int SOL_SOCKET = 1; // asm-generic/socket.h
    private static final int SO_PROTOCOL = 38;
    private static final int SO_MEMINFO = 55;
    private static final int MEMINFO_WMEM_ALLOC = 8; // bytes; linux/sock_diag.h
    private static final int MEMINFO_SNDBUF = 12;
    private static final int MEMINFO_WMEM_QUEUED = 20;
    private static final int MEMINFO_SIZE = 36;

    private static final int SOCK_NONBLOCK_CLOEXEC = 0x800 | 0x80000; // bits/socket_type.h

    private static final int SOCK_STREAM = 1; // bits/socket_type.h
    private static final int IPPROTO_TCP = 6; // netinet/in.h
    private static final int TCP_NODELAY = 1; // netinet/tcp.h
    /** An {@code int} that is 1. */
    private static final long ON = Memory.allocateForever(Integer.BYTES);

    private static final long accept4 = Native.symbol("accept4");
    private static final long socket = Native.symbol("socket");
    private static final long connect = Native.symbol("connect");
    private static final long getsockname = Native.symbol("getsockname");
    private static final long getpeername = Native.symbol("getpeername");
    private static final long getsockopt = Native.symbol("getsockopt");
    private static final long setsockopt = Native.symbol("setsockopt");
    private static final long recv = Native.symbol("recv");
    private static final long send = Native.symbol("send");
    private static final long sendmsg = Native.symbol("sendmsg");

    static {
        Memory.putInt(ON, 1);
    }

    private Sockets() {}

    /** {@code int socket(int domain, int type, int protocol)} for a stream, non-blocking and closed on exec: a descriptor. */
    public static int openStream(CallState state, int family, int protocol) {
        return state.callInt(socket, family, SOCK_STREAM | SOCK_NONBLOCK_CLOEXEC, protocol, 0);
    }

    /** {@code int connect(int sockfd, const struct sockaddr *addr, socklen_t addrlen)}. */
    public static int connect(CallState state, int fd, long name, int length) {
        return state.callInt(connect, fd, name, length, 0);
    }

    /** {@code int getsockname(int sockfd, struct sockaddr *addr, socklen_t *addrlen)}; memory as for {@link #accept}. */
    public static int localName(CallState state, int fd, long name, long length) {
        return state.callInt(getsockname, fd, name, length, 0);
    }

    /** {@code int getpeername(int sockfd, struct sockaddr *addr, socklen_t *addrlen)}; memory as for {@link #accept}. */
    public static int peerName(CallState state, int fd, long name, long length) {
        return state.callInt(getpeername, fd, name, length, 0);
    }

    /**
     * {@code int setsockopt(int sockfd, int level, int optname, const void *optval, socklen_t optlen)}: what is written to
     * a TCP socket is sent at once ({@code TCP_NODELAY}).
     */
    public static int setNoDelay(CallState state, int fd) {
        return state.callInt(setsockopt, fd, IPPROTO_TCP, TCP_NODELAY, ON, Integer.BYTES);
    }

    /**
     * {@code int getsockopt(int sockfd, int level, int optname, void *optval, socklen_t *optlen)} with {@code SO_MEMINFO}
     * (Linux 4.12), which gives {@code u32[SK_MEMINFO_VARS]} of linux/sock_diag.h: bytes that the send buffer has room for,
     * as the kernel counts them, or {@code -errno}.
     *
     * @param scratch address of 40 bytes
     */
    public static long sendRoom(CallState state, int fd, long scratch) {
        long length = scratch + MEMINFO_SIZE;
        Memory.putInt(length, MEMINFO_SIZE);
        int result = state.callInt(getsockopt, fd, SOL_SOCKET, SO_MEMINFO, scratch, length);
        if (result < 0) {
            return result;
        }
        // of TCP what is queued counts, of others what is under way
        int used = Math.max(Memory.getInt(scratch + MEMINFO_WMEM_QUEUED), Memory.getInt(scratch + MEMINFO_WMEM_ALLOC));
        return (long) Memory.getInt(scratch + MEMINFO_SNDBUF) - used;
    }

    /**
     * {@code int getsockopt(int sockfd, int level, int optname, void *optval, socklen_t *optlen)} with {@code SO_PROTOCOL}:
     * whether this is a connection of TCP.
     *
     * @param scratch address of 8 bytes
     */
    public static boolean isTcp(CallState state, int fd, long scratch) {
        long length = scratch + Integer.BYTES;
        Memory.putInt(length, Integer.BYTES);
        return state.callInt(getsockopt, fd, SOL_SOCKET, SO_PROTOCOL, scratch, length) == 0
                && Memory.getInt(scratch) == IPPROTO_TCP;
    }

    /**
     * {@code int accept4(int sockfd, struct sockaddr *addr, socklen_t *addrlen, int flags)} with {@code SOCK_NONBLOCK} and
     * {@code SOCK_CLOEXEC}: a descriptor. {@code name} has {@link Addresses#STORAGE_SIZE} bytes; {@code length} is that of
     * an {@code int}, filled before and after.
     */
    public static int accept(CallState state, int fd, long name, long length) {
        return state.callInt(accept4, fd, name, length, SOCK_NONBLOCK_CLOEXEC);
    }

    /** {@code ssize_t recv(int sockfd, void *buf, size_t len, int flags)}: bytes received, 0 at end of file. */
    public static long recv(CallState state, int fd, long buffer, long length) {
        return state.call(recv, fd, buffer, length);
    }

    /** As {@link #recv}, with {@code MSG_DONTWAIT}: for descriptors that others may have made blocking. */
    public static long recvNow(CallState state, int fd, long buffer, long length) {
        return state.call(recv, fd, buffer, length, MSG_DONTWAIT);
    }

    /** As {@link #send}, with {@code MSG_DONTWAIT}: for descriptors that others may have made blocking. */
    public static long sendNow(CallState state, int fd, long buffer, long length) {
        return state.call(send, fd, buffer, length, MSG_NOSIGNAL | MSG_DONTWAIT);
    }

    /** {@code ssize_t send(int sockfd, const void *buf, size_t len, int flags)} with {@code MSG_NOSIGNAL}: bytes sent. */
    public static long send(CallState state, int fd, long buffer, long length) {
        return state.call(send, fd, buffer, length, MSG_NOSIGNAL);
    }

    /** {@code ssize_t sendmsg(int sockfd, const struct msghdr *msg, int flags)} with {@code MSG_NOSIGNAL}: bytes sent. */
    public static long sendmsg(CallState state, int fd, long msghdr) {
        return state.call(sendmsg, fd, msghdr, MSG_NOSIGNAL);
    }
}
