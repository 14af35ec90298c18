package jloop.bench.load;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;

/**
 * TLS by the system's OpenSSL 3: {@code SSLEngine} would need more processor time per record than the servers under
 * test, and the load would be what is measured. Certificates are not verified.
 */
final class Tls implements Wire {
    // openssl/ssl.h
    private static final int SSL_CTRL_MODE = 33;
    private static final long SSL_MODE_PARTIAL_WRITE_AND_MOVING_BUFFER = 0x1 | 0x2;
    private static final int SSL_CTRL_SET_READ_AHEAD = 41;
    private static final int SSL_ERROR_WANT_READ = 2;
    private static final int SSL_ERROR_WANT_WRITE = 3;
    private static final int SSL_ERROR_SYSCALL = 5;
    private static final int SSL_ERROR_ZERO_RETURN = 6;

    private static final SymbolLookup LIBRARY = SymbolLookup.libraryLookup("libssl.so.3", Arena.global());
    private static final MethodHandle TLS_CLIENT_METHOD = bind("TLS_client_method", JAVA_LONG);
    private static final MethodHandle SSL_CTX_NEW = bind("SSL_CTX_new", JAVA_LONG, JAVA_LONG);
    private static final MethodHandle SSL_CTX_CTRL =
            bind("SSL_CTX_ctrl", JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG);
    private static final MethodHandle SSL_NEW = bind("SSL_new", JAVA_LONG, JAVA_LONG);
    private static final MethodHandle SSL_SET_FD = bind("SSL_set_fd", JAVA_INT, JAVA_LONG, JAVA_INT);
    private static final MethodHandle SSL_CONNECT = bind("SSL_connect", JAVA_INT, JAVA_LONG);
    private static final MethodHandle SSL_READ = bind("SSL_read", JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT);
    private static final MethodHandle SSL_WRITE = bind("SSL_write", JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT);
    private static final MethodHandle SSL_GET_ERROR = bind("SSL_get_error", JAVA_INT, JAVA_LONG, JAVA_INT);
    private static final MethodHandle SSL_SHUTDOWN = bind("SSL_shutdown", JAVA_INT, JAVA_LONG);
    private static final MethodHandle SSL_FREE = bind("SSL_free", JAVA_INT, JAVA_LONG); // void; the result is noise

    /** The {@code SSL_CTX} that all connections share. */
    private static final long CONTEXT = newContext();

    private final int fd;
    private final long ssl;

    /** Shakes hands over the connected, blocking socket {@code fd} and owns it. */
    Tls(int fd) {
        this.fd = fd;
        try {
            ssl = (long) SSL_NEW.invokeExact(CONTEXT);
            if ((int) SSL_SET_FD.invokeExact(ssl, fd) != 1 || (int) SSL_CONNECT.invokeExact(ssl) != 1) {
                Libc.close(fd);
                throw new LoadException("the TLS handshake failed");
            }
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable t) {
            throw new AssertionError(t);
        }
    }

    private static MethodHandle bind(String name, MemoryLayout result, MemoryLayout... arguments) {
        return Linker.nativeLinker()
                .downcallHandle(LIBRARY.findOrThrow(name), FunctionDescriptor.of(result, arguments));
    }

    private static long newContext() {
        try {
            long context = (long) SSL_CTX_NEW.invokeExact((long) TLS_CLIENT_METHOD.invokeExact());
            long ignored = (long)
                    SSL_CTX_CTRL.invokeExact(context, SSL_CTRL_MODE, SSL_MODE_PARTIAL_WRITE_AND_MOVING_BUFFER, 0L);
            // One recv for a record's head and body.
            ignored = (long) SSL_CTX_CTRL.invokeExact(context, SSL_CTRL_SET_READ_AHEAD, 1L, 0L);
            return context;
        } catch (Throwable t) {
            throw new AssertionError(t);
        }
    }

    @Override
    public int fd() {
        return fd;
    }

    @Override
    public long receive(long memory, long length) {
        try {
            int count = (int) SSL_READ.invokeExact(ssl, memory, (int) length);
            return count > 0 ? count : failure(count);
        } catch (Throwable t) {
            throw new AssertionError(t);
        }
    }

    @Override
    public long send(long memory, long length) {
        try {
            int count = (int) SSL_WRITE.invokeExact(ssl, memory, (int) length);
            return count > 0 ? count : failure(count);
        } catch (Throwable t) {
            throw new AssertionError(t);
        }
    }

    /** {@code -EAGAIN} to wait, 0 for the end, {@code -EPROTO} for what cannot be mended. */
    private long failure(int result) throws Throwable {
        return switch ((int) SSL_GET_ERROR.invokeExact(ssl, result)) {
            case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE -> -Libc.EAGAIN;
            case SSL_ERROR_ZERO_RETURN, SSL_ERROR_SYSCALL -> 0;
            default -> -Libc.EPROTO;
        };
    }

    @Override
    public boolean holdsBytes() {
        return true;
    }

    @Override
    public void close() {
        try {
            int ignored = (int) SSL_SHUTDOWN.invokeExact(ssl);
            ignored = (int) SSL_FREE.invokeExact(ssl);
        } catch (Throwable t) {
            throw new AssertionError(t);
        }
        Libc.close(fd);
    }
}
