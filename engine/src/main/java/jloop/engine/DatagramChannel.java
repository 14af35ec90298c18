package jloop.engine;

import jloop.engine.linux.Addresses;
import jloop.engine.linux.Errno;
import jloop.engine.linux.Messages;

/**
 * A datagram socket, connected or not: receives in batches when the poller says so, and sends in batches what was
 * queued.
 *
 * <p>The subclass is the listener: it is told of datagrams, errors and the fate of what it sent. {@link Channel} says
 * when and where. A datagram that was received is delivered even where the listener stops reading in the middle of a
 * batch: the rest waits until it reads again.
 */
public abstract class DatagramChannel extends Channel {
    /** Bytes of the largest datagram: of Unix sockets, asyncio's {@code max_size}; of the internet, what a length of 16 bits says. */
    private static final int MAX_UNIX = 256 * 1024;

    private static final int MAX_INTERNET = 64 * 1024;

    /** Bytes of datagrams that one message can be cut into: 65,535 less the largest headers. */
    private static final int MAX_SEGMENTED = 65_000;

    // whether runs of datagrams go as one message that the kernel cuts
    private static final byte UNKNOWN = 0;
    private static final byte ALWAYS = 1;
    private static final byte NEVER = 2;

    private final DatagramQueue queue = new DatagramQueue();
    private final int datagramSize;
    /** What each queued datagram counts besides its bytes. */
    private final int overhead;

    private byte segmentation;
    /** The first message of the last call was to be cut. */
    private boolean segmented;
    /** Received and not yet delivered, or null. */
    private DatagramBatch unread;
    /** The kernel took less than there was: waits for {@link #WRITE}. */
    private boolean blocked;
    /** Size above which {@link #send} sends at once and reports {@link #aboveHighWater}. */
    private long highWater = 64 * 1024;

    /**
     * @param family of the socket, {@code AF_…}
     * @param overhead bytes that each queued datagram counts for flow control besides its own
     */
    protected DatagramChannel(EventLoop loop, int fd, long record, int family, int overhead) {
        super(loop, fd, record);
        this.datagramSize = family == Addresses.AF_UNIX ? MAX_UNIX : MAX_INTERNET;
        this.overhead = overhead;
        this.segmentation = family == Addresses.AF_UNIX ? NEVER : UNKNOWN;
    }

    // ---- what the listener is told and asked

    /**
     * A datagram of {@code length} bytes, maybe none, at {@code address}; it came from the {@code nameLength} bytes at
     * {@code name}, none if the sender has no name. Both are the loop's and hold until the listener calls anything. The
     * byte after the name may be written.
     */
    protected abstract void received(long address, long length, long name, int nameLength);

    /** Receiving failed with {@code errno}: mostly what became of something sent before. */
    protected abstract void receiveFailed(int errno);

    /** One datagram could not be sent, for {@code errno}, and is dropped; others go on. */
    protected abstract void sendFailed(int errno);

    /** Sends the first datagram that {@link #queueForHost} stands for. Returns whether that is done, false if the kernel takes none now. */
    protected abstract boolean sendByHost();

    /** More than the high-water mark is queued and the kernel takes no more now. */
    protected abstract void aboveHighWater();

    /** The kernel took datagrams of a queue that had been blocked; {@link #queuedSize} is left. */
    protected abstract void drained();

    /** The datagram given to {@link #send} is sent or dropped: its memory is the owner's again. Runs no code of the host's. */
    protected abstract void releaseOwner(long owner);

    // ---- receiving

    @Override
    public final int startReading() {
        int result = super.startReading();
        if (result == 0 && unread != null) {
            loop.ready().add(EventLoop.eventEntry(this, false));
        }
        return result;
    }

    @Override
    final void readable() {
        if (isReading() && (unread != null || receive())) {
            deliver();
        }
    }

    /** Receives a batch. Returns false if there is none. */
    private boolean receive() {
        DatagramBatch batch = loop.memory().takeBatch(datagramSize);
        int result = isGone() ? -Errno.EBADF : batch.receive(loop.state(), fd);
        if (result == 0) {
            unread = batch;
            return true;
        }
        loop.memory().giveBatch(batch);
        if (result != -Errno.EAGAIN && result != -Errno.EINTR) {
            receiveFailed(-result);
        }
        return false;
    }

    /** Hands out the batch. The listener may stop reading, detach the channel, or run the loop inside of itself. */
    private void deliver() {
        while (unread != null) {
            DatagramBatch batch = unread;
            if (batch.isEmpty()) {
                dropUnread();
                return;
            }
            if (!isReading()) {
                return;
            }
            if (loop.isLeaving()) {
                loop.ready().add(EventLoop.eventEntry(this, false));
                return;
            }
            int i = batch.take();
            received(batch.buffer(i), batch.length(i), batch.name(i), batch.nameLength(i));
        }
    }

    private void dropUnread() {
        if (unread != null) {
            DatagramBatch batch = unread;
            unread = null;
            loop.memory().giveBatch(batch);
        }
    }

    // ---- sending

    /** Size of what is queued and not yet sent, with the overhead of each; sent as far as the kernel takes it now. */
    public final long queuedSize() {
        flush();
        return size();
    }

    private long size() {
        return queue.bytes() + (long) queue.count() * overhead;
    }

    /** Sets the size in bytes above which {@link #send} reports {@link #aboveHighWater}. */
    public final void setHighWater(long bytes) {
        highWater = bytes;
    }

