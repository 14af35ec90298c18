package jloop.cpython;

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

    /** The process ends around this daemon thread. */
    static void parkForever() {
        while (true) {
            LockSupport.park();
        }
    }
}
