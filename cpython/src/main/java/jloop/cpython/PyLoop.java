package jloop.cpython;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import jloop.engine.EventLoop;
import jloop.engine.LoopHost;
import jloop.engine.Pollable;
import jloop.engine.ReadyQueue;
import jloop.engine.TimerQueue;
import jloop.engine.linux.Errno;
import jloop.engine.linux.Memory;

/**
 * One {@code jloop.Loop}: the engine's loop and what Java holds of Python for it. The references that it owns are those
 * of the ready queue, the timer heap, the watchers and the transports; {@link Roots} shows them to the collector.
 *
 * <p>GIL held, except inside {@link #beforeWait} to {@link #afterWait}.
 */
final class PyLoop implements LoopHost {
    /** By address of the {@code jloop.Loop}; closed loops are not here. */
    static final AddressMap<PyLoop> LOOPS = new AddressMap<>();

    /** Set when the interpreter begins to end: from then on no other thread's loop takes the GIL again. */
    private static volatile boolean exiting;

    private static final long TIME = Names.intern("time");
    private static final long CALL_AT = Names.intern("call_at");
    /** The methods as asyncio and we have them. */
    private static final long OUR_TIME = PyErrAlreadySet.check(CPython.PyObject_GetAttr(Namespace.get("loop"), TIME));

    private static final long OUR_CALL_AT =
            PyErrAlreadySet.check(CPython.PyObject_GetAttr(Namespace.get("loop"), CALL_AT));

    private static final long NANOS_PER_SECOND = 1_000_000_000L;
    /** A {@code float} of ours that takes a value, and 0.0: their sum is a new {@code float} of that value. */
    private static final long SECONDS = PyErrAlreadySet.check(
            CPython.PyNumber_Add(Namespace.get("one_and_a_half"), Namespace.get("one_and_a_half")));

    private static final long ZERO = PyErrAlreadySet.check(
            CPython.PyNumber_Add(Namespace.get("one_and_a_half"), Namespace.get("minus_one_and_a_half")));

    /** The {@code jloop.Loop}, borrowed: it closes us before it goes. */
    final long address;

    final EventLoop engine = new EventLoop(this);
    /** By descriptor. */
    private FdWatcher[] watchers = new FdWatcher[16];
    /** Transports with an owned reference each, by descriptor. */
    private Transport[] transports = new Transport[16];

    /** Transports whose descriptor was closed behind their back, and is another's by now: owned, likewise. */
    private final List<Transport> displaced = new ArrayList<>();

    /** What stream transports read. */
    final ReadMemory readMemory = new ReadMemory();
    /** Addresses of datagrams. */
    final Peers peers = new Peers();

    /** {@code {"loop": loop}}, owned, for calls that do not change it; 0 until it is asked for. */
    private long loopKeyword;

    /** {@code {"loop": loop, "eager_start": True}}, likewise. */
    private long eagerKeywords;

    boolean debug;
    /** The program has a {@code time} or a {@code call_at} of its own: then {@code call_later} asks them, as asyncio does. */
    boolean ownTimers;
    /** The user set a task factory. */
    boolean taskFactory;
    /** The {@code PyThreadState} of the thread that runs the loop, 0 while none does. */
    long threadState;
    /** The thread that runs the loop, or ran it last. */
    private Thread thread;
    /** {@code PyEval_SaveThread}'s result during a wait. */
    private long savedThread;
    /** The handle whose callback runs, or 0. */
    private long current;
    /** Another thread waits for the callback that runs to end. */
    private boolean waitedFor;
    /** The transport whose event runs in debug mode, owned, or 0. */
    private long eventOf;
    /** When that event began to run, by {@link System#nanoTime}. */
    private long eventBegan;
    /** The exception that leaves the loop, owned, or 0. */
    private long leaving;

    PyLoop(long address) {
        this.address = address;
    }

    // ---- running

