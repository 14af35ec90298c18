package jloop.cpython;

/** A C API call failed and has set Python's error indicator: nothing is left to do but to return to Python. */
final class PyErrAlreadySet extends RuntimeException {
    private static final long serialVersionUID = 1L;

    static final PyErrAlreadySet INSTANCE = new PyErrAlreadySet();

    private PyErrAlreadySet() {
        super(null, null, false, false);
    }

    /** {@code object}, unless it is 0. */
    static long check(long object) {
        if (object == 0) {
            throw INSTANCE;
        }
        return object;
    }

    /** {@code result}, unless it is negative. */
    static int check(int result) {
        if (result < 0) {
            throw INSTANCE;
        }
        return result;
    }
}
