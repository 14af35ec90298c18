package jloop.engine;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.LongSupplier;

/** A host whose entries are Java tasks, numbered by twos: the low bit is the loop's. */
final class TestHost implements LoopHost {
    private final List<Runnable> tasks = new ArrayList<>();
    private final Set<Long> cancelled = new HashSet<>();
    final EventLoop loop = new EventLoop(this);
    /** For {@link EventLoop#useHostClock}. */
    LongSupplier clock = () -> 0;

    final List<String> events = new ArrayList<>();
    int waits;
    int released;
    boolean leaveWhenInterrupted;

    long entry(Runnable task) {
        tasks.add(task);
        return 2L * (tasks.size() - 1);
    }

    void soon(Runnable task) {
        loop.ready().add(entry(task));
    }

    long at(long deadlineNanos, Runnable task) {
        long entry = entry(task);
        loop.timers().add(deadlineNanos, 0, entry);
        return entry;
    }

    void cancel(long entry) {
        cancelled.add(entry);
        loop.timers().cancelled();
    }

    @Override
    public void run(long entry) {
        tasks.get((int) entry / 2).run();
    }

    @Override
    public boolean isCancelled(long entry) {
        return cancelled.contains(entry);
    }

    @Override
    public void release(long entry) {
        released++;
    }

    @Override
    public void due(long entry) {
        if (isCancelled(entry)) {
            loop.timers().cancelledDue();
        }
    }

    @Override
    public long now() {
        return clock.getAsLong();
    }

    @Override
    public void beforeEvent(Pollable pollable) {
        events.add("before");
    }

    @Override
    public void afterEvent(boolean write) {
        events.add(write ? "written" : "read");
    }

    @Override
    public void beforeWait() {
        waits++;
    }

    @Override
    public void afterWait() {}

    @Override
    public boolean interrupted() {
        return !leaveWhenInterrupted;
    }
}
