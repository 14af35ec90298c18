package jloop.bench.load;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.HdrHistogram.Histogram;

/**
 * The time in which is measured, after a warm-up: what was done in it, how long each took, and what it cost the server
 * and this thread.
 *
 * <p>Loops call {@link #tick} once per batch of events and {@link #record} per operation; outside the window recording
 * does nothing.
 */
final class Window {
    private static final long SECOND = 1_000_000_000L;
    private static final int DIGITS = 3;

    private final Histogram latency = new Histogram(600 * SECOND, DIGITS);
    private final MemorySegment timespec = Arena.ofAuto().allocate(16, 8);
    private final long seconds;
    private final ProcessClock server;
    private long beginsAt;

    private boolean measuring;
    private boolean done;
    private long began;
    private long ended;
    private long threadBegan;
    private long threadEnded;
    private ProcessClock.Reading serverBegan;
    private ProcessClock.Reading serverEnded;
    private long operations;
    private long bytes;
    private long lost;

    /** Reads {@code warmup} and {@code seconds} (seconds, may have a fraction) and {@code pid} of the server. */
    Window(Options options) {
        beginsAt = System.nanoTime() + (long) (options.number("warmup", 0) * SECOND);
        seconds = (long) (options.number("seconds", 1) * SECOND);
        int pid = options.integer("pid", 0);
        server = pid == 0 ? null : new ProcessClock(pid);
    }

    /** Goes on to the next phase if it is time; whether the loop goes on. */
    boolean tick(long now) {
        if (!measuring && !done && now >= beginsAt) {
            begin();
        } else if (measuring && now - began >= seconds) {
            end();
        }
        return !done;
    }

    private void begin() {
        measuring = true;
        serverBegan = server == null ? null : server.read();
        threadBegan = ProcessClock.threadNanos(timespec);
        began = System.nanoTime();
    }

    private void end() {
        measuring = false;
        done = true;
        ended = System.nanoTime();
        threadEnded = ProcessClock.threadNanos(timespec);
        serverEnded = server == null ? null : server.read();
    }

    /** One operation took {@code nanos}. */
    void record(long nanos) {
        if (measuring) {
            operations++;
            latency.recordValue(Math.clamp(nanos, 0, 600 * SECOND));
        }
    }

    /** So many bytes went one way. */
    void recordBytes(long count) {
        if (measuring) {
            bytes += count;
        }
    }

    /** One datagram was not answered in time. */
    void recordLost() {
        if (measuring) {
            lost++;
        }
    }

    /**
     * The result: seconds; operations or bytes and their rates; percentiles of latency in microseconds; this thread's
     * share of one processor; the server's processor time in seconds.
     */
    Json result() {
        double length = (ended - began) / 1e9;
        Json json = new Json().put("seconds", length);
        if (operations > 0) {
            json.put("operations", operations).put("rate", operations / length).put("lost", lost);
            for (double percentile : new double[] {50, 90, 99, 99.9}) {
                String name = "p" + (percentile == 99.9 ? "999" : Integer.toString((int) percentile));
                json.put(name + "_us", latency.getValueAtPercentile(percentile) / 1e3);
            }
            json.put("max_us", latency.getMaxValue() / 1e3);
        }
        if (bytes > 0) {
            json.put("bytes", bytes).put("bytes_per_second", bytes / length);
        }
        json.put("load_share", (threadEnded - threadBegan) / 1e9 / length);
        if (serverEnded != null) {
            ProcessClock.Usage usage = serverEnded.since(serverBegan);
            json.put("server_cpu_seconds", usage.seconds());
            json.put("server_user_seconds", usage.userSeconds());
            json.put("server_system_seconds", usage.systemSeconds());
        }
        return json;
    }
}
