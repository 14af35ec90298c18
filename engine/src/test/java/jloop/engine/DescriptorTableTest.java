package jloop.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class DescriptorTableTest {
    @Test
    void shouldMakeRoomAndLeaveNothingOpen() throws IOException {
        long open = open();

        new DescriptorTable().grow();

        assertThat(size()).isGreaterThanOrEqualTo(1024);
        assertThat(open()).isEqualTo(open);
    }

    private static long open() throws IOException {
        try (Stream<Path> descriptors = Files.list(Path.of("/proc/self/fd"))) {
            return descriptors.count();
        }
    }

    private static int size() throws IOException {
        try (Stream<String> lines = Files.lines(Path.of("/proc/self/status"))) {
            String line =
                    lines.filter(text -> text.startsWith("FDSize:")).findFirst().orElseThrow();
            return Integer.parseInt(line.substring("FDSize:".length()).trim());
        }
    }
}
