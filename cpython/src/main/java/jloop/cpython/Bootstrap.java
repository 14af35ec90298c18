package jloop.cpython;

import java.lang.invoke.MethodHandles;
import jloop.cpython.Upcalls.Takes;
import jloop.engine.Fork;
import jloop.engine.linux.Memory;
import jloop.engine.linux.Native;

/** Where Python enters: called once through JNI by {@code jloop._jvm}, GIL held. */
public final class Bootstrap {
    private Bootstrap() {}

    /**
     * Checks this CPython and installs Java's methods on the classes in {@code namespace}.
     *
     * @param namespace address of the dict that {@code jloop._native} keeps; on failure Python's error is set
     */
    public static void start(long namespace) {
        try {
            Namespace.set(namespace);
            Layout.check();
            Roots.install();
            LoopMethods.install();
            TaskMethods.install();
            SocketMethods.install();
            HandleMethods.install();
            TransportMethods.install();
            initialize(Contexts.class, SocketTransport.class);
            long hooks = Namespace.get("hooks");
            long forkWord = PyErrAlreadySet.check(CPython.PyLong_FromLong(Fork.address()));
            PyErrAlreadySet.check(CPython.PyObject_SetAttrString(hooks, Memory.cString("fork_word"), forkWord));
            Refs.decref(forkWord);
            Upcalls.install(hooks, "prepare_fork", MethodHandles.lookup(), "prepareFork", Takes.NOTHING);
            Upcalls.install(hooks, "begin_exit", MethodHandles.lookup(), "beginExit", Takes.ONE);
            Upcalls.install(hooks, "install_datagrams", MethodHandles.lookup(), "installDatagrams", Takes.NOTHING);
        } catch (Throwable t) {
            if (Native.find("PyErr_SetString") == 0) {
                throw t; // not inside of CPython
            }
            Errors.raise(cause(t));
        }
    }

    /**
     * Initializes the classes that run Python code meanwhile: to find a slot an object is made and freed, with its
     * {@code __del__}, and making one can start the collector. Either may give the GIL away. A thread that took it and
     * needed the class as well would wait for it with the GIL held, for ever. Here none can: {@code jloop._native} holds
     * its lock, and nobody has a loop or an endpoint before it is released.
     */
    private static void initialize(Class<?>... classes) {
        try {
            for (Class<?> type : classes) {
                MethodHandles.lookup().ensureInitialized(type);
            }
        } catch (IllegalAccessException e) {
            throw new AssertionError(e); // they are of this package
        }
    }

    private static Throwable cause(Throwable t) {
        return t instanceof ExceptionInInitializerError && t.getCause() != null ? t.getCause() : t;
    }

    /** {@code install_datagrams()}: the first datagram transport is about to be made. */
    static long installDatagrams(long self, long unused1, long unused2, long unused3) {
        try {
            DatagramMethods.install();
            initialize(DatagramTransport.class);
            return Upcalls.none();
        } catch (Throwable t) {
            return Errors.raise(cause(t));
        }
    }

    /** {@code prepare_fork()}: the thread that runs a loop forks in a moment. */
    static long prepareFork(long self, long args, long nargs, long kwnames) {
        try {
            Errors.rehearse();
            return Upcalls.none();
        } catch (Throwable t) {
            return Errors.raise(t);
        }
    }

    /** {@code begin_exit(park)}: the interpreter is about to end. Returns {@link Finalization#parkingPlace} if asked to. */
    static long beginExit(long self, long park, long unused1, long unused2) {
        try {
            Finalization.begin();
            return CPython.PyLong_FromLong(park == Layout.TRUE ? Finalization.parkingPlace() : 0);
        } catch (Throwable t) {
            return Errors.raise(t);
        }
    }
}
