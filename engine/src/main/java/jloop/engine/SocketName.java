package jloop.engine;

import jloop.engine.linux.Addresses;
import jloop.engine.linux.Memory;

/** The address of a socket as the kernel writes it, a {@code struct sockaddr}, by value. Immutable. */
public final class SocketName {
    private static final int WORD = Long.BYTES;

    /** Its bytes in native order, the last word filled up with zeros. */
    private final long[] words;

    private final int length;

    /** A copy of the {@code length} bytes at {@code address}. */
    public SocketName(long address, int length) {
        this.length = length;
        words = new long[(length + WORD - 1) / WORD];
        for (int i = 0; i < words.length; i++) {
            words[i] = word(address, length, i);
        }
    }

    /** Word {@code index} of a name; reads up to 7 bytes beyond it, as all memory for names allows. */
    private static long word(long address, int length, int index) {
        long word = Memory.getLong(address + (long) index * WORD);
        int rest = length - index * WORD;
        return rest >= WORD ? word : word & (1L << rest * 8) - 1; // little-endian: the first bytes are the low ones
    }

    /** Size in bytes. */
    public int length() {
        return length;
    }

    /** {@code sa_family}. */
    public int family() {
        return (int) words[0] & 0xffff;
    }

    /** Whether this is the internet address {@code 0.0.0.0} or {@code ::}, with any port. */
    public boolean isWildcard() {
        return switch (family()) {
            case Addresses.AF_INET -> words[0] >>> 32 == 0;
            case Addresses.AF_INET6 -> words[1] == 0 && words[2] == 0;
            default -> false;
        };
    }

    /** Writes it to {@code address}, with zeros up to a multiple of 8 bytes; {@link Addresses#STORAGE_SIZE} are enough. */
    public void copyTo(long address) {
        for (int i = 0; i < words.length; i++) {
            Memory.putLong(address + (long) i * WORD, words[i]);
        }
    }

    /** Whether this is the name of {@code length} bytes at {@code address}. */
    public boolean matches(long address, int length) {
        if (length != this.length) {
            return false;
        }
        for (int i = 0; i < words.length; i++) {
            if (words[i] != word(address, length, i)) {
                return false;
            }
        }
        return true;
    }

    /** A hash of the name of {@code length} bytes at {@code address}, with which names that match are found. */
    public static int hash(long address, int length) {
        long hash = length;
        for (int i = 0; i * WORD < length; i++) {
            hash = (hash ^ word(address, length, i)) * 0x9E3779B97F4A7C15L;
            hash ^= hash >>> 32;
        }
        return (int) hash;
    }
}
