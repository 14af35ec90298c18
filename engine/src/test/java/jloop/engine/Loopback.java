package jloop.engine;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jloop.engine.linux.Addresses;
import jloop.engine.linux.Native;

/** Free ports of 127.0.0.1. */
final class Loopback {
    private static final long bind = Native.symbol("bind");
    private static final long getsockname = Native.symbol("getsockname");

    private Loopback() {}

    /** Binds {@code fd} to a free port; returns the address of its {@code struct sockaddr_in}, which lives in {@code arena}. */
    static long bind(Arena arena, int fd) throws Throwable {
        long address = arena.allocate(Addresses.STORAGE_SIZE, 8).address();
        Addresses.putFamily(address, Addresses.AF_INET);
        Addresses.parse(Addresses.AF_INET, arena.allocateFrom("127.0.0.1").address(), address + Addresses.IN_ADDRESS);
        call("bind", Native.call(bind, fd, address, Addresses.IN_SIZE));
        MemorySegment length = arena.allocateFrom(ValueLayout.JAVA_INT, Addresses.IN_SIZE);
        call("getsockname", Native.call(getsockname, fd, address, length.address()));
        return address;
    }

    /** What the call {@code name} returned, if it did not fail. */
    static int call(String name, long result) {
        if ((int) result < 0) {
            throw new IllegalStateException(name);
        }
        return (int) result;
    }
}
