package jloop.engine;

import jloop.engine.linux.Errno;
import jloop.engine.linux.Memory;
import jloop.engine.linux.Sockets;

/**
 * A connected stream socket: reads when the poller says so, and sends what was written.
 *
 * <p>The subclass is the listener: it gives memory for a read and is told of bytes, end of file, errors and the fate of
 * what it wrote. {@link Channel} says when and where.
 */
public abstract class StreamChannel extends Channel {
    /**
     * Reads of one event at most, while each fills its memory. A sender that waits for room is woken by every read of
     * its full connection: the less often, the less of our time that takes.
     */
    private static final int MAX_READS = 16;

    /**
     * Bytes of one read from which on levels are watched. An edge wakes us for what comes just after a read has emptied the
     * connection; while the poller looks again, more of it comes.
     */
    private static final long MUCH = 32 * 1024;

    private static final long DEFAULT_HIGH_WATER = 64 * 1024;
    /** Bytes in a row after which more are gathered: an answer that someone waits for is seldom so long. */
    private static final long GATHERED_AFTER = 4 << 20;
    /** Bytes of room below which gathering is not worth it. */
    private static final long LEAST_GATHERED = 256 * 1024;

    private final WriteQueue queue = new WriteQueue();
    /** The kernel took less than there was: waits for {@link #WRITE}. */
    private boolean blocked;
    /** Bytes from which {@link #write} sends at once, and above which it reports {@link #aboveHighWater}. */
    private long highWater = DEFAULT_HIGH_WATER;
    /** Bytes sent since the peer last sent something. */
    private long sentInARow;
    /** {@link #EDGE} if the kernel reports edges of this connection, else 0. */
    private int edge;
    /** Bytes that the kernel has room for, which are gathered before they are sent; 0: none are. */
    private long gathered;

    protected StreamChannel(EventLoop loop, int fd, long record) {
        super(loop, fd, record);
        edge = Sockets.isTcp(loop.state(), fd, loop.memory().iovecs()) ? EDGE : 0; // free until they are filled
    }

    // ---- what the listener is asked and told

    /**
     * Memory for the next read: its address, or 0 to skip this one. {@link #readCapacity} tells its size. The default is
     * a buffer that all channels of the loop share; it holds its bytes until the listener returns.
     */
    protected long readAddress() {
        return loop.memory().readBuffer();
    }

    /** Size in bytes of the memory that {@link #readAddress} gave last. */
    protected long readCapacity() {
        return IoMemory.READ_SIZE;
    }

    /** {@code count} bytes, at least one, were read to {@code address}. */
    protected abstract void received(long address, long count);

    /** The peer sends no more. */
    protected abstract void endOfFile();

    /** Reading failed with {@code errno}. */
    protected abstract void readFailed(int errno);

    /** Sending failed with {@code errno}; the queue is empty now. */
    protected abstract void writeFailed(int errno);

    /** More than the high-water mark is queued and the kernel takes no more now. */
    protected abstract void aboveHighWater();

    /** The kernel has taken less than the {@link #write} that runs has given it, and takes no more now. */
    protected abstract void blocked();

    /** The kernel took bytes of a queue that had been blocked; {@link #queuedBytes} are left. */
    protected abstract void drained();

    /** The bytes of a buffer given to {@link #write} are sent or dropped: its memory is the owner's again. */
    protected abstract void releaseOwner(long owner);

    // ---- reading

    /**
     * Starts or resumes reading. Returns 0, or {@code -errno}.
     *
     * <p>Of TCP the kernel reports edges, which saves it a look at each connection that was read empty. A read that gets
     * less than there is memory for has emptied one, unless an end, an error or urgent data follows, of which the kernel
     * tells. Other connections keep what begins another message, or carries a descriptor, for the next read. Where much
     * comes at a time levels are better: {@link #MUCH}.
     */
    @Override
    public final int startReading() {
        return loop.setInterest(this, interest | READ | edge);
    }

    @Override
    final void readable() {
        for (int reads = MAX_READS; reads > 0 && isReading() && !loop.isLeaving(); reads--) {
            if (!readOnce()) {
                return;
            }
        }
        readAgain();
    }

    /**
     * No edge tells of what is left: looks for it in the next iteration, after what the last read has made ready, which may
     * want to write before an end is told of.
     */
    private void readAgain() {
        if (edge == EDGE && isReading()) {
            loop.ready().add(EventLoop.eventEntry(this, false));
        }
    }

    /** Returns whether the read filled all the memory there was for it. */
    private boolean readOnce() {
        long address = readAddress();
        if (address == 0) {
            readAgain();
            return false;
        }
        long capacity = readCapacity();
        long count = isGone() ? -Errno.EBADF : Sockets.recv(loop.state(), fd, address, capacity);
        if (count > 0) {
            sentInARow = 0;
            if (count >= MUCH && edge == EDGE) {
                edge = 0;
                loop.setInterest(this, interest & ~EDGE);
            }
            received(address, count);
            if (endNear && count < capacity) {
                readAgain();
            }
        } else if (count == -Errno.EAGAIN) {
            endNear = false;
            readSkipped();
        } else {
            if (count == 0) {
                endOfFile();
            } else if (count == -Errno.EINTR) {
                readSkipped();
            } else {
                readFailed((int) -count);
            }
            readAgain(); // told again as long as nobody stops reading for it
        }
        return count == capacity;
    }

    /** Nothing was there to read after all: memory from {@link #readAddress} is free again. */
    protected void readSkipped() {}

    // ---- writing

    /** Bytes that are queued and not yet sent, sent as far as the kernel takes them now. */
    public final long queuedBytes() {
        if (!blocked && !queue.isEmpty()) {
            flush();
        }
        return queue.bytes();
    }

