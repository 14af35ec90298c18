package jloop.engine;

import jloop.engine.linux.CallState;
import jloop.engine.linux.Errno;

/**
 * Runs what is ready, what is due, and what descriptors ask for, on one thread.
 *
 * <p>An <em>iteration</em> ({@link #runOnce}) polls, queues events and due timers behind what was ready before, and runs
 * exactly what is then in the queue; what these add waits for the next. That is asyncio's order.
 *
 * <p>What callbacks write is sent at the end of the iteration ({@link #written}), or a millisecond later: several writes
 * to one channel leave in one system call, and a peer of many channels is woken once for all, which costs more than the
 * sending.
 *
 * <p>Loop thread only, or with the host's lock held, except {@link #wake}.
 */
public final class EventLoop implements AutoCloseable {
    /** Low bit of a ready entry that is a descriptor's event; the host's own entries have it clear. */
    private static final long EVENT_TAG = 1;

    private static final long WRITE_TAG = 2;
    private static final int FD_SHIFT = 2;
    private static final int FD_MASK = 0x3fff_ffff;
    /**
     * Nanoseconds for which an iteration that has something to run may do without a poll: a chain of short callbacks
     * would else spend a third of its time in {@code epoll_wait}.
     */
    private static final long POLL_INTERVAL = 50_000;
    /** Reading the clock costs 20 ns: where the last iterations took less than {@link #SHORT_ITERATIONS}, this many go without. */
    private static final int UNCLOCKED_ITERATIONS = 3;
    /** Nanoseconds after which what was written waits for no further callback. */
    private static final long SEND_WITHIN = 1_000_000;
    /** Nanoseconds. */
    private static final long SHORT_ITERATIONS = 8_000;

    private final LoopHost host;
    private final CallState state = new CallState();
    private final EpollPoller poller;
    private final BusyPoll busyPoll = new BusyPoll();
    private final Handover handover = new Handover();
    private final Wakeup wakeup;
    private final ReadyQueue ready = new ReadyQueue();
    private final TimerQueue timers;
    private final IoMemory memory = new IoMemory();
    private final SocketCalls sockets = new SocketCalls(state, memory);

    /** Channels with bytes that were written and not yet offered to the kernel. */
    private Channel[] written = new Channel[16];

    private int writtenCount;
    /** {@link System#nanoTime} of the first write that waits. */
    private long firstWritten;
    /** Timers are due by {@link LoopHost#now}. */
    private boolean hostClock;
    /** The host is told of events: {@link #watchEvents}. */
    private boolean watched;

    private boolean running;
    private boolean stopping;
    private boolean closed;
    /** Set by {@link #leave}. */
    private boolean leaving;
    /** Something was sent or registered since the last poll: what it brings about is looked for without delay. */
    private boolean touched;
    /** {@link System#nanoTime} as last read, at the latest some short iterations ago. */
    private long now;
    /** {@link #now} of the last poll. */
    private long lastPoll;
    /** {@link #now} when it was last read instead of polling. */
    private long lastClock;
    /** Iterations to come that do without reading the clock. */
    private int unclocked;
    /** True while the loop's thread may block in the poller; written and read with the host's lock held. */
    private volatile boolean waiting;
    /** The wait under way has been ended; written and read with the host's lock held. */
    private boolean woken;

    public EventLoop(LoopHost host) {
        this.host = host;
        this.timers = new TimerQueue(host);
        this.poller = new EpollPoller(state);
        try {
            this.wakeup = new Wakeup(state);
        } catch (EngineException e) {
            poller.close();
            throw e;
        }
        int result = poller.setInterest(wakeup, Pollable.READ);
        if (result < 0) {
            wakeup.close();
            poller.close();
            throw new EngineException("epoll_ctl", -result);
        }
    }

    public ReadyQueue ready() {
        return ready;
    }

    /** Calls on sockets that are no channel's. */
    public SocketCalls sockets() {
        return sockets;
    }

    public TimerQueue timers() {
        return timers;
    }

    public boolean isRunning() {
        return running;
    }

    public boolean isClosed() {
        return closed;
    }

