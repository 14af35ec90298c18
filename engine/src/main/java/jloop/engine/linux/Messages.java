package jloop.engine.linux;

/**
 * Datagrams with their addresses, one or many in a call. Every result is not negative, or {@code -errno}. None blocks:
 * {@code MSG_DONTWAIT} is set although descriptors are non-blocking, since many messages would be waited for together.
 *
 * <pre>{@code
 * struct mmsghdr {
 *     struct msghdr msg_hdr;   //  0, see Sockets
 *     unsigned int  msg_len;   // 56: bytes received or sent
 * };   // size 64
 * }</pre>
 *
 * Source: recvmmsg(2), sendmmsg(2).
 */
public final class Messages {
    public static final int MMSGHDR_SIZE = 64;

    public static final int MSG_NAME = 0;
    public static final int MSG_NAMELEN = 8;
    public static final int MSG_LEN = Sockets.MSGHDR_SIZE;

    private static final int MSG_DONTWAIT = 0x40; // bits/socket.h
    private static final int MSG_NOSIGNAL = 0x4000;

    /**
     * Ancillary data that makes the kernel cut one message into datagrams of a size, the last may be shorter: one way
     * through the network stack for all of them. Since Linux 4.18; earlier ones ignore it and send one datagram.
     *
     * <pre>{@code
     * struct cmsghdr { size_t cmsg_len; int cmsg_level; int cmsg_type; };   // size 16, then the data: uint16_t
     * }</pre>
     *
     * Source: udp(7), UDP_SEGMENT.
     */
    public static final int SEGMENT_CONTROL_SIZE = 24; // CMSG_SPACE(2)

    /** {@code UDP_MAX_SEGMENTS} of linux/udp.h, which was 64 first. */
    public static final int MAX_SEGMENTS = 64;

    private static final int SEGMENT_CONTROL_LENGTH = 18; // CMSG_LEN(2)
    private static final int SOL_UDP = 17;
    private static final int UDP_SEGMENT = 103; // linux/udp.h

    private static final long recvmmsg = Native.symbol("recvmmsg");
    private static final long sendmmsg = Native.symbol("sendmmsg");
    private static final long sendto = Native.symbol("sendto");
    private static final long getsockopt = Native.symbol("getsockopt");

    private Messages() {}

    /**
     * {@code int recvmmsg(int sockfd, struct mmsghdr *msgvec, unsigned int vlen, int flags, struct timespec *timeout)}
     * without a timeout: how many messages there were. An error after the first is kept for the next call.
     */
    public static int receive(CallState state, int fd, long vector, int count) {
        return state.callInt(recvmmsg, fd, vector, count, MSG_DONTWAIT);
    }

    /**
     * {@code int sendmmsg(int sockfd, struct mmsghdr *msgvec, unsigned int vlen, int flags)}: how many messages were
     * sent. One that fails ends the call; it is the error only where it comes first.
     */
    public static int send(CallState state, int fd, long vector, int count) {
        return state.callInt(sendmmsg, fd, vector, count, MSG_DONTWAIT | MSG_NOSIGNAL);
    }

    /**
     * {@code ssize_t sendto(int sockfd, const void *buf, size_t len, int flags, const struct sockaddr *dest_addr,
     * socklen_t addrlen)}: bytes sent. Without a name, 0 and 0, it goes to the connected peer.
     */
    public static long sendTo(CallState state, int fd, long buffer, long length, long name, int nameLength) {
        return state.call(sendto, fd, buffer, length, MSG_DONTWAIT | MSG_NOSIGNAL, name, nameLength);
    }

    /** Writes the control data that cuts a message into datagrams of {@code size} bytes, to {@link #SEGMENT_CONTROL_SIZE} bytes. */
    public static void putSegmentControl(long control, int size) {
        Memory.putLong(control, SEGMENT_CONTROL_LENGTH);
        Memory.putInt(control + 8, SOL_UDP);
        Memory.putInt(control + 12, UDP_SEGMENT);
        Memory.putLong(control + 16, size);
    }

    /**
     * {@code int getsockopt(int sockfd, int level, int optname, void *optval, socklen_t *optlen)} of {@code UDP_SEGMENT}:
     * the size into which the socket cuts every message, 0 for not at all; negative where this kernel or socket cannot.
     *
     * @param scratch address of 8 bytes
     */
    public static int segmentSize(CallState state, int fd, long scratch) {
        Memory.putInt(scratch, 0);
        Memory.putInt(scratch + 4, Integer.BYTES);
        int result;
        result = state.callInt(getsockopt, fd, SOL_UDP, UDP_SEGMENT, scratch, scratch + 4);
        return result < 0 ? result : Memory.getInt(scratch);
    }
}
