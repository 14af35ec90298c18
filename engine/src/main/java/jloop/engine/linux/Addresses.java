package jloop.engine.linux;

/**
 * Socket addresses, as memory and as text.
 *
 * <pre>{@code
 * struct sockaddr_in  { sa_family_t sin_family;  in_port_t sin_port;  struct in_addr sin_addr; char sin_zero[8]; };
 *                       // 0                     2                    4                        8: size 16
 * struct sockaddr_in6 { sa_family_t sin6_family; in_port_t sin6_port; uint32_t sin6_flowinfo;
 *                       // 0                     2                    4
 *                       struct in6_addr sin6_addr; uint32_t sin6_scope_id; };
 *                       // 8                       24: size 28
 * struct sockaddr_un  { sa_family_t sun_family;  char sun_path[108]; };
 *                       // 0                     2: size 110
 * }</pre>
 *
 * Ports, addresses and flow information are big-endian. Source: ip(7), ipv6(7), unix(7).
 */
public final class Addresses {
    public static final int AF_UNIX = 1;
    public static final int AF_INET = 2;
    public static final int AF_INET6 = 10;

    public static final int PORT = 2;
    public static final int IN_ADDRESS = 4;
    public static final int IN_SIZE = 16;
    public static final int IN6_FLOWINFO = 4;
    public static final int IN6_ADDRESS = 8;
    public static final int IN6_SCOPE_ID = 24;
    public static final int IN6_SIZE = 28;
    public static final int UN_PATH = 2;
    public static final int UN_PATH_SIZE = 108;

    /** Memory that holds any address: {@code sizeof(struct sockaddr_storage)}. */
    public static final int STORAGE_SIZE = 128;
    /** Memory that holds any address as text: {@code INET6_ADDRSTRLEN}, netinet/in.h. */
    public static final int TEXT_SIZE = 46;

    private static final long inet_pton = Native.symbol("inet_pton");
    private static final long inet_ntop = Native.symbol("inet_ntop");

    private Addresses() {}

    /**
     * {@code int inet_pton(int af, const char *src, void *dst)}: whether {@code text} is a numeric address; if so, it is at
     * {@code address} in 4 or 16 bytes.
     */
    public static boolean parse(int family, long text, long address) {
        return (int) Native.call(inet_pton, family, text, address) == 1;
    }

    /** {@code const char *inet_ntop(int af, const void *src, char *dst, socklen_t size)}: writes {@code TEXT_SIZE} bytes at most to {@code text}. */
    public static void format(int family, long address, long text) {
        Native.call(inet_ntop, family, address, text, TEXT_SIZE);
    }

    /** Whether this is a family whose addresses are known here. */
    public static boolean isKnown(int family) {
        return family == AF_INET || family == AF_INET6 || family == AF_UNIX;
    }

    /** {@code sa_family} of the address at {@code name}. */
    public static int family(long name) {
        return Memory.getByte(name) & 0xff | (Memory.getByte(name + 1) & 0xff) << 8;
    }

    public static void putFamily(long name, int family) {
        Memory.putByte(name, (byte) family);
        Memory.putByte(name + 1, (byte) (family >> 8));
    }

    /** The port of an internet address, of either version. */
    public static int port(long name) {
        return (Memory.getByte(name + PORT) & 0xff) << 8 | Memory.getByte(name + PORT + 1) & 0xff;
    }

    public static void putPort(long name, int port) {
        Memory.putByte(name + PORT, (byte) (port >> 8));
        Memory.putByte(name + PORT + 1, (byte) port);
    }
}