    /**
     * Sends a datagram of {@code length} bytes at {@code address}; they must not change until {@link #releaseOwner} is
     * called with {@code owner}. The first one of an iteration leaves at once, and the peer can begin with it; more
     * of them leave together at its end, or before where a call's worth is queued or the queue is
     * above the high-water mark.
     *
     * @param owner not 0
     * @param name where it goes; null for the connected peer
     */
    public final void send(long address, long length, long owner, SocketName name) {
        queue.add(address, length, owner, name);
        if (!blocked && (!queued || queue.count() >= IoMemory.MAX_MESSAGES || size() > highWater)) {
            flush();
        }
        if (!queued) {
            loop.written(this);
        }
        if (size() > highWater) {
            aboveHighWater();
        }
    }

    /**
     * Queues a datagram of {@code length} bytes that only the host can send: {@link #sendByHost} is called in its turn.
     * The host has found that the kernel takes none now, or {@link #queuedSize} is not 0.
     */
    public final void queueForHost(long length) {
        queue.add(0, length, 0, null);
        if (!blocked) {
            block();
        }
        if (size() > highWater) {
            aboveHighWater();
        }
    }

    @Override
    public final void flush() {
        while (!blocked && !queue.isEmpty()) {
            if (queue.owner(0) == 0) {
                long length = queue.length(0);
                queue.removeFirst();
                if (!sendByHost()) {
                    queue.addFirst(0, length, 0, null);
                    if (!block()) {
                        return;
                    }
                }
                continue;
            }
            int sent = sendFirst();
            if (sent >= 0) {
                for (int i = 0; i < sent; i++) {
                    releaseOwner(queue.removeFirst());
                }
            } else if (sent == -Errno.EAGAIN) {
                if (!block()) {
                    return;
                }
            } else if (sent != -Errno.EINTR && !wasSegmentation(sent)) {
                releaseOwner(queue.removeFirst());
                sendFailed(-sent);
            }
        }
    }

    /** Offers the kernel what one call takes. Returns how many datagrams went, at least one, or {@code -errno} of the first. */
    private int sendFirst() {
        segmented = false;
        if (isGone()) {
            return -Errno.EBADF;
        }
        MessageVector messages = loop.memory().messages();
        int end = Math.min(queue.count(), messages.capacity);
        if (end > 1) {
            if (segmentation == UNKNOWN) {
                segmentation = canSegment(messages) ? ALWAYS : NEVER;
            }
            int count = gather(messages, end);
            if (messages.bufferCount(0) > 1 || count > 1) {
                segmented = messages.bufferCount(0) > 1;
                int sent = Messages.send(loop.state(), fd, messages.address, count);
                int datagrams = 0;
                for (int i = 0; i < sent; i++) {
                    datagrams += messages.bufferCount(i);
                }
                return sent < 0 ? sent : datagrams;
            }
        }
        SocketName name = queue.name(0);
        if (name != null) {
            name.copyTo(messages.name(0));
        }
        long sent = Messages.sendTo(
                loop.state(),
                fd,
                queue.address(0),
                queue.length(0),
                name == null ? 0 : messages.name(0),
                name == null ? 0 : name.length());
        return sent < 0 ? (int) sent : 1;
    }

    /** Makes messages of the first datagrams, {@code end} at most, up to one of the host's; returns how many messages. */
    private int gather(MessageVector messages, int end) {
        int count = 0;
        int next = 0;
        while (next < end && queue.owner(next) != 0) {
            int first = next;
            int after = endOfRun(first, end);
            for (; next < after; next++) {
                messages.setBuffer(next, queue.address(next), queue.length(next));
            }
            messages.setBuffers(count, first, next - first);
            messages.setSegmentSize(count, after - first > 1 ? (int) queue.length(first) : 0);
            messages.setDestination(count, queue.name(first));
            count++;
        }
        return count;
    }

    /** After the datagrams that can go in one message with {@code first}: same peer, same length, but the last may be shorter. */
    private int endOfRun(int first, int end) {
        int next = first + 1;
        long length = queue.length(first);
        if (segmentation == NEVER || length == 0) {
            return next;
        }
        SocketName name = queue.name(first);
        long total = length;
        while (next < end && next - first < Messages.MAX_SEGMENTS) {
            long nextLength = queue.length(next);
            total += nextLength;
            if (queue.owner(next) == 0
                    || queue.name(next) != name
                    || nextLength == 0
                    || nextLength > length
                    || total > MAX_SEGMENTED) {
                break;
            }
            next++;
            if (nextLength < length) {
                break;
            }
        }
        return next;
    }

    /** Not where the program set a size of its own: then each message is what it says. */
    private boolean canSegment(MessageVector messages) {
        return Messages.segmentSize(loop.state(), fd, messages.name(0)) == 0;
    }

    /**
     * Whether {@code sent} says that the kernel cannot cut the first message here, and not that it cannot send: a size
     * above the path's MTU, a device or protocol without checksums. Then every datagram goes by itself from now on.
     */
    private boolean wasSegmentation(int sent) {
        boolean was = segmented
                && (sent == -Errno.EINVAL
                        || sent == -Errno.EMSGSIZE
                        || sent == -Errno.EIO
                        || sent == -Errno.EOPNOTSUPP);
        if (was) {
            segmentation = NEVER;
        }
        return was;
    }

    /** Waits until the kernel takes more. Returns false if the poller cannot: then the next call of {@link #send} tries again. */
    private boolean block() {
        int result = loop.setInterest(this, interest | WRITE);
        blocked = result == 0;
        if (!blocked) {
            sendFailed(-result);
        }
        return blocked;
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
            blocked = false;
            loop.setInterest(this, interest & ~WRITE);
        }
        queued = false;
        for (int i = 0; i < queue.count(); i++) {
            if (queue.owner(i) != 0) {
                releaseOwner(queue.owner(i));
            }
        }
        queue.clear();
    }

    @Override
    public final void detach() {
        discardQueue();
        loop.setInterest(this, 0);
        dropUnread();
    }
}
