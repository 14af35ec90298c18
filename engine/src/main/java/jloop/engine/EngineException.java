package jloop.engine;

/** A system call of the engine failed; the message starts with the call's name. */
public final class EngineException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final int errno;

    EngineException(String call, int errno) {
        super(call + ": errno " + errno);
        this.errno = errno;
    }

    /** The error number, as {@code errno(3)} has it. */
    public int errno() {
        return errno;
    }

    /** {@code result}, unless it is {@code -errno}. */
    static int check(String call, int result) {
        if (result < 0) {
            throw new EngineException(call, -result);
        }
        return result;
    }
}
