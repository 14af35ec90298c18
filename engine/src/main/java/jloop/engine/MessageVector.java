package jloop.engine;

import java.lang.foreign.Arena;
import jloop.engine.linux.Addresses;
import jloop.engine.linux.Memory;
import jloop.engine.linux.Messages;
import jloop.engine.linux.Sockets;

/** Native {@code struct mmsghdr[capacity]} with as many buffers, and a place for a name and for control data to each message. */
final class MessageVector {
    final int capacity;
    /** Address of the first {@code struct mmsghdr}. */
    final long address;

    private final long iovecs;
    private final long names;
    private final long controls;

    /** Each message has the buffer of its index, until {@link #setBuffers} says otherwise. */
    MessageVector(Arena arena, int capacity) {
        this.capacity = capacity;
        int each = Messages.MMSGHDR_SIZE + Sockets.IOVEC_SIZE + Addresses.STORAGE_SIZE + Messages.SEGMENT_CONTROL_SIZE;
        address = arena.allocate((long) capacity * each, 16).address();
        iovecs = address + (long) capacity * Messages.MMSGHDR_SIZE;
        names = iovecs + (long) capacity * Sockets.IOVEC_SIZE;
        controls = names + (long) capacity * Addresses.STORAGE_SIZE;
        for (int i = 0; i < capacity; i++) {
            setBuffers(i, i, 1);
        }
    }

    private long message(int index) {
        return address + (long) index * Messages.MMSGHDR_SIZE;
    }

    private long iovec(int index) {
        return iovecs + (long) index * Sockets.IOVEC_SIZE;
    }

    /** Address of {@link Addresses#STORAGE_SIZE} bytes. */
    long name(int index) {
        return names + (long) index * Addresses.STORAGE_SIZE;
    }

    /** A buffer: what is sent, or where something is received to. */
    void setBuffer(int index, long buffer, long length) {
        Memory.putLong(iovec(index), buffer);
        Memory.putLong(iovec(index) + 8, length);
    }

    long buffer(int index) {
        return Memory.getLong(iovec(index));
    }

    /** Which buffers a message has. */
    void setBuffers(int index, int first, int count) {
        Memory.putLong(message(index) + Sockets.MSG_IOV, iovec(first));
        Memory.putLong(message(index) + Sockets.MSG_IOVLEN, count);
    }

    /** How many buffers a message has. */
    int bufferCount(int index) {
        return (int) Memory.getLong(message(index) + Sockets.MSG_IOVLEN);
    }

    /** Sends a message to {@code name}, or to the connected peer where that is null. */
    void setDestination(int index, SocketName name) {
        long message = message(index);
        if (name == null) {
            Memory.putLong(message + Messages.MSG_NAME, 0);
            Memory.putInt(message + Messages.MSG_NAMELEN, 0);
        } else {
            name.copyTo(name(index));
            Memory.putLong(message + Messages.MSG_NAME, name(index));
            Memory.putInt(message + Messages.MSG_NAMELEN, name.length());
        }
    }

    /** Has the kernel cut a message into datagrams of {@code size} bytes; 0 leaves it one. */
    void setSegmentSize(int index, int size) {
        long message = message(index);
        if (size == 0) {
            Memory.putLong(message + Sockets.MSG_CONTROLLEN, 0);
            return;
        }
        long control = controls + (long) index * Messages.SEGMENT_CONTROL_SIZE;
        Messages.putSegmentControl(control, size);
        Memory.putLong(message + Sockets.MSG_CONTROL, control);
        Memory.putLong(message + Sockets.MSG_CONTROLLEN, Messages.SEGMENT_CONTROL_SIZE);
    }

    /** Asks for the sender's name with a message; the kernel overwrites this each time. */
    void wantName(int index) {
        Memory.putLong(message(index) + Messages.MSG_NAME, name(index));
        Memory.putInt(message(index) + Messages.MSG_NAMELEN, Addresses.STORAGE_SIZE);
    }

    /** Bytes of the sender's name. */
    int nameLength(int index) {
        return Memory.getInt(message(index) + Messages.MSG_NAMELEN);
    }

    /** Bytes received. */
    int length(int index) {
        return Memory.getInt(message(index) + Messages.MSG_LEN);
    }
}
