package jloop.cpython;

import jloop.engine.Fork;
import jloop.engine.linux.Memory;

/**
 * Makes and recycles handles: real {@code asyncio.Handle} objects of a subclass without further slots, filled by slot
 * offset. A handle that has run is used again together with what hangs on it, its argument tuple and its context.
 *
 * <p>A handle is recycled at two places. The loop does so after running one that nobody else holds; it stays tracked by
 * the collector. One that its caller kept comes back through {@code tp_dealloc}, which is ours: it is untracked first,
 * so that a collection under way never sees it again, and tracked when it is next used. Pooled handles refer to nothing
 * but None, an empty tuple or a tuple of None, and a context that equals the loop's own.
 *
 * <p>GIL held. Any code may run inside {@link Refs#decref}, and so use the pool: it is consistent before each.
 */
final class HandlePool {
    /** More are freed: what a burst leaves behind is a few MiB. */
    private static final int CAPACITY = 1 << 16;
    /** Up to this many stay for good. */
    private static final int KEPT = 4096;
    /** Handles that one {@link #trim} frees at most: some microseconds. */
    private static final int TRIMMED = 32;
    /** Low bit of a pooled address: the collector does not track it. */
    private static final long UNTRACKED = 1;

    /** Destructors inside of destructors after which the type's own takes over: it defers what is nested too deep. */
    private static final int MAX_DEPTH = 32;
    /** Destructors of handles that are under way. */
    private static int depth;

    /** The type whose instances these are. */
    final long type;
    /** Whether these are {@code asyncio.TimerHandle}s. */
    private final boolean timers;
    /** {@code tp_dealloc} as the type had it. */
    private final long freshDealloc;

    private final long deallocUpcall;

    private long[] pool = new long[KEPT];
    private int size;
    /** The least {@link #size} since the last {@link #trim}: so many were not needed. */
    private int spare;
    /** False where Java must not be entered from {@code tp_dealloc} any more. */
    private boolean open = true;

    HandlePool(long type, boolean timers, long deallocUpcall) {
        this.type = type;
        this.timers = timers;
        this.freshDealloc = Memory.getLong(type + Layout.TP_DEALLOC);
        this.deallocUpcall = deallocUpcall;
        Memory.putLong(type + Layout.TP_DEALLOC, deallocUpcall);
    }

    /** Ends recycling: the interpreter ends. Pooled handles stay allocated. */
    void close() {
        open = false;
        size = 0;
        Memory.putLong(type + Layout.TP_DEALLOC, freshDealloc);
    }

    /**
     * A handle for {@code callback(*args)}: a new reference.
     *
     * @param args address of {@code count} borrowed arguments
     * @param context the context to run in, borrowed, or 0 for a copy of the current one
     * @param threadState where the calling thread keeps its current context, or 0 if that is not known
     */
    long make(long loop, long callback, long args, int count, long context, long threadState) {
        long pooled = size > 0 ? take() : fresh();
        long handle = pooled & ~UNTRACKED;
        if (Memory.getLong(handle + Layout.HANDLE_CANCELLED) != Layout.FALSE) { // by whom the collector showed it to
            Refs.set(handle + Layout.HANDLE_CANCELLED, Layout.FALSE);
        }
        Memory.putLong(handle + Layout.HANDLE_CALLBACK, Refs.share(callback));
        Memory.putLong(handle + Layout.HANDLE_LOOP, Refs.share(loop));
        try {
            fillArguments(handle, args, count);
            fillContext(handle, context, threadState);
        } catch (PyErrAlreadySet e) {
            Refs.decref(handle);
            throw e;
        }
        if (pooled != handle) {
            CPython.PyObject_GC_Track(handle);
        }
        return handle;
    }

    private long take() {
        long pooled = pool[--size];
        if (size < spare) {
            spare = size;
        }
        return pooled;
    }

    /** Frees some of the handles that were not needed since the last call, if there are many. May run any code. */
    void trim() {
        if (size <= KEPT) {
            return;
        }
        for (int count = Math.min(TRIMMED, Math.min(spare, size - KEPT)); count > 0 && size > KEPT; count--) {
            long pooled = pool[--size];
            long handle = pooled & ~UNTRACKED;
            Refs.incref(Layout.NONE); // the callback and the loop: see giveUp
            Refs.incref(Layout.NONE);
            long args = Memory.getLong(handle + Layout.HANDLE_ARGS);
            if (args != Layout.EMPTY_TUPLE) {
                Memory.putLong(handle + Layout.HANDLE_ARGS, Refs.share(Layout.EMPTY_TUPLE));
                giveUpEmptied(args);
            }
            if (Refs.count(handle) == 1) {
                Memory.putInt(handle, 0);
                free(handle);
            } else { // the collector showed it to somebody
                Refs.decref(handle);
            }
        }
        spare = size;
    }

