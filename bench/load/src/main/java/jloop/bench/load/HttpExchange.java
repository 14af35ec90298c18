package jloop.bench.load;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Locale;

/**
 * A GET over a connection that is kept alive, and the 200 that must follow, with a {@code Content-Length} and always the
 * same body.
 *
 * <p>Heads are parsed once; later ones pass if they have the same length, status and end. Should the length of the body
 * change unnoticed by that, the next head is not where it is looked for and the run fails.
 */
final class HttpExchange implements Exchange {
    private static final int HEAD_MAX = 16 * 1024;
    private static final byte[] STATUS_OK = ascii("HTTP/1.1 200 ");
    private static final MemorySegment STATUS = inMemory(Arena.global(), STATUS_OK);
    private static final int HEAD_END =
            inMemory(Arena.global(), ascii("\r\n\r\n")).get(JAVA_INT_UNALIGNED, 0);

    /** The body that the first reply of a run brought, which all replies of the run must bring. */
    static final class Body {
        private final Arena arena;
        // null before the first
        private MemorySegment bytes;
        // how much of it has been seen
        private long known;

        Body(Arena arena) {
            this.arena = arena;
        }

        private void compare(long offset, MemorySegment chunk, long from, long to, int length) {
            if (bytes == null) {
                bytes = arena.allocate(Math.max(length, 1));
            }
            if (bytes.byteSize() != Math.max(length, 1)) {
                throw new LoadException("a body of " + length + " bytes, not " + bytes.byteSize() + " as before");
            }
            long end = offset + to - from;
            if (known < end && known >= offset) {
                MemorySegment.copy(chunk, from + known - offset, bytes, known, end - known);
                known = end;
            }
            if (MemorySegment.mismatch(bytes, offset, end, chunk, from, to) != -1) {
                throw new LoadException("a body that differs from the first one");
            }
        }
    }

    private final MemorySegment request;
    private final Body body;

    private final byte[] head = new byte[HEAD_MAX];
    /** How much of a head that came in pieces is in {@link #head}. */
    private int headPending;
    /** Length of the last head, with its empty line; 0 before the first. */
    private int headLength;

    private int bodyLength;
    /** Bytes of the body still to come, -1 while the head is. */
    private int remaining = -1;

    HttpExchange(Arena arena, String path, Body body) {
        request = inMemory(arena, ascii("GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\n\r\n"));
        this.body = body;
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }

    private static MemorySegment inMemory(Arena arena, byte[] bytes) {
        return arena.allocateFrom(JAVA_BYTE, bytes);
    }

    @Override
    public void next(long stamp) {
        remaining = -1;
    }

    @Override
    public long request() {
        return request.address();
    }

    @Override
    public int requestLength() {
        return (int) request.byteSize();
    }

    /** The length of the body of the last reply, in bytes. */
    int bodyLength() {
        return bodyLength;
    }

    @Override
    public boolean accept(MemorySegment chunk, int length) {
        int at = 0;
        if (remaining < 0) {
            at = looksAsBefore(chunk, length) ? headLength : parseHead(chunk, length);
            if (at < 0) {
                return false;
            }
            remaining = bodyLength;
        }
        int count = length - at;
        if (count > remaining) {
            throw new LoadException(count - remaining + " bytes more than Content-Length said");
        }
        body.compare(bodyLength - remaining, chunk, at, length, bodyLength);
        remaining -= count;
        return remaining == 0;
    }

    private boolean looksAsBefore(MemorySegment chunk, int length) {
        return headLength != 0
                && headPending == 0
                && length >= headLength
                && chunk.get(JAVA_INT_UNALIGNED, headLength - 4) == HEAD_END
                && MemorySegment.mismatch(STATUS, 0, STATUS_OK.length, chunk, 0, STATUS_OK.length) == -1;
    }

    /** Returns where in {@code chunk} the body starts, or -1 if the head goes on in the next chunk. */
    private int parseHead(MemorySegment chunk, int length) {
        int before = headPending;
        int take = Math.min(length, HEAD_MAX - before);
        MemorySegment.copy(chunk, JAVA_BYTE, 0, head, before, take);
        int end = endOfHead(before + take, Math.max(0, before - 3));
        if (end < 0) {
            if (before + take == HEAD_MAX) {
                throw new LoadException("a reply's head of more than " + HEAD_MAX + " bytes");
            }
            headPending = before + take;
            return -1;
        }
        headPending = 0;
        headLength = end;
        if (!Arrays.equals(head, 0, STATUS_OK.length, STATUS_OK, 0, STATUS_OK.length)) {
            throw new LoadException("not a 200: " + new String(head, 0, Math.min(end, 40), StandardCharsets.US_ASCII));
        }
        bodyLength = contentLength(new String(head, 0, end, StandardCharsets.US_ASCII));
        return end - before;
    }

    private int endOfHead(int length, int from) {
        for (int i = from; i + 4 <= length; i++) {
            if (head[i] == '\r' && head[i + 1] == '\n' && head[i + 2] == '\r' && head[i + 3] == '\n') {
                return i + 4;
            }
        }
        return -1;
    }

    private static int contentLength(String head) {
        for (String line : head.split("\r\n")) {
            if (line.toLowerCase(Locale.ROOT).startsWith("content-length:")) {
                return Integer.parseInt(line.substring(15).strip());
            }
        }
        throw new LoadException("a reply without Content-Length");
    }
}
