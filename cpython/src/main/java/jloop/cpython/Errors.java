package jloop.cpython;

import java.lang.foreign.Arena;
import jloop.engine.EngineException;
import jloop.engine.Fork;
import jloop.engine.linux.Memory;

/** Python's error indicator, set and taken. GIL held. */
final class Errors {
    static final long TYPE_ERROR = CPython.variable("PyExc_TypeError");
    static final long VALUE_ERROR = CPython.variable("PyExc_ValueError");
    static final long RUNTIME_ERROR = CPython.variable("PyExc_RuntimeError");
    static final long OVERFLOW_ERROR = CPython.variable("PyExc_OverflowError");
    private static final long RECURSION_ERROR = CPython.variable("PyExc_RecursionError");
    private static final long MEMORY_ERROR = CPython.variable("PyExc_MemoryError");
    private static final long SYSTEM_EXIT = CPython.variable("PyExc_SystemExit");
    private static final long KEYBOARD_INTERRUPT = CPython.variable("PyExc_KeyboardInterrupt");

    private Errors() {}

    /** Sets {@code type(message)} and returns NULL, for {@code return Errors.raise(…)}. */
    static long raise(long type, String message) {
        try (Arena arena = Arena.ofConfined()) {
            CPython.PyErr_SetString(type, arena.allocateFrom(message).address());
        }
        return 0;
    }

    /** What an upcall does with anything thrown: it becomes a Python error. Returns NULL. Throws nothing. */
    static long raise(Throwable thrown) {
        try {
            // First and plainly: a forked child leaves this way, see rehearse()
            if (thrown == PyErrAlreadySet.INSTANCE) {
                return 0;
            }
            switch (thrown) {
                case EngineException e -> raiseOsError(e.errno());
                case StackOverflowError ignored -> raise(RECURSION_ERROR, "the stack is used up (in jloop's engine)");
                case OutOfMemoryError e -> raise(MEMORY_ERROR, "jloop's JVM: " + e.getMessage());
                default -> raise(RUNTIME_ERROR, "jloop: internal error: " + describe(thrown));
            }
        } catch (Throwable again) {
            CPython.PyErr_SetString(RUNTIME_ERROR, Names.INTERNAL_ERROR);
        }
        return 0;
    }

    private static String describe(Throwable thrown) {
        StringBuilder text = new StringBuilder(thrown.toString());
        StackTraceElement[] trace = thrown.getStackTrace();
        for (int i = 0; i < Math.min(6, trace.length); i++) {
            text.append(" < ").append(trace[i]);
        }
        return text.toString();
    }

    /** Sets {@code OSError(errno, strerror(errno))}, of the subclass that fits. Returns NULL. */
    static long raiseOsError(int errno) {
        long number = CPython.PyLong_FromLong(errno);
        if (number != 0) {
            long result = Calls.call(Namespace.get("raise_os_error"), number);
            Refs.decref(number);
            Refs.xdecref(result);
        }
        return 0;
    }

    /** Whether {@code exception} must leave the loop instead of going to the exception handler. */
    static boolean leavesLoop(long exception) {
        return Fork.isChild() // where the loop ends in any case
                || CPython.PyErr_GivenExceptionMatches(exception, SYSTEM_EXIT) != 0
                || CPython.PyErr_GivenExceptionMatches(exception, KEYBOARD_INTERRUPT) != 0;
    }

    /** Takes the error that is set: the exception, with its traceback. A new reference, never 0. */
    static long take() {
        long triple = Calls.take();
        CPython.PyErr_Fetch(triple, triple + 8, triple + 16);
        CPython.PyErr_NormalizeException(triple, triple + 8, triple + 16);
        long type = Memory.getLong(triple);
        long value = Memory.getLong(triple + 8);
        long traceback = Memory.getLong(triple + 16);
        Calls.give(triple);
        if (traceback != 0) {
            CPython.PyException_SetTraceback(value, traceback);
            Refs.decref(traceback);
        }
        Refs.xdecref(type);
        return value;
    }

    /**
     * Makes {@code exception}, borrowed, the one that is being handled, as the body of an {@code except} has it: what is
     * called now finds it by {@code sys.exc_info()}. Returns what {@link #handled} wants.
     */
    static long handle(long exception) {
        long before = Calls.take();
        long below = Calls.take();
        CPython.PyErr_GetExcInfo(before, before + 8, before + 16);
        CPython.PyErr_SetExcInfo(0, 0, 0);
        CPython.PyErr_GetExcInfo(below, below + 8, below + 16);
        if (Memory.getLong(before + 8) == Memory.getLong(below + 8)) {
            dropTriple(before); // what is handled further out: a generator runs us, and is not to keep it
        }
        dropTriple(below);
        Calls.give(below);
        CPython.PyErr_SetExcInfo(
                Refs.share(Refs.type(exception)), Refs.share(exception), CPython.PyException_GetTraceback(exception));
        return before;
    }

    private static void dropTriple(long triple) {
        for (int i = 0; i < 24; i += 8) {
            long object = Memory.getLong(triple + i);
            Memory.putLong(triple + i, 0);
            Refs.xdecref(object);
        }
    }

    /** Ends what {@link #handle} began. An error that is set stays so. */
    static void handled(long before) {
        CPython.PyErr_SetExcInfo(Memory.getLong(before), Memory.getLong(before + 8), Memory.getLong(before + 16));
        Calls.give(before);
    }

    /** Sets {@code exception} as the error, with the traceback it has. Takes the reference. */
    static void restore(long exception) {
        CPython.PyErr_Restore(Refs.share(Refs.type(exception)), exception, CPython.PyException_GetTraceback(exception));
    }

    /**
     * Takes an error on its way out of the loop, and drops it: a forked child that goes this way later has all of it
     * loaded and linked. There that could wait for ever, for threads of the JVM that are in the parent only.
     */
    static void rehearse() {
        raise(RUNTIME_ERROR, "");
        long exception = take();
        leavesLoop(exception);
        restore(exception);
        raise(PyErrAlreadySet.INSTANCE);
        Refs.decref(take());
    }

    /** Reports the error that is set where nobody can be told: {@code sys.unraisablehook}. */
    static void unraisable(long object) {
        CPython.PyErr_WriteUnraisable(object);
    }
}