    /** Runs until stopped. Throws what leaves the loop: KeyboardInterrupt, SystemExit, a signal handler's exception. */
    void run() {
        refuseIfRunning("This event loop is already running");
        lookForReplacedMethods();
        enterThread();
        try {
            engine.run();
        } finally {
            threadState = 0;
        }
        raiseLeaving();
    }

    /** One iteration; as {@link #run} otherwise. */
    void runOnce() {
        refuseIfRunning("This event loop is already running");
        enterThread();
        try {
            engine.runOnce();
        } finally {
            threadState = 0;
        }
        raiseLeaving();
    }

    private void enterThread() {
        threadState = CPython.PyThreadState_Get();
        thread = Thread.currentThread();
    }

    /** {@link #threadState} if the caller is on that thread, else 0: writes from other threads may run callbacks there. */
    long callersState() {
        return Thread.currentThread() == thread ? threadState : 0;
    }

    /** An iteration inside of another, or on a second thread, would run what the first has counted on. */
    private void refuseIfRunning(String message) {
        if (threadState != 0) {
            Errors.raise(Errors.RUNTIME_ERROR, message);
            throw PyErrAlreadySet.INSTANCE;
        }
    }

    /**
     * Programs, above all tests, bring a clock of their own: a subclass's, or put onto a loop. Looked for when the loop is
     * made, whenever it begins to run, and when an attribute of that name is set: calls then have nothing to look for.
     */
    void lookForReplacedMethods() {
        if (!Methods.CAN_TELL) {
            return;
        }
        boolean ownClock = !Methods.isOriginal(address, TIME, OUR_TIME);
        ownTimers = ownClock || !Methods.isOriginal(address, CALL_AT, OUR_CALL_AT);
        engine.useHostClock(ownClock);
    }

    @Override
    public long now() {
        long time = Calls.method(TIME, address);
        long number = time == 0 ? 0 : CPython.PyNumber_Float(time);
        Refs.xdecref(time);
        if (number == 0) {
            leave();
            return Long.MIN_VALUE;
        }
        double seconds = Memory.getDouble(number + Layout.FLOAT_VALUE);
        Refs.decref(number);
        return nanos(seconds);
    }

    private void raiseLeaving() {
        if (leaving != 0) {
            long exception = leaving;
            leaving = 0;
            Errors.restore(exception);
            throw PyErrAlreadySet.INSTANCE;
        }
    }

    @Override
    public void run(long handle) {
        if (Memory.getLong(handle + Layout.HANDLE_CANCELLED) != Layout.FALSE) {
            drop(handle);
            return;
        }
        if (debug || !isPlain(handle)) {
            runInPython(handle);
            return;
        }
        // The callback may cancel its own handle: what it runs with must outlive that
        long callback = Refs.share(Memory.getLong(handle + Layout.HANDLE_CALLBACK));
        long args = Refs.share(Memory.getLong(handle + Layout.HANDLE_ARGS));
        long context = Refs.share(Memory.getLong(handle + Layout.HANDLE_CONTEXT));
        long result = 0;
        current = handle;
        if (Contexts.enter(context, threadState)) {
            result = CPython.PyObject_Vectorcall(
                    callback, args + Layout.TUPLE_ITEMS, Memory.getLong(args + Layout.OB_SIZE));
            Contexts.exit(context, threadState);
        }
        if (result == 0) {
            callbackFailed(handle);
        } else {
            Refs.decref(result);
        }
        current = 0;
        if (waitedFor) {
            announceEnd();
        }
        Refs.decref(context);
        Refs.decref(args);
        Refs.decref(callback);
        drop(handle);
    }

    /**
     * Whether {@code handle} runs, on another thread than the caller's: then the caller has to wait for its end before it
     * asks or cancels ({@link #announceEnd} tells it).
     */
    boolean runsElsewhere(long handle) {
        if (current != handle || callersState() != 0) {
            return false;
        }
        waitedFor = true;
        return true;
    }