    private long fresh() {
        long handle = PyErrAlreadySet.check(CPython.PyType_GenericAlloc(type, 0));
        Memory.putLong(handle + Layout.HANDLE_CANCELLED, Refs.share(Layout.FALSE));
        Memory.putLong(handle + Layout.HANDLE_SOURCE_TRACEBACK, Refs.share(Layout.NONE));
        Memory.putLong(handle + Layout.HANDLE_REPR, Refs.share(Layout.NONE));
        Memory.putLong(handle + Layout.HANDLE_ARGS, Refs.share(Layout.EMPTY_TUPLE));
        if (timers) {
            Memory.putLong(handle + Layout.TIMER_SCHEDULED, Refs.share(Layout.FALSE));
            Memory.putLong(handle + Layout.TIMER_WHEN, Refs.share(Layout.NONE));
        }
        return handle;
    }

    private static void fillArguments(long handle, long args, int count) {
        long slot = handle + Layout.HANDLE_ARGS;
        long tuple = Memory.getLong(slot);
        if (count == 0) {
            if (tuple != Layout.EMPTY_TUPLE) {
                Memory.putLong(slot, Refs.share(Layout.EMPTY_TUPLE));
                giveUpEmptied(tuple);
            }
            return;
        }
        if (tuple == Layout.EMPTY_TUPLE
                || tuple == 0
                || Refs.type(tuple) != Layout.TUPLE_TYPE
                || Memory.getLong(tuple + Layout.OB_SIZE) != count
                || Refs.count(tuple) != 1) { // the collector showed it to somebody
            long made = PyErrAlreadySet.check(CPython.PyTuple_New(count));
            Memory.putLong(slot, made);
            giveUpEmptied(tuple);
            tuple = made;
        } else {
            if (Memory.getLong(tuple + Layout.GC_NEXT) == 0) {
                CPython.PyObject_GC_Track(tuple);
            }
            if (Layout.TUPLE_HASH) {
                Memory.putLong(tuple + 24, -1);
            }
        }
        long items = tuple + Layout.TUPLE_ITEMS;
        for (long i = 0; i < 8L * count; i += 8) {
            Memory.putLong(items + i, Refs.share(Memory.getLong(args + i)));
        }
    }

    private static void fillContext(long handle, long context, long threadState) {
        long slot = handle + Layout.HANDLE_CONTEXT;
        long kept = Memory.getLong(slot);
        if (context != 0) {
            Memory.putLong(slot, Refs.share(context));
        } else {
            if (kept != 0 && equalsCurrent(kept, threadState)) {
                return;
            }
            Memory.putLong(slot, PyErrAlreadySet.check(CPython.PyContext_CopyCurrent()));
        }
        Refs.xdecref(kept);
    }

    /** Whether {@code context} has the very variables of the thread's current context: maps are immutable. */
    private static boolean equalsCurrent(long context, long threadState) {
        if (threadState == 0 || Layout.THREAD_CONTEXT == 0) {
            return false;
        }
        long current = Memory.getLong(threadState + Layout.THREAD_CONTEXT);
        return current != 0
                && Memory.getLong(current + Layout.CONTEXT_VARS) == Memory.getLong(context + Layout.CONTEXT_VARS);
    }

    /** Gives up a reference to a handle of any type; the last one to a handle of ours recycles it. */
    void drop(long handle, long threadState) {
        if (Refs.count(handle) == 1
                && Refs.type(handle) == type
                && open
                && size < CAPACITY
                && Memory.getLong(handle + Layout.HANDLE_WEAKREFS) == 0) {
            recycle(handle, handle, threadState);
        } else {
            Refs.decref(handle);
        }
    }

    /** {@code tp_dealloc}: the count of {@code handle} is 0. */
    void dealloc(long handle) {
        if (!open
                || size >= CAPACITY
                || depth >= MAX_DEPTH
                || Refs.type(handle) != type
                || Memory.getLong(handle + Layout.HANDLE_WEAKREFS) != 0) {
            free(handle);
            return;
        }
        PyLoop loop = PyLoop.LOOPS.get(Memory.getLong(handle + Layout.HANDLE_LOOP));
        CPython.PyObject_GC_UnTrack(handle);
        Memory.putInt(handle, 1);
        depth++;
        try {
            recycle(handle, handle | UNTRACKED, loop == null ? 0 : loop.threadState);
        } finally {
            depth--;
        }
    }

