package jloop.cpython;

import jloop.engine.SocketName;
import jloop.engine.linux.Addresses;
import jloop.engine.linux.Memory;

/**
 * The addresses of recent peers, both as the kernel and as Python has them, so that a datagram from a known peer makes
 * no new tuple, and one to a known tuple needs no parsing.
 *
 * <p>Objects are known by identity: each is owned while it is here, so its address cannot become another's, and only
 * exact tuples, strings and numbers come in, which nobody can change. They refer to nothing that could refer back, so the
 * collector need not see them. One instance for each loop; GIL held.
 */
final class Peers {
    /** Places of each table; a power of two. An address has two of them, and the older one goes when both are taken. */
    private static final int SIZE = 2048;

    private static final int MAX_PORT = 0xffff;
    private static final int MAX_FLOWINFO = 0xfffff;
    private static final long MAX_SCOPE_ID = 0xffff_ffffL;
    private static final int MAX_FIELDS = 4;

    /** Where names and texts are built; nothing runs between filling and reading it. */
    private static final long NAME = Memory.allocateForever(Addresses.STORAGE_SIZE);

    private static final long TEXT = Memory.allocateForever(Addresses.TEXT_SIZE);
    private static final long SIZE_OF_TEXT = Memory.allocateForever(Long.BYTES);

    /** A name and its object, an owned reference for each place in a table. */
    private record Peer(SocketName name, long object) {}

    /** By name: what was received. Null until something was, as {@link #byObject}. */
    private Peer[] byName;

    /** By object: what was received, and what was sent to. */
    private Peer[] byObject;

    // ---- from the kernel to Python

    /**
     * The address as Python's {@code socket.recvfrom} gives it: a new reference, or 0 with an error set. The byte after
     * the name is overwritten.
     */
    long object(long name, int length) {
        if (length == 0) {
            return Refs.share(Layout.NONE); // a Unix socket without a name
        }
        if (byName == null) {
            byName = new Peer[SIZE];
        }
        int place = SocketName.hash(name, length) & SIZE - 1;
        Peer peer = byName[place];
        if (peer != null && peer.name.matches(name, length)) {
            return Refs.share(peer.object);
        }
        peer = byName[place ^ 1];
        if (peer != null && peer.name.matches(name, length)) {
            return Refs.share(peer.object);
        }
        SocketName copy = new SocketName(name, length);
        long object = decode(name, length);
        if (object != 0) {
            peer = new Peer(copy, object);
            put(byName, place, peer);
            putByObject(peer); // it is what an answer goes to
        }
        return object;
    }

    /**
     * The address as Python's sockets give it, always a new object: 0 with an error set if there is no memory. The byte
     * after the name is overwritten.
     */
    static long decode(long name, int length) {
        return switch (Addresses.family(name)) {
            case Addresses.AF_INET -> decodeIn(name);
            case Addresses.AF_INET6 -> decodeIn6(name);
            default -> decodeUn(name, length);
        };
    }

    /** {@code (host, port)}. */
    private static long decodeIn(long name) {
        Addresses.format(Addresses.AF_INET, name + Addresses.IN_ADDRESS, TEXT);
        return tuple(2, Text.PyUnicode_FromString(TEXT), Addresses.port(name), 0, 0);
    }

    /** {@code (host, port, flowinfo, scope_id)}. */
    private static long decodeIn6(long name) {
        Addresses.format(Addresses.AF_INET6, name + Addresses.IN6_ADDRESS, TEXT);
        int flowinfo = Integer.reverseBytes(Memory.getInt(name + Addresses.IN6_FLOWINFO));
        int scope = Memory.getInt(name + Addresses.IN6_SCOPE_ID);
        return tuple(
                4,
                Text.PyUnicode_FromString(TEXT),
                Addresses.port(name),
                Integer.toUnsignedLong(flowinfo),
                Integer.toUnsignedLong(scope));
    }

    /** A path, or the {@code bytes} of an abstract name. */
    private static long decodeUn(long name, int length) {
        long path = name + Addresses.UN_PATH;
        int size = length - Addresses.UN_PATH;
        if (size > 0 && Memory.getByte(path) == 0) {
            return CPython.PyBytes_FromStringAndSize(path, size);
        }
        Memory.putByte(name + length, (byte) 0); // a path that fills its place has no end of its own
        return Text.PyUnicode_DecodeFSDefault(path);
    }

    /** The tuple of {@code host}, whose reference it takes, and one or three numbers. */
    private static long tuple(int size, long host, long port, long flowinfo, long scope) {
        if (host == 0) {
            return 0;
        }
        long tuple = CPython.PyTuple_New(size);
        if (tuple == 0) {
            Refs.decref(host);
            return 0;
        }
        long items = tuple + Layout.TUPLE_ITEMS;
        Memory.putLong(items, host);
        boolean failed = false;
        for (int i = 1; i < size; i++) {
            long number = CPython.PyLong_FromLong(i == 1 ? port : i == 2 ? flowinfo : scope);
            Memory.putLong(items + 8L * i, number);
            failed |= number == 0;
        }
        if (failed) {
            Refs.decref(tuple);
            return 0;
        }
        return tuple;
    }

    // ---- from Python to the kernel

    /** The address {@code object} for a socket of {@code family}, or null where Python's own socket must find out. */
    SocketName name(long object, int family) {
        if (byObject == null) {
            byObject = new Peer[SIZE];
        }
        int place = place(object);
        Peer peer = byObject[place];
        if (peer == null || peer.object != object) {
            peer = byObject[place ^ 1];
        }
        if (peer != null && peer.object == object && peer.name.family() == family) {
            return peer.name;
        }
        SocketName name = encode(object, family);
        if (name != null) {
            putByObject(new Peer(name, object));
        }
        return name;
    }