    private void announceEnd() {
        waitedFor = false;
        long result = Calls.call(Types.CALLBACK_ENDED, address);
        if (result == 0) {
            Errors.unraisable(address);
        } else {
            Refs.decref(result);
        }
    }

    /** Whether {@code handle} is of a type that does nothing of its own, and has all that it needs. */
    private static boolean isPlain(long handle) {
        long type = Refs.type(handle);
        long args = Memory.getLong(handle + Layout.HANDLE_ARGS);
        return (Types.isOurs(type) || type == Types.ASYNCIO_HANDLE || type == Types.ASYNCIO_TIMER_HANDLE)
                && args != 0 // what a program did to the slots of its handle is Python's to complain of
                && Refs.type(args) == Layout.TUPLE_TYPE
                && Memory.getLong(handle + Layout.HANDLE_CALLBACK) != 0
                && Memory.getLong(handle + Layout.HANDLE_CONTEXT) != 0;
    }

    private void runInPython(long handle) {
        long result = debug ? Calls.call(Types.RUN_DEBUG, address, handle) : Calls.method(Names.RUN, handle);
        if (result == 0) {
            leave();
        } else {
            Refs.decref(result);
        }
        drop(handle);
    }

    @Override
    public void beforeEvent(Pollable pollable) {
        if (pollable instanceof Transport transport) {
            eventOf = Refs.share(transport.address());
            eventBegan = System.nanoTime();
        }
    }

    @Override
    public void afterEvent(boolean write) {
        long transport = eventOf;
        if (transport == 0) {
            return;
        }
        eventOf = 0;
        long nanos = CPython.PyLong_FromLong(System.nanoTime() - eventBegan);
        long result = nanos == 0
                ? 0
                : Calls.call(Types.EVENT_RAN, address, transport, write ? Layout.TRUE : Layout.FALSE, nanos);
        Refs.xdecref(nanos);
        Refs.decref(transport);
        if (result == 0) {
            leave();
        } else {
            Refs.decref(result);
        }
    }

    private void callbackFailed(long handle) {
        long exception = Errors.take();
        if (Errors.leavesLoop(exception)) {
            leaveWith(exception);
            return;
        }
        long before = Errors.handle(exception);
        long result = Calls.call(Types.CALLBACK_FAILED, handle, exception);
        Errors.handled(before);
        Refs.decref(exception);
        if (result == 0) {
            leave();
        } else {
            Refs.decref(result);
        }
    }

    /** Leaves the loop with the error that is set. */
    void leave() {
        leaveWith(Errors.take());
    }

    /** Leaves the loop with {@code exception}; takes the reference. */
    void leaveWith(long exception) {
        if (!engine.isRunning() || leaving != 0) { // nobody to tell: a flush outside of the loop, or a second one
            Errors.restore(exception);
            Errors.unraisable(address);
            return;
        }
        leaving = exception;
        engine.leave();
    }

    /** Drops the error that is set, unless it must leave the loop. */
    void ignoreError() {
        long exception = Errors.take();
        if (Errors.leavesLoop(exception)) {
            leaveWith(exception);
        } else {
            Refs.decref(exception);
        }
    }

    // ---- waiting

    @Override
    public void beforeWait() {
        savedThread = CPython.PyEval_SaveThread();
    }

    @Override
    public void afterWait() {
        if (exiting && !Finalization.isMainThread(savedThread)) {
            Finalization.parkForever(); // taking the GIL would end this thread, through Java's frames
        }
        CPython.PyEval_RestoreThread(savedThread);
        Types.trimPools();
    }

    @Override
    public boolean interrupted() {
        if (CPython.PyErr_CheckSignals() == 0) {
            return true;
        }
        leaving = Errors.take();
        return false;
    }

    static void beginExit() {
        exiting = true;
    }

    // ---- handles

    /** A handle in the ready queue: a new reference for the caller. */
    long callSoon(HandlePool pool, long callback, long args, int count, long context, long callerState) {
        long handle = pool.make(address, callback, args, count, context, callerState);
        try {
            engine.ready().add(handle);
        } catch (OutOfMemoryError e) {
            Refs.decref(handle);
            throw e;
        }
        return Refs.share(handle);
    }

