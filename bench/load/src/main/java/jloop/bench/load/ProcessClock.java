package jloop.bench.load;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;

/** Processor time of the server under test, all its threads together. */
final class ProcessClock {
    private static final double NANOS = 1e9;

    private final Path stat;
    private final int clock;
    private final MemorySegment timespec = Arena.ofAuto().allocate(16, 8);

    /** What a process has used since it began: the sum to the nanosecond, its parts in ticks. */
    record Reading(long cpuNanos, long userTicks, long systemTicks) {
        /** Seconds used from {@code earlier} to this reading, split as the ticks (10 ms each) in between tell. */
        Usage since(Reading earlier) {
            double seconds = (cpuNanos - earlier.cpuNanos) / NANOS;
            long user = userTicks - earlier.userTicks;
            long system = systemTicks - earlier.systemTicks;
            double share = user + system == 0 ? 0.5 : (double) user / (user + system);
            return new Usage(seconds, seconds * share, seconds * (1 - share));
        }
    }

    /** Seconds of processor time. */
    record Usage(double seconds, double userSeconds, double systemSeconds) {}

    ProcessClock(int pid) {
        stat = Path.of("/proc/" + pid + "/stat");
        clock = ~pid << 3 | 2; // clock_getcpuclockid(3): a process's CPUCLOCK_SCHED
    }

    Reading read() {
        long nanos = Libc.clockNanos(clock, timespec);
        if (nanos < 0) {
            throw new LoadException("the server's process is gone");
        }
        try {
            String text = Files.readString(stat);
            // The name in parentheses may hold anything; utime and stime are fields 14 and 15, the 12th and 13th after
            // it.
            String[] fields = text.substring(text.lastIndexOf(')') + 2).split(" ");
            return new Reading(nanos, Long.parseLong(fields[11]), Long.parseLong(fields[12]));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Processor time of the calling thread in nanoseconds. */
    static long threadNanos(MemorySegment timespec) {
        return Libc.clockNanos(3, timespec); // CLOCK_THREAD_CPUTIME_ID
    }
}
