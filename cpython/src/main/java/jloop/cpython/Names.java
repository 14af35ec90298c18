package jloop.cpython;

import jloop.engine.linux.Memory;

/** C strings, and interned Python strings, that are used more than once. */
final class Names {
    // C strings
    static final long CONTEXT_TEXT = Memory.cString("context");
    static final long INTERNAL_ERROR = Memory.cString("jloop: internal error");

    // interned str objects
    static final long CONTEXT = intern("context");
    static final long LOOP = intern("loop");
    static final long EAGER_START = intern("eager_start");
    static final long DATA_RECEIVED = intern("data_received");
    static final long GET_BUFFER = intern("get_buffer");
    static final long BUFFER_UPDATED = intern("buffer_updated");
    static final long RUN = intern("_run");
    static final long CREATE_FUTURE = intern("create_future");
    static final long SET_RESULT = intern("set_result");
    static final long ENSURE_FD_NO_TRANSPORT = intern("_ensure_fd_no_transport");

    private Names() {}

    /** A new reference that is kept for good. */
    static long intern(String text) {
        return PyErrAlreadySet.check(CPython.PyUnicode_InternFromString(Memory.cString(text)));
    }
}