    /** Queues {@code handle}, borrowed, unless it is cancelled. */
    void addCallback(long handle) {
        if (Memory.getLong(handle + Layout.HANDLE_CANCELLED) == Layout.FALSE) {
            engine.ready().add(handle);
            Refs.incref(handle);
        }
    }

    /** A timer that is not in the heap yet: a new reference for the caller. */
    long makeTimer(long callback, long args, int count, long context) {
        return Types.TIMER_HANDLES.make(address, callback, args, count, context, threadState);
    }

    /**
     * Puts {@code handle}, borrowed, into the heap.
     *
     * @param when a {@code float}, or what the caller gave for one; borrowed
     * @param seconds its value
     */
    void addTimer(long handle, long when, double seconds) {
        Refs.set(handle + Layout.TIMER_WHEN, when);
        schedule(handle, seconds);
    }

    /** Puts {@code handle}, borrowed, into the heap, due at {@code seconds} of {@code loop.time()}. */
    void addTimer(long handle, double seconds) {
        long slot = handle + Layout.TIMER_WHEN;
        long when = Memory.getLong(slot);
        if (when != 0 && Refs.count(when) == 1 && Refs.type(when) == Layout.FLOAT_TYPE) {
            Memory.putDouble(when + Layout.FLOAT_VALUE, seconds); // recycled with its handle, and seen by nobody else
        } else {
            Memory.putDouble(SECONDS + Layout.FLOAT_VALUE, seconds);
            when = PyErrAlreadySet.check(CPython.PyNumber_Add(SECONDS, ZERO));
            Refs.set(slot, when);
            Refs.decref(when);
        }
        schedule(handle, seconds);
    }

    /** Timers whose deadlines are one nanosecond run in the order of their seconds: a nanosecond has hundreds of those. */
    private void schedule(long handle, double seconds) {
        long deadline = nanos(seconds);
        long rank = ordinal(seconds) - ordinal((deadline - 2) * 1e-9); // of a number that is not above any of them
        Refs.set(handle + Layout.TIMER_SCHEDULED, Layout.TRUE);
        engine.timers().add(deadline, Math.clamp(rank, 0, TimerQueue.RANKS - 1), Refs.share(handle));
    }

    /** Numbers all doubles in their order. */
    private static long ordinal(double value) {
        long bits = Double.doubleToRawLongBits(value);
        return bits >= 0 ? bits : Long.MIN_VALUE - bits;
    }

    /** The first nanosecond of the clock at which {@code loop.time()} is not below {@code seconds}. */
    private static long nanos(double seconds) {
        double nanos = Math.ceil(seconds * NANOS_PER_SECOND);
        if (!(nanos < Long.MAX_VALUE)) {
            return Double.isNaN(nanos) ? 0 : Long.MAX_VALUE;
        }
        long deadline = Math.max(-Long.MAX_VALUE / 2, (long) nanos); // differences of deadlines must not overflow
        return (double) deadline / NANOS_PER_SECOND < seconds ? deadline + 1 : deadline;
    }

    private void drop(long handle) {
        Types.poolOf(Refs.type(handle)).drop(handle, threadState);
    }

    @Override
    public boolean isCancelled(long handle) {
        return Memory.getLong(handle + Layout.HANDLE_CANCELLED) != Layout.FALSE;
    }

    @Override
    public void release(long handle) {
        Refs.set(handle + Layout.TIMER_SCHEDULED, Layout.FALSE);
        drop(handle);
    }

    @Override
    public void due(long handle) {
        Refs.set(handle + Layout.TIMER_SCHEDULED, Layout.FALSE);
        if (isCancelled(handle)) {
            engine.timers().cancelledDue();
        }
    }

    // ---- descriptors