    /**
     * Frees {@code handle} as the type did before us. That function, {@code subtype_dealloc}, looks for the nearest base
     * with another {@code tp_dealloc} and calls it: the slot has to be its own meanwhile, or it would find and call ours.
     */
    private void free(long handle) {
        Memory.putLong(type + Layout.TP_DEALLOC, freshDealloc);
        CPython.call(freshDealloc, handle, 0);
        if (open && !Fork.isChild()) {
            Memory.putLong(type + Layout.TP_DEALLOC, deallocUpcall);
        }
    }

    /** Empties {@code handle}, to which only we hold a reference, and pools it as {@code pooled}. */
    private void recycle(long handle, long pooled, long threadState) {
        long callback = giveUp(handle + Layout.HANDLE_CALLBACK);
        long loop = giveUp(handle + Layout.HANDLE_LOOP);
        long context = Memory.getLong(handle + Layout.HANDLE_CONTEXT);
        if (context != 0 && Refs.count(context) == 1 && equalsCurrent(context, threadState)) {
            context = 0;
        } else {
            Memory.putLong(handle + Layout.HANDLE_CONTEXT, 0);
        }
        long args = Memory.getLong(handle + Layout.HANDLE_ARGS);
        boolean keptArgs = false;
        if (args != Layout.EMPTY_TUPLE) {
            keptArgs = args != 0
                    && Refs.type(args) == Layout.TUPLE_TYPE // else the program has put it there
                    && Layout.TRACKING_VISIBLE
                    && Refs.count(args) == 1;
            if (!keptArgs) {
                Memory.putLong(handle + Layout.HANDLE_ARGS, Refs.share(Layout.EMPTY_TUPLE));
            }
        }
        if (Memory.getLong(handle + Layout.HANDLE_CANCELLED) != Layout.FALSE) {
            Refs.set(handle + Layout.HANDLE_CANCELLED, Layout.FALSE);
        }
        if (Memory.getLong(handle + Layout.HANDLE_REPR) != Layout.NONE) {
            Refs.set(handle + Layout.HANDLE_REPR, Layout.NONE);
        }
        if (Memory.getLong(handle + Layout.HANDLE_SOURCE_TRACEBACK) != Layout.NONE) {
            Refs.set(handle + Layout.HANDLE_SOURCE_TRACEBACK, Layout.NONE);
        }
        if (timers && Memory.getLong(handle + Layout.TIMER_SCHEDULED) != Layout.FALSE) {
            Refs.set(handle + Layout.TIMER_SCHEDULED, Layout.FALSE);
        }
        // Nothing can reach the handle any more; what it held is given up last, since that may run code
        if (keptArgs) {
            clearItems(args);
        } else if (args != Layout.EMPTY_TUPLE) {
            Refs.xdecref(args);
        }
        if (size == pool.length) { // what ran meanwhile filled it
            pool = java.util.Arrays.copyOf(pool, size * 2);
        }
        pool[size++] = pooled;
        Refs.xdecref(callback);
        Refs.xdecref(context);
        Refs.xdecref(loop);
    }

    /** Leaves None in every item, uncounted as in {@link #giveUp}. */
    private static void clearItems(long tuple) {
        long items = tuple + Layout.TUPLE_ITEMS;
        long end = items + 8 * Memory.getLong(tuple + Layout.OB_SIZE);
        for (long item = items; item < end; item += 8) {
            Refs.xdecref(giveUp(item));
        }
    }

    /**
     * What was in {@code slot}. Whom the collector shows a pooled handle finds None there, uncounted: {@link #make} puts
     * another object in its place before the handle can be freed.
     */
    private static long giveUp(long slot) {
        long object = Memory.getLong(slot);
        Memory.putLong(slot, Layout.NONE);
        return object;
    }

    /** Gives up a tuple whose items {@link #clearItems} emptied, or what a program has put in its place. */
    private static void giveUpEmptied(long tuple) {
        if (tuple == 0 || Refs.type(tuple) != Layout.TUPLE_TYPE) {
            Refs.xdecref(tuple);
            return;
        }
        long items = tuple + Layout.TUPLE_ITEMS;
        long end = items + 8 * Memory.getLong(tuple + Layout.OB_SIZE);
        for (long item = items; item < end; item += 8) {
            Refs.incref(Memory.getLong(item));
        }
        Refs.decref(tuple);
    }
}