    /** Whether bytes are queued that the kernel has refused, or not been offered. */
    public final boolean hasQueued() {
        return !queue.isEmpty();
    }

    /** Sets the mark in bytes from which {@link #write} sends at once, and above which it reports {@link #aboveHighWater}. */
    public final void setHighWater(long bytes) {
        highWater = bytes;
    }

    /**
     * Queues {@code length} bytes at {@code address}; they must not change until {@link #releaseOwner} is called with
     * {@code owner}. They are sent at the end of the iteration, or at once where the queue reaches the high-water mark or
     * the loop does not run. After 4 MiB without a word of the peer's more is gathered than the high-water mark, as far as
     * the kernel has room for it, until the program has nothing else to do, and for a millisecond at most.
     */
    public final void write(long address, long length, long owner) {
        queue.add(address, length, owner);
        if (!blocked) {
            if (queue.bytes() >= highWater && !mayGather()) {
                flush();
                if (blocked) {
                    blocked();
                }
            } else if (!queued) {
                loop.written(this);
            }
        }
        if (blocked && queue.bytes() > highWater) {
            aboveHighWater();
        }
    }

    /**
     * Whether more may come before what is queued is sent: where a program writes and writes, and as much as the kernel has
     * room for, so that nobody sees a difference. A {@code send} that finds the peer asleep wakes it and does the delivering
     * itself: with 64 KiB at a time, to a peer that keeps pace, that costs more than the copying.
     */
    private boolean mayGather() {
        if (gathered == 0 && sentInARow >= GATHERED_AFTER && highWater >= DEFAULT_HIGH_WATER) { // low: keep little
            long room = isGone()
                    ? 0
                    : Sockets.sendRoom(loop.state(), fd, loop.memory().iovecs()); // free until they are filled
            gathered = room < LEAST_GATHERED ? 0 : room - room / 16; // what the kernel counts is more than the bytes
        }
        return gathers();
    }

    @Override
    final boolean gathers() {
        return queue.bytes() < gathered && queue.count() < IoMemory.MAX_IOVECS;
    }

    /**
     * Offers bytes to the kernel at once, without queueing them.
     *
     * @return how many bytes it took, 0 if bytes are queued before them or it takes none, or {@code -errno}
     */
    public final long tryWrite(long address, long length) {
        if (queuedBytes() != 0) {
            return 0;
        }
        long sent = isGone() ? -Errno.EBADF : Sockets.send(loop.state(), fd, address, length);
        return sent == -Errno.EAGAIN || sent == -Errno.EINTR ? 0 : sent;
    }

    @Override
    public final void flush() {
        gathered = 0;
        if (blocked) {
            return;
        }
        while (!queue.isEmpty()) {
            if (isGone()) {
                fail(Errno.EBADF);
                return;
            }
            long offered = queue.count() == 1 ? queue.length(0) : gather();
            long sent = queue.count() == 1
                    ? Sockets.send(loop.state(), fd, queue.address(0), offered)
                    : Sockets.sendmsg(loop.state(), fd, loop.memory().msghdr());
            if (sent < 0) {
                if (sent == -Errno.EINTR) {
                    continue;
                }
                if (sent == -Errno.EAGAIN) {
                    block();
                } else {
                    fail((int) -sent);
                }
                return;
            }
            sentInARow += sent;
            consume(sent);
            if (sent < offered) {
                block();
                return;
            }
        }
    }

    /** Fills the loop's {@code iovec} array from the queue; returns the bytes in it. */
    private long gather() {
        IoMemory memory = loop.memory();
        long msghdr = memory.msghdr();
        long iovec = memory.iovecs();
        int count = Math.min(queue.count(), IoMemory.MAX_IOVECS);
        Memory.putLong(msghdr + Sockets.MSG_IOV, iovec);
        Memory.putLong(msghdr + Sockets.MSG_IOVLEN, count);
        long total = 0;
        for (int i = 0; i < count; i++, iovec += Sockets.IOVEC_SIZE) {
            Memory.putLong(iovec, queue.address(i));
            Memory.putLong(iovec + 8, queue.length(i));
            total += queue.length(i);
        }
        return total;
    }

    private void consume(long sent) {
        long left = sent;
        while (left > 0) {
            long length = queue.length(0);
            if (left < length) {
                queue.advance(left);
                return;
            }
            left -= length;
            releaseOwner(queue.removeFirst());
        }
    }

    private void block() {
        blocked = true;
        int result = loop.setInterest(this, interest | WRITE);
        if (result < 0) {
            fail(-result);
        }
    }

    private void unblock() {
        blocked = false;
        loop.setInterest(this, interest & ~WRITE);
    }

    private void fail(int errno) {
        discardQueue();
        writeFailed(errno);
    }

    @Override
    final void writable() {
        if (!blocked) {
            return;
        }
        blocked = false;
        flush();
        if (!blocked) {
            loop.setInterest(this, interest & ~WRITE);
        }
        drained();
    }

    /** Drops what is queued. */
    public final void discardQueue() {
        if (blocked) {
            unblock();
        }
        queued = false;
        gathered = 0;
        if (!queue.isEmpty()) {
            for (long owner : queue.clear()) {
                releaseOwner(owner);
            }
        }
    }

    @Override
    public final void detach() {
        discardQueue();
        loop.setInterest(this, 0);
    }

    /** What is queued, by position below {@link #queuedCount}: for a collector that looks through. */
    public final long queuedOwner(int index) {
        return queue.owner(index);
    }

    public final int queuedCount() {
        return queue.count();
    }
}
