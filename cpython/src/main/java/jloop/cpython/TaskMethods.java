package jloop.cpython;

import java.lang.invoke.MethodHandles;
import jloop.cpython.Upcalls.Takes;
import jloop.engine.linux.Memory;
import jloop.engine.linux.Native;

/**
 * Methods of {@code jloop.Loop} that make futures and tasks: asyncio's own classes, without a Python frame in between.
 * Upcalls: see {@link Upcalls} for their rule.
 */
final class TaskMethods {
    /** {@code asyncio.tasks.__dict__} and {@code asyncio.futures.__dict__}: programs may exchange the classes there. */
    private static final long TASKS = Namespace.get("tasks_globals");

    private static final long FUTURES = Namespace.get("futures_globals");
    /** {@code create_task(loop, coro, **kwargs)} in Python: debug mode, task factories, rare keywords. */
    private static final long CREATE_TASK_SLOW = Namespace.get("create_task_slow");

    /** asyncio's classes in C, which do not keep the keywords that they are called with; None where there are none. */
    private static final long TASK_IN_C = Namespace.get("task_in_c");

    private static final long FUTURE_IN_C = Namespace.get("future_in_c");

    private static final long TASK = Names.intern("Task");
    private static final long FUTURE = Names.intern("Future");
    private static final long NAME = Names.intern("name");
    /** {@code ("loop",)}. */
    private static final long LOOP_KEYWORD = tuple(Names.LOOP, 0);

    /** The keywords of the last call that had some, and those with {@code loop} before them: call sites repeat. */
    private static long lastKeywords;

    private static long lastWithLoop;

    /** A tuple for one argument that nobody else has, with None in it; or 0. */
    private static long oneArgument;

    /** From 3.13.3 on, asyncio leaves keywords to the task. */
    private static final boolean TASKS_TAKE_KEYWORDS = Arguments.truth(Namespace.get("tasks_take_keywords"));

    private static final String CREATE_TASK_SIGNATURE =
            TASKS_TAKE_KEYWORDS ? "coro, **kwargs" : "coro, *, name=None, context=None";

    private TaskMethods() {}

    static void install() {
        MethodHandles.Lookup lookup = MethodHandles.lookup();
        long loop = Namespace.get("loop");
        Upcalls.installConstant(loop, "_debug_is_off", "get_debug", Layout.FALSE, "Whether debug mode is on.");
        Upcalls.installConstant(loop, "_runs", "is_running", Layout.TRUE, "Whether the loop runs.");
        Upcalls.install(loop, "_set_engine_task_factory", lookup, "setTaskFactory", Takes.ONE);
        if (Native.find("PyObject_Vectorcall") != 0) { // 3.10 has it inline only: there asyncio's methods stay
            Upcalls.install(
                    loop,
                    "create_future",
                    lookup,
                    "createFuture",
                    Takes.NOTHING,
                    "",
                    "A new asyncio.Future of this loop.");
            Upcalls.install(
                    loop,
                    "create_task",
                    lookup,
                    "createTask",
                    Takes.ANYTHING,
                    CREATE_TASK_SIGNATURE,
                    "Run a coroutine as a task.");
        }
    }

    /** A tuple of {@code first} and the items of {@code rest}, a tuple or 0. */
    private static long tuple(long first, long rest) {
        long count = rest == 0 ? 0 : Memory.getLong(rest + Layout.OB_SIZE);
        long tuple = PyErrAlreadySet.check(CPython.PyTuple_New(count + 1));
        Memory.putLong(tuple + Layout.TUPLE_ITEMS, Refs.share(first));
        for (long i = 0; i < count; i++) {
            long item = Memory.getLong(rest + Layout.TUPLE_ITEMS + 8 * i);
            Memory.putLong(tuple + Layout.TUPLE_ITEMS + 8 + 8 * i, Refs.share(item));
        }
        return tuple;
    }

    /** {@code _set_engine_task_factory(used)}: whether tasks are a factory's. */
    static long setTaskFactory(long self, long argument, long unused1, long unused2) {
        try {
            PyLoop loop = PyLoop.LOOPS.get(self);
            boolean used = Arguments.truth(argument);
            if (loop != null) {
                loop.taskFactory = used;
            }
            return Upcalls.none();
        } catch (Throwable t) {
            return Errors.raise(t);
        }
    }

    /** {@code create_future()}. */
    static long createFuture(long self, long unused1, long unused2, long unused3) {
        try {
            long type = global(FUTURES, FUTURE);
            PyLoop loop = type == FUTURE_IN_C ? PyLoop.LOOPS.get(self) : null;
            if (loop != null) {
                return CPython.PyObject_Call(type, Layout.EMPTY_TUPLE, loop.loopKeyword());
            }
            long chunk = Calls.take();
            Memory.putLong(chunk, self);
            long future = CPython.PyObject_VectorcallKeywords(type, chunk, 0, LOOP_KEYWORD);
            Calls.give(chunk);
            return future;
        } catch (Throwable t) {
            return Errors.raise(t);
        }
    }

