package jloop.engine.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import org.junit.jupiter.api.Test;

class NativeLinkerTest {
    @Test
    void theDirectLinkerIsTakenWhereItsPackagesAreOpen() {
        assertThat(NativeLinker.best()).isInstanceOf(DirectLinker.class);
    }

    @Test
    void bothCarryArgumentsResultsAndErrno() throws ReflectiveOperationException {
        assertThat(new DirectLinker().works()).isTrue();
        assertThat(new StandardLinker().works()).isTrue();
    }

    @Test
    void bothPassSixArguments() throws Throwable {
        for (NativeLinker linker : new NativeLinker[] {new DirectLinker(), new StandardLinker()}) {
            assertThat(printed(linker)).isEqualTo("3, -4, 5");
        }
    }

    @Test
    void upcallsGiveTheirResultToC() throws Throwable {
        for (NativeLinker linker : new NativeLinker[] {new DirectLinker(), new StandardLinker()}) {
            MethodHandle target = MethodHandles.lookup()
                    .findStatic(
                            NativeLinkerTest.class,
                            "negated",
                            MethodType.methodType(long.class, long.class, long.class, long.class, long.class));
            long pointer = linker.upcall(target);
            for (long value : new long[] {0, -1, Long.MAX_VALUE}) {
                assertThat((long) linker.function().invokeExact(pointer, value, 0L, 0L, 0L, 0L, 0L))
                        .isEqualTo(~value);
            }
        }
    }

    @Test
    void aSymbolThatIsNotThereIsNamed() {
        assertThat(Native.find("no_such_symbol")).isZero();
        assertThatThrownBy(() -> Native.symbol("no_such_symbol"))
                .isInstanceOf(UnsatisfiedLinkError.class)
                .hasMessageContaining("no_such_symbol");
        assertThatThrownBy(() -> Native.find("n".repeat(200))).isInstanceOf(IllegalArgumentException.class);
    }

    /** {@code int snprintf(char *str, size_t size, const char *format, …)}. */
    private static String printed(NativeLinker linker) throws Throwable {
        try (Arena arena = Arena.ofConfined()) {
            long text = arena.allocate(100).address();
            long format = arena.allocateFrom("%d, %ld, %d").address();
            long length = (int) (long)
                    linker.function().invokeExact(NativeLinker.library("snprintf"), text, 100L, format, 3L, -4L, 5L);
            assertThat(length).isEqualTo(8);
            return Memory.string(text);
        }
    }

    static long negated(long value, long unused1, long unused2, long unused3) {
        return ~value;
    }
}