    /** As {@link #name}, without remembering it. */
    static SocketName encode(long object, int family) {
        int length =
                switch (family) {
                    case Addresses.AF_INET -> encodeInternet(object, family, 2);
                    case Addresses.AF_INET6 -> encodeInternet(object, family, MAX_FIELDS);
                    case Addresses.AF_UNIX -> encodeUn(object);
                    default -> 0;
                };
        return length == 0 ? null : new SocketName(NAME, length);
    }

    /** Writes the name of {@code (host, port[, flowinfo[, scope_id]])} to {@link #NAME}; returns its length, or 0. */
    private static int encodeInternet(long tuple, int family, int maxFields) {
        if (Refs.type(tuple) != Layout.TUPLE_TYPE) {
            return 0;
        }
        long size = Memory.getLong(tuple + Layout.OB_SIZE);
        if (size < 2 || size > maxFields) {
            return 0;
        }
        long items = tuple + Layout.TUPLE_ITEMS;
        long port = number(Memory.getLong(items + 8), MAX_PORT);
        long flowinfo = size > 2 ? number(Memory.getLong(items + 16), MAX_FLOWINFO) : 0;
        long scope = size > 3 ? number(Memory.getLong(items + 24), MAX_SCOPE_ID) : 0;
        if (port < 0 || flowinfo < 0 || scope < 0) {
            return 0;
        }
        long host = Memory.getLong(items);
        if (Refs.type(host) != Layout.UNICODE_TYPE) {
            return 0;
        }
        long text = Text.PyUnicode_AsUTF8AndSize(host, SIZE_OF_TEXT);
        if (text == 0) {
            Refs.decref(Errors.take());
            return 0;
        }
        long length = Memory.getLong(SIZE_OF_TEXT);
        for (long i = 0; i < length; i++) {
            if (Memory.getByte(text + i) == 0) { // inet_pton would see what is before it
                return 0;
            }
        }
        clearName();
        boolean in6 = family == Addresses.AF_INET6;
        if (!Addresses.parse(family, text, NAME + (in6 ? Addresses.IN6_ADDRESS : Addresses.IN_ADDRESS))) {
            return 0;
        }
        Addresses.putFamily(NAME, family);
        Addresses.putPort(NAME, (int) port);
        if (!in6) {
            return Addresses.IN_SIZE;
        }
        Memory.putInt(NAME + Addresses.IN6_FLOWINFO, Integer.reverseBytes((int) flowinfo));
        Memory.putInt(NAME + Addresses.IN6_SCOPE_ID, (int) scope);
        return Addresses.IN6_SIZE;
    }

    /** The value of an {@code int} from 0 to {@code max}; -1 for anything else. */
    private static long number(long object, long max) {
        if (Refs.type(object) != Layout.LONG_TYPE) {
            return -1;
        }
        long value = CPython.PyLong_AsLong(object);
        if (value == -1 && CPython.PyErr_Occurred() != 0) {
            Refs.decref(Errors.take());
        }
        return value >= 0 && value <= max ? value : -1;
    }

    /** Writes the name of a path to {@link #NAME}, as Python's {@code getsockaddrarg} does; returns its length, or 0. */
    private static int encodeUn(long object) {
        long bytes;
        if (Refs.type(object) == Layout.UNICODE_TYPE) {
            bytes = Text.PyUnicode_EncodeFSDefault(object);
            if (bytes == 0) {
                Refs.decref(Errors.take());
                return 0;
            }
        } else if (Refs.type(object) == Layout.BYTES_TYPE) {
            bytes = Refs.share(object);
        } else {
            return 0;
        }
        long size = Memory.getLong(bytes + Layout.OB_SIZE);
        boolean fits = size > 0 && size < Addresses.UN_PATH_SIZE;
        int end = 0;
        if (fits) {
            clearName();
            Addresses.putFamily(NAME, Addresses.AF_UNIX);
            Memory.copy(bytes + Layout.BYTES_PAYLOAD, NAME + Addresses.UN_PATH, size);
            end = Memory.getByte(NAME + Addresses.UN_PATH) == 0 ? 0 : 1; // of a path, the NUL belongs to it
        }
        Refs.decref(bytes);
        return fits ? Addresses.UN_PATH + (int) size + end : 0;
    }

    private static void clearName() {
        for (int i = 0; i < Addresses.STORAGE_SIZE; i += Long.BYTES) {
            Memory.putLong(NAME + i, 0);
        }
    }

    // ---- the tables

    /** Objects are 16 bytes apart at least; the multiplication spreads neighbours. */
    private static int place(long object) {
        return (int) ((object >>> 4) * 0x9E3779B97F4A7C15L >>> 40) & SIZE - 1;
    }

    private void putByObject(Peer peer) {
        if (byObject == null) {
            byObject = new Peer[SIZE];
        }
        put(byObject, place(peer.object), peer);
    }

    private static void put(Peer[] table, int place, Peer peer) {
        Peer gone = table[place ^ 1];
        table[place ^ 1] = table[place];
        table[place] = peer;
        Refs.incref(peer.object);
        if (gone != null) {
            Refs.decref(gone.object);
        }
    }

    /** Gives up every reference. */
    void clear() {
        clear(byName);
        clear(byObject);
        byName = null;
        byObject = null;
    }

    private static void clear(Peer[] table) {
        if (table != null) {
            for (Peer peer : table) {
                if (peer != null) {
                    Refs.decref(peer.object);
                }
            }
        }
    }
}