    /** The watcher of {@code fd}, or null. */
    FdWatcher watcher(int fd) {
        return fd >= 0 && fd < watchers.length ? watchers[fd] : null;
    }

    /**
     * Sets the handle for one direction of {@code fd}; takes the reference. Returns 0, or {@code -errno}.
     *
     * @param file the object whose descriptor it is, borrowed, or 0 if the caller knows the number only
     */
    int watch(int fd, int direction, long handle, long file) {
        FdWatcher watcher = watcherOf(fd);
        boolean unused = !watcher.isUsed();
        int result = watcher.addLevel(direction);
        if (result < 0) {
            Refs.decref(handle);
            return result;
        }
        keep(watcher); // only now: a number that is no descriptor's may be any
        long future = dropWait(watcher, direction);
        long replaced = watcher.exchange(direction, handle);
        long left = unused ? watcher.exchange(other(direction), 0) : 0; // of a descriptor that was closed first
        if (unused) {
            watcher.keepFile(0);
        }
        if (file != 0) {
            watcher.keepFile(file);
        }
        cancel(replaced);
        Refs.xdecref(left);
        Refs.xdecref(future);
        return 0;
    }

    /**
     * The descriptor under which {@code file} is watched, or -1: a file that was closed meanwhile has no descriptor to
     * ask for, and asyncio's selector finds it by its identity then.
     */
    int watchedAs(long file) {
        for (FdWatcher watcher : watchers) {
            if (watcher != null && watcher.file() == file) {
                return watcher.fd();
            }
        }
        return -1;
    }

    /** The watcher of {@code fd}, or a new one to {@link #keep}. */
    private FdWatcher watcherOf(int fd) {
        FdWatcher watcher = watcher(fd);
        return watcher == null ? new FdWatcher(this, fd) : watcher;
    }

    private void keep(FdWatcher watcher) {
        int fd = watcher.fd();
        if (fd >= watchers.length) {
            watchers = Arrays.copyOf(watchers, Math.max(fd + 1, watchers.length * 2));
        }
        watchers[fd] = watcher;
    }

    /** Removes the handle for one direction of {@code fd} and cancels it. Returns whether there was one. */
    boolean unwatch(int fd, int direction) {
        FdWatcher watcher = watcher(fd);
        if (watcher == null) {
            return false;
        }
        long future = dropWait(watcher, direction);
        long handle = watcher.exchange(direction, 0);
        if (handle != 0) {
            watcher.removeLevel(direction);
        }
        // The descriptor was closed first: asyncio's selector forgets all of it then
        long left = watcher.isUsed() ? 0 : watcher.exchange(other(direction), 0);
        cancel(handle);
        Refs.xdecref(left);
        Refs.xdecref(future);
        if (watcher.handle(Pollable.READ) == 0 && watcher.handle(Pollable.WRITE) == 0) {
            watcher.keepFile(0);
        }
        return handle != 0 || future != 0;
    }

    private static int other(int direction) {
        return Pollable.READ + Pollable.WRITE - direction;
    }

    /** Ends the wait for one direction; the future that was not told, owned, or 0. */
    private static long dropWait(FdWatcher watcher, int direction) {
        long future = watcher.exchangeFuture(direction, 0);
        if (future != 0) {
            watcher.removeWait(direction);
        }
        return future;
    }

    /**
     * A new reference to a future that is done when {@code sock}, a plain socket, is ready: a call on it has just been
     * refused with EAGAIN. Takes the place of a handle or a future that is there for the same direction.
     */
    long waitFor(long sock, int direction) {
        int fd = SocketObject.fd(sock);
        if (fd < 0) {
            Errors.raiseOsError(Errno.EBADF);
            throw PyErrAlreadySet.INSTANCE;
        }
        FdWatcher watcher = watcherOf(fd);
        keep(watcher);
        if (!watcher.isKeptFor(sock) || transports[fd] != null) {
            ensureNoTransport(fd);
            makeRoom(fd); // so that what is kept for has its place among the transports
            watcher.keepFor(sock);
        }
        long future = PyErrAlreadySet.check(Calls.method(Names.CREATE_FUTURE, address));
        int result = watcher.addWait(direction);
        if (result < 0) {
            Refs.decref(future);
            Errors.raiseOsError(-result);
            throw PyErrAlreadySet.INSTANCE;
        }
        long replaced = watcher.exchangeFuture(direction, Refs.share(future));
        long handle = watcher.exchange(direction, 0);
        if (handle != 0) {
            watcher.removeLevel(direction);
            cancel(handle);
        }
        Refs.xdecref(replaced);
        return future;
    }

