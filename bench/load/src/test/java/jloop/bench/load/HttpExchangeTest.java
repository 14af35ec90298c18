package jloop.bench.load;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class HttpExchangeTest {
    private final Arena arena = Arena.ofAuto();
    private final HttpExchange exchange = new HttpExchange(arena, "/", new HttpExchange.Body(arena));

    private static String reply(String body) {
        return "HTTP/1.1 200 OK\r\ncontent-length: " + body.length() + "\r\n\r\n" + body;
    }

    private boolean accept(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
        return exchange.accept(MemorySegment.ofArray(bytes), bytes.length);
    }

    @Test
    void shouldAcceptRepliesOneAfterAnother() {
        for (int i = 0; i < 3; i++) {
            exchange.next(i);
            assertThat(accept(reply("hello"))).isTrue();
        }
    }

    @Test
    void shouldAcceptAReplyByteByByte() {
        for (int i = 0; i < 2; i++) {
            exchange.next(i);
            String text = reply("hello");
            for (int at = 0; at < text.length() - 1; at++) {
                assertThat(accept(text.substring(at, at + 1))).isFalse();
            }
            assertThat(accept(text.substring(text.length() - 1))).isTrue();
        }
    }

    @Test
    void shouldRejectAnotherStatus() {
        exchange.next(0);
        assertThatThrownBy(() -> accept("HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n"))
                .isInstanceOf(LoadException.class)
                .hasMessageContaining("500");
    }

    @Test
    void shouldRejectAnotherStatusOfTheSameLengthLater() {
        exchange.next(0);
        accept(reply("hello"));
        exchange.next(1);
        assertThatThrownBy(() -> accept(reply("hello").replace("200 OK", "500 Oh")))
                .isInstanceOf(LoadException.class);
    }

    @Test
    void shouldRejectAnotherBody() {
        exchange.next(0);
        accept(reply("hello"));
        exchange.next(1);
        assertThatThrownBy(() -> accept(reply("hallo"))).isInstanceOf(LoadException.class);
    }

    @Test
    void shouldRejectMoreThanTheBody() {
        exchange.next(0);
        assertThatThrownBy(() -> accept(reply("hello") + "!")).isInstanceOf(LoadException.class);
    }
}
