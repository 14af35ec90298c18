package jloop.bench.load;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class SocketAddressTest {
    @Test
    void shouldReadLoopbackAndUnixAddresses() {
        assertThat(SocketAddress.parse("127.0.0.1:80").family()).isEqualTo(Libc.AF_INET);
        assertThat(SocketAddress.parse("unix:/tmp/s").family()).isEqualTo(Libc.AF_UNIX);
    }

    @Test
    void shouldRefuseToLoadOtherMachines() {
        assertThatThrownBy(() -> SocketAddress.parse("192.0.2.1:80")).isInstanceOf(LoadException.class);
    }
}