    private void ensureNoTransport(int fd) {
        long number = PyErrAlreadySet.check(CPython.PyLong_FromLong(fd));
        long result = Calls.method(Names.ENSURE_FD_NO_TRANSPORT, address, number);
        Refs.decref(number);
        Refs.decref(PyErrAlreadySet.check(result));
    }

    /** Nobody waits for {@code future}, which was for {@code sock}, a plain socket, any more. */
    void stopWaiting(long sock, long future) {
        int fd = SocketObject.fd(sock);
        if (fd >= 0) {
            stopWaiting(watcher(fd), future);
            return;
        }
        // It was closed meanwhile
        for (FdWatcher watcher : watchers) {
            if (stopWaiting(watcher, future)) {
                return;
            }
        }
    }

    private static boolean stopWaiting(FdWatcher watcher, long future) {
        if (watcher == null) {
            return false;
        }
        for (int direction = Pollable.READ; direction <= Pollable.WRITE; direction++) {
            if (watcher.future(direction) == future) {
                Refs.decref(dropWait(watcher, direction));
                return true;
            }
        }
        return false;
    }

    /** {@code handle.cancel()}; takes the reference; 0 is nothing. */
    private static void cancel(long handle) {
        if (handle != 0) {
            HandleMethods.cancel(handle);
            Refs.decref(handle);
        }
    }

    /** Whether somebody is to be told that {@code fd} is ready for {@code direction}, or a transport watches it. */
    boolean isPolling(int fd, int direction) {
        FdWatcher watcher = watcher(fd);
        Transport transport = transport(fd);
        return watcher != null && watcher.isUsed(direction)
                || transport != null && (transport.interest() & direction) != 0;
    }

    /** The transport that owns {@code fd}, or null. */
    Transport transport(int fd) {
        return fd >= 0 && fd < transports.length ? transports[fd] : null;
    }

    /** A tuple of all transports: 0 with an error set if there is no memory. */
    long transports() {
        long[] found = new long[transports.length + displaced.size()];
        int count = 0;
        for (Transport transport : transports) {
            if (transport != null) {
                found[count++] = Refs.share(transport.address());
            }
        }
        for (Transport transport : displaced) {
            found[count++] = Refs.share(transport.address());
        }
        return Refs.tuple(found, count);
    }

    void add(Transport transport) {
        int fd = transport.fd();
        makeRoom(fd);
        if (transports[fd] != null) {
            displaced.add(transports[fd]);
        }
        transports[fd] = transport;
    }

    private void makeRoom(int fd) {
        if (fd >= transports.length) {
            // not Arrays.copyOf(), for which HotSpot gives up the code of everything around when it copies for the
            // first time
            Transport[] longer = new Transport[Math.max(fd + 1, transports.length * 2)];
            System.arraycopy(transports, 0, longer, 0, transports.length);
            transports = longer;
        }
    }

    void remove(Transport transport) {
        if (transports[transport.fd()] == transport) {
            transports[transport.fd()] = null;
        } else {
            displaced.remove(transport);
        }
    }

    /** {@code {"loop": loop}}, borrowed: keywords of asyncio's own classes, which do not keep them. */
    long loopKeyword() {
        if (loopKeyword == 0) {
            loopKeyword = newKeywords();
        }
        return loopKeyword;
    }

