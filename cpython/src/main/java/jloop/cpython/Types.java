package jloop.cpython;

/** The Python types and functions that the hot paths know, as constants. Loaded after {@link Layout} has checked this CPython. */
final class Types {
    static final long HANDLE = Namespace.get("handle");
    static final long TIMER_HANDLE = Namespace.get("timer_handle");
    static final long ASYNCIO_HANDLE = Namespace.get("asyncio_handle");
    static final long ASYNCIO_TIMER_HANDLE = Namespace.get("asyncio_timer_handle");
    /** {@code asyncio}'s handle of {@code call_soon_threadsafe}, from 3.14; before, it is {@link #HANDLE}'s. */
    static final long THREAD_SAFE_HANDLE = Namespace.get("thread_safe_handle");

    static final long ASYNCIO_THREAD_SAFE_HANDLE = Namespace.get("asyncio_thread_safe_handle");
    static final long SOCKET_TRANSPORT = Namespace.get("socket_transport");

    /** {@code run_debug(loop, handle)}. */
    static final long RUN_DEBUG = Namespace.get("run_debug");
    /** {@code callback_failed(handle, exception)}. */
    static final long CALLBACK_FAILED = Namespace.get("callback_failed");

    static final long EVENT_RAN = Namespace.get("event_ran");
    /** {@code callback_ended(loop)}. */
    static final long CALLBACK_ENDED = Namespace.get("callback_ended");
    /** {@code transport_failed(transport, exception)}. */
    static final long TRANSPORT_FAILED = Namespace.get("transport_failed");
    /** {@code fileno(object)}: the descriptor of an int or of an object with {@code fileno()}. */
    static final long FILENO = Namespace.get("fileno");

    static final HandlePool HANDLES = new HandlePool(HANDLE, false, HandleDestructors.pointer("handle"));
    static final HandlePool TIMER_HANDLES =
            new HandlePool(TIMER_HANDLE, true, HandleDestructors.pointer("timerHandle"));
    /** What {@code call_soon_threadsafe} makes. */
    static final HandlePool THREAD_SAFE_HANDLES = THREAD_SAFE_HANDLE == HANDLE
            ? HANDLES
            : new HandlePool(THREAD_SAFE_HANDLE, false, HandleDestructors.pointer("threadSafeHandle"));

    private Types() {}

    /** The pool that takes a handle of {@code type} back; any pool gives up a handle that is nobody's. */
    static HandlePool poolOf(long type) {
        return type == TIMER_HANDLE ? TIMER_HANDLES : type == HANDLE ? HANDLES : THREAD_SAFE_HANDLES;
    }

    /** Whether {@code type} is one of those whose handles Java makes. */
    static boolean isOurs(long type) {
        return type == HANDLE || type == TIMER_HANDLE || type == THREAD_SAFE_HANDLE;
    }

    /** Gives back what a burst of handles has left in the pools, little by little. May run any code. */
    static void trimPools() {
        HANDLES.trim();
        TIMER_HANDLES.trim();
        THREAD_SAFE_HANDLES.trim();
    }
}
