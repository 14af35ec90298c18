package jloop.bench.load;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * A {@code struct sockaddr} that lives as long as the process.
 *
 * <pre>{@code
 * struct sockaddr_in { sa_family_t sin_family; in_port_t sin_port; struct in_addr sin_addr; };   // 16 bytes, padded
 * struct sockaddr_un { sa_family_t sun_family; char sun_path[108]; };
 * }</pre>
 *
 * @param family {@code AF_INET} or {@code AF_UNIX}
 * @param memory address of the struct
 * @param length its size in bytes
 */
record SocketAddress(int family, long memory, int length) {
    /** Reads {@code 127.0.0.1:4000} or {@code unix:/path}. Loopback only: this program is pointed at nothing else. */
    static SocketAddress parse(String text) {
        if (text.startsWith("unix:")) {
            return unix(text.substring(5));
        }
        int colon = text.lastIndexOf(':');
        return inet(text.substring(0, colon), Integer.parseInt(text.substring(colon + 1)));
    }

    static SocketAddress inet(String host, int port) {
        String[] parts = host.split("\\.");
        if (parts.length != 4 || !parts[0].equals("127")) {
            throw new LoadException("not an IPv4 loopback address: " + host);
        }
        MemorySegment struct = Arena.global().allocate(16, 8);
        struct.set(JAVA_SHORT, 0, (short) Libc.AF_INET);
        struct.set(JAVA_BYTE, 2, (byte) (port >> 8));
        struct.set(JAVA_BYTE, 3, (byte) port);
        for (int i = 0; i < 4; i++) {
            struct.set(JAVA_BYTE, 4 + i, (byte) Integer.parseInt(parts[i]));
        }
        return new SocketAddress(Libc.AF_INET, struct.address(), 16);
    }

    private static SocketAddress unix(String path) {
        MemorySegment struct = Arena.global().allocate(110, 8);
        struct.set(JAVA_SHORT, 0, (short) Libc.AF_UNIX);
        if (path.length() > 107) {
            throw new LoadException("longer than 107 bytes: " + path);
        }
        struct.setString(2, path);
        return new SocketAddress(Libc.AF_UNIX, struct.address(), 110);
    }
}
