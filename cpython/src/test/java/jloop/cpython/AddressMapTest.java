package jloop.cpython;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

class AddressMapTest {
    @Test
    void shouldAgreeWithAHashMapOverManyPutsAndRemovals() {
        AddressMap<String> map = new AddressMap<>();
        Map<Long, String> expected = new HashMap<>();
        Random random = new Random(1);
        for (int i = 0; i < 100_000; i++) {
            long key = 0x7f00_0000_0000L + 16L * random.nextInt(2000);
            if (random.nextInt(3) == 0) {
                map.remove(key);
                expected.remove(key);
            } else {
                map.put(key, "value " + i);
                expected.put(key, "value " + i);
            }
        }
        for (int i = 0; i < 2000; i++) {
            long key = 0x7f00_0000_0000L + 16L * i;
            assertThat(map.get(key)).isEqualTo(expected.get(key));
        }
    }

    @Test
    void shouldForgetWhatWasRemoved() {
        AddressMap<String> map = new AddressMap<>();
        map.put(160, "one");
        map.remove(160);
        map.remove(160);

        assertThat(map.get(160)).isNull();
    }
}
