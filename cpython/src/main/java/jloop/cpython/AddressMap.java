package jloop.cpython;

/**
 * Finds what Java knows of a Python object, by its address: open addressing with linear probing.
 *
 * <p>GIL held.
 */
final class AddressMap<T> {
    /** Addresses, 0 where a place is free; the length is a power of two and at least twice the number of entries. */
    private long[] keys = new long[16];

    private Object[] values = new Object[16];
    private int size;

    /** Objects are 16 bytes apart at least; the multiplication spreads neighbours. */
    private int place(long key) {
        return (int) ((key >>> 4) * 0x9E3779B97F4A7C15L >>> 40) & (keys.length - 1);
    }

    /** What {@code key} was put with, or null. */
    @SuppressWarnings("unchecked")
    T get(long key) {
        for (int i = place(key); ; i = (i + 1) & (keys.length - 1)) {
            long found = keys[i];
            if (found == key) {
                return (T) values[i];
            }
            if (found == 0) {
                return null;
            }
        }
    }

    void put(long key, T value) {
        if (2 * (size + 1) > keys.length) {
            grow();
        }
        int i = place(key);
        while (keys[i] != 0 && keys[i] != key) {
            i = (i + 1) & (keys.length - 1);
        }
        if (keys[i] == 0) {
            size++;
        }
        keys[i] = key;
        values[i] = value;
    }

    void remove(long key) {
        int mask = keys.length - 1;
        int hole = place(key);
        while (keys[hole] != key) {
            if (keys[hole] == 0) {
                return;
            }
            hole = (hole + 1) & mask;
        }
        size--;
        // Close the gap: move back whatever would no longer be found past it
        for (int i = (hole + 1) & mask; keys[i] != 0; i = (i + 1) & mask) {
            int home = place(keys[i]);
            if (((i - home) & mask) >= ((i - hole) & mask)) {
                keys[hole] = keys[i];
                values[hole] = values[i];
                hole = i;
            }
        }
        keys[hole] = 0;
        values[hole] = null;
    }

    private void grow() {
        long[] oldKeys = keys;
        Object[] oldValues = values;
        keys = new long[oldKeys.length * 2];
        values = new Object[keys.length];
        for (int i = 0; i < oldKeys.length; i++) {
            if (oldKeys[i] != 0) {
                int place = place(oldKeys[i]);
                while (keys[place] != 0) {
                    place = (place + 1) & (keys.length - 1);
                }
                keys[place] = oldKeys[i];
                values[place] = oldValues[i];
            }
        }
    }
}
