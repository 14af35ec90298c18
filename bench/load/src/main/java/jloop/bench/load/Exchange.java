package jloop.bench.load;

import java.lang.foreign.MemorySegment;

/** What one connection says and hears: a request, the reply that must follow, and again. */
interface Exchange {
    /** Makes the next request; {@code stamp} tells it from every other request of this run. */
    void next(long stamp);

    /** Address of the request's first byte; what is there is this request until another exchange is asked. */
    long request();

    /** Length of the request in bytes. */
    int requestLength();

    /**
     * Takes the next {@code length} bytes of the reply, at the start of {@code chunk}.
     *
     * @return whether the reply is complete
     * @throws LoadException if they are not what must come
     */
    boolean accept(MemorySegment chunk, int length);
}
