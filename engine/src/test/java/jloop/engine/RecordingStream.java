package jloop.engine;

import java.io.ByteArrayOutputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** Notes all that it is told. */
final class RecordingStream extends StreamChannel {
    final ByteArrayOutputStream read = new ByteArrayOutputStream();
    final List<String> events = new ArrayList<>();
    final List<Long> released = new ArrayList<>();
    final List<Long> reads = new ArrayList<>();
    long capacity = super.readCapacity();
    Runnable whenRead = () -> {};
    Runnable whenEnded = this::stopReading;

    RecordingStream(EventLoop loop, int fd) {
        this(loop, fd, 0);
    }

    RecordingStream(EventLoop loop, int fd, long record) {
        super(loop, fd, record);
    }

    /** What was read, as ASCII. */
    String text() {
        return read.toString(StandardCharsets.US_ASCII);
    }

    @Override
    protected long readCapacity() {
        return capacity;
    }

    @Override
    protected void received(long address, long count) {
        reads.add(count);
        whenRead.run();
        read.writeBytes(MemorySegment.ofAddress(address).reinterpret(count).toArray(ValueLayout.JAVA_BYTE));
    }

    @Override
    protected void endOfFile() {
        events.add("end of file");
        whenEnded.run();
    }

    @Override
    protected void readFailed(int errno) {
        events.add("read failed " + errno);
    }

    @Override
    protected void writeFailed(int errno) {
        events.add("write failed " + errno);
    }

    @Override
    protected void aboveHighWater() {
        events.add("above high water");
    }

    @Override
    protected void blocked() {
        events.add("blocked");
    }

    @Override
    protected void drained() {
        events.add("drained");
    }

    @Override
    protected void releaseOwner(long owner) {
        released.add(owner);
    }
}