    /** How many events there were so far. Any thread: not the newest number, but for the loop's own. */
    public long events() {
        return poller.dispatched();
    }

    /** The descriptor of the poller, for diagnostics. */
    public int pollerFd() {
        return poller.fd();
    }

    /** Runs iterations until {@link #stop}, or until the host leaves. Returns false if the host left, or in a forked child. */
    public boolean run() {
        running = true;
        touched = true;
        try {
            do {
                if (!runOnce()) {
                    return false;
                }
            } while (!stopping);
            return true;
        } finally {
            running = false;
            stopping = false;
            if (!Fork.isChild()) { // the parent sends it
                sendWritten(false);
            }
        }
    }

    /** Ends {@link #run} after the iteration that runs, or after the next one if none does. */
    public void stop() {
        stopping = true;
    }

    /** One iteration. Returns false if the host left, or in a forked child. */
    public boolean runOnce() {
        if (!poll() || Fork.isChild()) {
            return false;
        }
        if (!timers.isEmpty()) {
            timers.moveDue(timersNow(), ready);
            if (left()) {
                return false;
            }
        }
        for (int count = ready.size(); count > 0; count--) {
            long entry = ready.take();
            if ((entry & EVENT_TAG) != 0) {
                runEvent(entry);
            } else {
                host.run(entry);
            }
            if (Fork.isChild() || left()) {
                return false;
            }
            if (writtenCount != 0 && System.nanoTime() - firstWritten > SEND_WITHIN) {
                sendWritten(false);
            }
        }
        sendWritten(!ready.isEmpty());
        return true;
    }

    /** Whether {@link #leave} was called; it is answered with this. */
    private boolean left() {
        boolean left = leaving;
        leaving = false;
        return left;
    }

    /** What deadlines are compared with: {@link #now}, or the host's clock, which may run any code. */
    private long timersNow() {
        return hostClock ? host.now() : now;
    }

    /** Timers are due by the host's own clock from now on, or by {@link System#nanoTime} again. */
    public void useHostClock(boolean used) {
        hostClock = used;
    }

    /** Whether the host is told before and after each event of a descriptor that runs. */
    public void watchEvents(boolean watched) {
        this.watched = watched;
    }

    /** Leaves the loop as soon as the entry that runs returns; what is ready stays so. */
    public void leave() {
        leaving = true;
    }

    /** Whether {@link #leave} was called, and the entry that runs should make an end. */
    boolean isLeaving() {
        return leaving || Fork.isChild();
    }

    /** Polls if it is time to, and waits if nothing is ready. Returns false if the host left. */
    private boolean poll() {
        timers.dropCancelled();
        long timeout = 0;
        if (ready.isEmpty() && !stopping) {
            timeout = -1;
            if (!timers.isEmpty()) {
                now = System.nanoTime();
                long time = timersNow();
                timeout = Math.max(0, timers.firstDeadline() - time);
                if (hostClock) { // what its clock did may be all there is to do
                    if (left()) {
                        return false;
                    }
                    timeout = ready.isEmpty() && !stopping ? timeout : 0;
                }
            }
        } else if (!touched && !stopping) {
            if (unclocked > 0) {
                unclocked--;
                return true;
            }
            now = System.nanoTime();
            unclocked = now - lastClock < SHORT_ITERATIONS ? UNCLOCKED_ITERATIONS : 0;
            lastClock = now;
            if (now - lastPoll < POLL_INTERVAL) {
                return true;
            }
        }
        if (timeout == 0 && ready.isEmpty() && !touched && !stopping && now - lastPoll < POLL_INTERVAL) {
            return true; // a timer is due: it counts as something to run
        }
        return await(timeout);
    }