    /** {@code create_task(coro, *, name=None, context=None, **kwargs)}. */
    static long createTask(long self, long args, long nargs, long kwnames) {
        try {
            PyLoop loop = PyLoop.LOOPS.get(self);
            long keywords = kwnames == 0 ? 0 : Memory.getLong(kwnames + Layout.OB_SIZE);
            if (loop == null || loop.debug || loop.taskFactory || nargs != 1 || keywords > 3 || !isCommon(kwnames)) {
                return inPython(self, args, nargs + keywords, nargs, kwnames);
            }
            long type = global(TASKS, TASK);
            long kept = type == TASK_IN_C ? keptKeywords(loop, args, kwnames) : 0;
            if (kept != 0) {
                return callWith(type, Upcalls.argument(args, 0), kept);
            }
            long chunk = Calls.take();
            Memory.putLong(chunk, Upcalls.argument(args, 0));
            Memory.putLong(chunk + 8, self);
            for (int i = 0; i < keywords; i++) {
                Memory.putLong(chunk + 16 + 8L * i, Upcalls.argument(args, 1 + i));
            }
            long task = CPython.PyObject_VectorcallKeywords(
                    type, chunk, 1, keywords == 0 ? LOOP_KEYWORD : withLoop(kwnames));
            Calls.give(chunk);
            return task;
        } catch (Throwable t) {
            return Errors.raise(t);
        }
    }

    /** The loop's own dict of the keywords of a call, where it keeps one; or 0. */
    private static long keptKeywords(PyLoop loop, long args, long kwnames) {
        if (kwnames == 0) {
            return loop.loopKeyword();
        }
        boolean onlyEager = Memory.getLong(kwnames + Layout.OB_SIZE) == 1
                && Memory.getLong(kwnames + Layout.TUPLE_ITEMS) == Names.EAGER_START
                && Upcalls.argument(args, 1) == Layout.TRUE;
        return onlyEager ? loop.eagerKeywords() : 0;
    }

    /** Whether all keywords are such as every version takes. */
    private static boolean isCommon(long kwnames) {
        long count = kwnames == 0 ? 0 : Memory.getLong(kwnames + Layout.OB_SIZE);
        for (long i = 0; i < count; i++) {
            long name = Memory.getLong(kwnames + Layout.TUPLE_ITEMS + 8 * i);
            if (name != NAME && name != Names.CONTEXT && (name != Names.EAGER_START || !TASKS_TAKE_KEYWORDS)) {
                return false;
            }
        }
        return true;
    }

    /** {@code type(argument, **keywords)} for a class of asyncio's in C. */
    private static long callWith(long type, long argument, long keywords) {
        long tuple = oneArgument;
        oneArgument = 0; // the call may make another task
        if (tuple == 0 || Refs.count(tuple) != 1) { // somebody found it through gc.get_objects()
            Refs.xdecref(tuple);
            tuple = tuple(Layout.NONE, 0);
        }
        Refs.set(tuple + Layout.TUPLE_ITEMS, argument);
        long result = CPython.PyObject_Call(type, tuple, keywords);
        if (oneArgument == 0 && Refs.count(tuple) == 1) {
            Refs.set(tuple + Layout.TUPLE_ITEMS, Layout.NONE);
            oneArgument = tuple;
        } else {
            Refs.decref(tuple);
        }
        return result;
    }

    private static long withLoop(long kwnames) {
        if (kwnames != lastKeywords) {
            long combined = tuple(Names.LOOP, kwnames);
            long oldKeywords = lastKeywords;
            long oldCombined = lastWithLoop;
            lastKeywords = Refs.share(kwnames);
            lastWithLoop = combined;
            Refs.xdecref(oldKeywords);
            Refs.xdecref(oldCombined);
        }
        return lastWithLoop;
    }

    private static long global(long globals, long name) {
        long value = CPython.PyDict_GetItemWithError(globals, name);
        if (value == 0) {
            throw new IllegalStateException("asyncio has lost Future or Task");
        }
        return value;
    }

    private static long inPython(long self, long args, long total, long nargs, long kwnames) {
        try (java.lang.foreign.Arena arena = java.lang.foreign.Arena.ofConfined()) {
            long array = arena.allocate(8 * (total + 1), 8).address();
            Memory.putLong(array, self);
            Memory.copy(args, array + 8, 8 * total);
            return CPython.PyObject_VectorcallKeywords(CREATE_TASK_SLOW, array, nargs + 1, kwnames);
        }
    }
}
