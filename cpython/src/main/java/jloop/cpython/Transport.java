package jloop.cpython;

/** What a loop keeps of a transport: a channel of the engine with a face in Python. GIL held. */
interface Transport {
    /** The descriptor, borrowed from the Python socket object. */
    int fd();

    /** What the poller watches for it. */
    int interest();

    /** The transport's Python object: an owned reference until {@link #close}. */
    long address();

    /** The socket object that somebody else may close: an owned reference until {@link #close}, or 0. */
    long socket();

    /** Ends reading and writing, and gives up the reference to the transport. */
    void close();
}
