package jloop.bench.load;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class EchoExchangeTest {
    private static final int SIZE = 1000;

    private static MemorySegment request(Exchange exchange) {
        MemorySegment memory = MemorySegment.ofAddress(exchange.request()).reinterpret(exchange.requestLength());
        return MemorySegment.ofArray(memory.toArray(JAVA_BYTE)).asReadOnly();
    }

    private static EchoExchange plain(long stamp) {
        EchoExchange exchange = new EchoExchange(EchoExchange.Message.plain(Arena.ofAuto(), SIZE));
        exchange.next(stamp);
        return exchange;
    }

    @Test
    void shouldAcceptItsOwnMessageInPieces() {
        EchoExchange exchange = plain(42);
        MemorySegment reply = request(exchange);
        assertThat(exchange.accept(reply.asSlice(0, 3), 3)).isFalse();
        assertThat(exchange.accept(reply.asSlice(3), SIZE - 4)).isFalse();
        assertThat(exchange.accept(reply.asSlice(SIZE - 1), 1)).isTrue();
    }

    @Test
    void shouldRejectTheReplyToAnEarlierRequest() {
        EchoExchange exchange = plain(42);
        MemorySegment reply = request(exchange);
        exchange.next(43);
        assertThatThrownBy(() -> exchange.accept(reply, SIZE)).isInstanceOf(LoadException.class);
    }

    @Test
    void shouldRejectTheReplyOfAnotherConnection() {
        EchoExchange.Message message = EchoExchange.Message.plain(Arena.ofAuto(), SIZE);
        EchoExchange one = new EchoExchange(message);
        EchoExchange other = new EchoExchange(message);
        one.next(1);
        other.next(2);
        MemorySegment reply = request(one);
        request(other);
        assertThatThrownBy(() -> other.accept(reply, SIZE)).isInstanceOf(LoadException.class);
        assertThat(one.accept(reply, SIZE)).isTrue();
    }

    @Test
    void shouldRejectMoreThanTheMessage() {
        EchoExchange exchange = plain(42);
        MemorySegment twice = MemorySegment.ofArray(new byte[SIZE + 1]).copyFrom(request(exchange));
        assertThatThrownBy(() -> exchange.accept(twice, SIZE + 1)).isInstanceOf(LoadException.class);
    }

    @ParameterizedTest
    @ValueSource(ints = {8, 125, 126, 65_535, 65_536})
    void shouldMaskWhatAWebSocketClientSends(int size) {
        EchoExchange exchange = new EchoExchange(EchoExchange.Message.webSocket(Arena.ofAuto(), size));
        exchange.next(0x1122334455667788L);
        byte[] sent = request(exchange).toArray(JAVA_BYTE);
        int head = size < 126 ? 2 : size < 65_536 ? 4 : 10;
        assertThat(sent[1] & 0x80).as("mask bit").isEqualTo(0x80);

        byte[] reply = new byte[head + size];
        System.arraycopy(sent, 0, reply, 0, head);
        reply[1] &= 0x7f;
        for (int i = 0; i < size; i++) {
            reply[head + i] = (byte) (sent[head + 4 + i] ^ sent[head + i % 4]);
        }
        assertThat(exchange.accept(MemorySegment.ofArray(reply), reply.length)).isTrue();
    }
}