    /** {@code {"loop": loop, "eager_start": True}}, as {@link #loopKeyword}. */
    long eagerKeywords() {
        if (eagerKeywords == 0) {
            long dict = newKeywords();
            PyErrAlreadySet.check(CPython.PyDict_SetItem(dict, Names.EAGER_START, Layout.TRUE));
            eagerKeywords = dict;
        }
        return eagerKeywords;
    }

    private long newKeywords() {
        long dict = PyErrAlreadySet.check(CPython.PyDict_New());
        PyErrAlreadySet.check(CPython.PyDict_SetItem(dict, Names.LOOP, address));
        return dict;
    }

    // ---- the end, and the collector

    /** Closes the engine's descriptors and gives up every reference. RuntimeError if the loop runs. */
    void close() {
        refuseIfRunning("Cannot close a running event loop");
        LOOPS.remove(address);
        for (int fd = 0; fd < transports.length; fd++) {
            if (transports[fd] != null) {
                transports[fd].close();
            }
        }
        while (!displaced.isEmpty()) {
            displaced.getLast().close();
        }
        for (int fd = 0; fd < watchers.length; fd++) {
            FdWatcher watcher = watchers[fd];
            watchers[fd] = null;
            if (watcher != null) {
                watcher.clear();
            }
        }
        ReadyQueue ready = engine.ready();
        while (!ready.isEmpty()) {
            long entry = ready.take();
            if (!EventLoop.isEvent(entry)) {
                Refs.decref(entry);
            }
        }
        TimerQueue timers = engine.timers();
        while (!timers.isEmpty()) {
            long entry = timers.removeFirst();
            Refs.set(entry + Layout.TIMER_SCHEDULED, Layout.FALSE);
            Refs.decref(entry);
        }
        Refs.xdecref(loopKeyword);
        loopKeyword = 0;
        Refs.xdecref(eagerKeywords);
        eagerKeywords = 0;
        peers.clear();
        readMemory.close();
        engine.close();
    }

    /** {@code tp_traverse}: visits each reference that we own. Returns what {@code visit} returned if not 0. */
    long traverse(long visit, long argument) {
        ReadyQueue ready = engine.ready();
        for (int i = 0; i < ready.size(); i++) {
            long entry = ready.get(i);
            if (!EventLoop.isEvent(entry)) {
                int result = (int) CPython.call(visit, entry, argument);
                if (result != 0) {
                    return result;
                }
            }
        }
        TimerQueue timers = engine.timers();
        for (int i = 0; i < timers.size(); i++) {
            int result = (int) CPython.call(visit, timers.get(i), argument);
            if (result != 0) {
                return result;
            }
        }
        for (FdWatcher watcher : watchers) {
            if (watcher != null) {
                int result = visit(visit, watcher.handle(Pollable.READ), argument);
                if (result == 0) {
                    result = visit(visit, watcher.handle(Pollable.WRITE), argument);
                }
                if (result == 0) {
                    result = visit(visit, watcher.future(Pollable.READ), argument);
                }
                if (result == 0) {
                    result = visit(visit, watcher.future(Pollable.WRITE), argument);
                }
                if (result == 0) {
                    result = visit(visit, watcher.file(), argument);
                }
                if (result != 0) {
                    return result;
                }
            }
        }
        for (Transport transport : transports) {
            int result = transport == null ? 0 : visit(visit, transport, argument);
            if (result != 0) {
                return result;
            }
        }
        for (Transport transport : displaced) {
            int result = visit(visit, transport, argument);
            if (result != 0) {
                return result;
            }
        }
        int result = visit(visit, loopKeyword, argument);
        return result == 0 ? visit(visit, eagerKeywords, argument) : result;
    }

    private static int visit(long visit, Transport transport, long argument) {
        int result = visit(visit, transport.address(), argument);
        return result == 0 ? visit(visit, transport.socket(), argument) : result;
    }

    private static int visit(long visit, long object, long argument) {
        return object == 0 ? 0 : (int) CPython.call(visit, object, argument);
    }
}