    private boolean await(long timeout) {
        touched = false;
        unclocked = 0;
        int count;
        if (timeout == 0) {
            count = poller.await(0);
        } else {
            woken = false;
            waiting = true;
            host.beforeWait();
            count = busyPoll.await(poller, timeout);
            if (woken) { // read without the host's lock: what another thread wrote before its signal, or too late to
                // matter
                handover.offer();
            }
            host.afterWait();
            waiting = false;
        }
        now = System.nanoTime();
        lastPoll = now;
        if (count == -Errno.EINTR) {
            return host.interrupted();
        }
        poller.dispatch(EngineException.check("epoll_wait", count));
        if (count == EpollPoller.MAX_EVENTS) { // there may be more
            touched = true;
        }
        return true;
    }

    /** The ready entry for one event of a registered descriptor: {@code generation << 32 | fd << 2 | write << 1 | 1}. */
    static long eventEntry(Pollable pollable, boolean write) {
        return (long) pollable.generation << 32 | (long) pollable.fd << FD_SHIFT | (write ? WRITE_TAG : 0) | EVENT_TAG;
    }

    /** Whether {@code entry} of the ready queue is an event, and so not the host's. */
    public static boolean isEvent(long entry) {
        return (entry & EVENT_TAG) != 0;
    }

    private void runEvent(long entry) {
        int fd = (int) (entry >>> FD_SHIFT) & FD_MASK;
        Pollable pollable = poller.find(fd, (int) (entry >>> 32));
        if (pollable == null) {
            return;
        }
        boolean write = (entry & WRITE_TAG) != 0;
        if (watched) {
            host.beforeEvent(pollable);
            pollable.run(write);
            host.afterEvent(write);
        } else {
            pollable.run(write);
        }
    }

    /**
     * Watches {@code pollable} for {@code interest}; with neither {@link Pollable#READ} nor {@link Pollable#WRITE} in it that
     * stops. Returns 0, or {@code -errno} with nothing changed.
     */
    public int setInterest(Pollable pollable, int interest) {
        int wanted = (interest & (Pollable.READ | Pollable.WRITE)) == 0 ? 0 : interest;
        if (closed) { // by code that ran in the middle of something
            return wanted == 0 ? 0 : -Errno.EBADF;
        }
        touched = true;
        return poller.setInterest(pollable, wanted);
    }

    /** Registers a pollable once more whose descriptor may have become another. Returns 0, or {@code -errno}. */
    public int renew(Pollable pollable) {
        if (closed) {
            return -Errno.EBADF;
        }
        touched = true;
        return poller.renew(pollable);
    }

    /** Ends the wait if the loop is in one. Any thread that holds the host's lock. */
    public void wake() {
        if (waiting && !woken) {
            woken = true;
            wakeup.signal();
        }
    }

    /** Ends the wait, now or the next. Any thread, until {@link #close}. */
    public void wakeAlways() {
        wakeup.signal();
    }

    /** {@code channel} has bytes to send: soon, or now if the loop does not run or another thread writes while it waits. */
    void written(Channel channel) {
        if (!running || waiting) {
            channel.flush();
            return;
        }
        if (writtenCount == written.length) {
            written = java.util.Arrays.copyOf(written, writtenCount * 2);
        }
        if (writtenCount == 0) {
            firstWritten = System.nanoTime();
        }
        channel.queued = true;
        written[writtenCount++] = channel;
    }

    /** If {@code more} may soon be written, what {@link Channel#gathers} stays. */
    private void sendWritten(boolean more) {
        if (writtenCount == 0) {
            return;
        }
        touched = true;
        int kept = 0;
        for (int i = 0; i < writtenCount; i++) {
            Channel channel = written[i];
            written[i] = null;
            if (channel == null || !channel.queued) { // null: an error ended this before
                continue;
            }
            if (more && channel.gathers()) {
                written[kept++] = channel;
            } else {
                channel.queued = false;
                channel.flush();
            }
        }
        writtenCount = kept;
    }

    CallState state() {
        return state;
    }

    IoMemory memory() {
        return memory;
    }

    /** Closes the loop's own descriptors; those that were registered stay their owners'. The loop must not run. */
    @Override
    public void close() {
        if (closed) {
            return;
        }
        if (running) {
            throw new IllegalStateException("cannot close a running event loop");
        }
        closed = true;
        poller.unregister(wakeup);
        wakeup.close();
        poller.close();
        memory.close();
    }
}
