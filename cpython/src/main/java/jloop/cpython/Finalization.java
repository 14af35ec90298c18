package jloop.cpython;

import java.lang.invoke.MethodHandles;
import java.util.concurrent.locks.LockSupport;

/** What happens while the interpreter ends: its {@code atexit} hook has run, and threads still sit in Java. */
final class Finalization {
    /** The {@code PyThreadState} of the thread that ends the interpreter, which may go on. */
    private static volatile long endingThread;

    private Finalization() {}

    /** From {@code atexit}, GIL held. */
    static void begin() {
        endingThread = CPython.PyThreadState_Get();
        PyLoop.beginExit();
        Types.HANDLES.close();
        Types.TIMER_HANDLES.close();
        Types.THREAD_SAFE_HANDLES.close();
    }

    static boolean isMainThread(long threadState) {
        return threadState == endingThread;
    }

    /**
     * The address of a C function for CPython to call instead of {@code void pthread_exit(void *)}, as it does before 3.14
     * when a daemon thread asks for the GIL. A thread that ends so while it runs a callback leaves Java's frames on a stack
     * that is gone, and the next garbage collection looks at them.
     */
    static long parkingPlace() {
        return Upcalls.pointer(MethodHandles.lookup(), "park");
    }

    /** {@code void park(void *)}, GIL not held. */
    static long park(long unused1, long unused2, long unused3, long unused4) {
        parkForever();
        return 0;
    }

    /** The process ends around this daemon thread. */
    static void parkForever() {
        while (true) {
            LockSupport.park();
        }
    }
}
