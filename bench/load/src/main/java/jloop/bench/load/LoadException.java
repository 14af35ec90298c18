package jloop.bench.load;

/** A run that cannot go on, told in one line: the server refused, closed, stalled or answered wrongly. */
final class LoadException extends RuntimeException {
    private static final long serialVersionUID = 1;

    LoadException(String message) {
        super(message);
    }
}
