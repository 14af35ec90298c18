package jloop.engine;

/**
 * Something with a descriptor that the poller watches. Loop thread only, or with the host's lock held.
 *
 * <p>The descriptor is borrowed: whoever opened it closes it, after {@link EpollPoller#unregister}.
 */
public abstract class Pollable {
    /** Interest in, and readiness of, reading; end of file and errors count. */
    public static final int READ = 1;
    /** Interest in, and readiness of, writing; errors count. */
    public static final int WRITE = 2;

    /**
     * With either: readiness is reported when it begins, not as long as it lasts ({@code EPOLLET}), and {@link #endNear} when
     * a read may leave something behind.
     */
    public static final int EDGE = 4;

    final int fd;
    /** What the kernel watches for us: {@link #READ}, {@link #WRITE}, {@link #EDGE}; 0 when not registered. Owned by the poller. */
    int interest;
    /** Tells this registration from earlier ones of the same descriptor number. Owned by the poller. */
    int generation;
    /** The kernel told of an end, an error or urgent data with an edge: what comes last is not told of again. */
    boolean endNear;

    protected Pollable(int fd) {
        this.fd = fd;
    }

    public final int fd() {
        return fd;
    }

    public final int interest() {
        return interest;
    }

    /**
     * The descriptor is ready; called while events are collected, before anything runs. Queues what is to run, and runs
     * nothing.
     *
     * @param readiness those of {@link #READ} and {@link #WRITE} that there is interest in
     */
    protected abstract void ready(int readiness);

    /** Runs an event that {@link #ready} queued ({@link EventLoop#eventEntry}), if this registration still holds. */
    void run(boolean write) {}
}
