package jloop.engine.linux;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.Arrays;

/** {@link Linker}, as every Java from 22 on has it. */
final class StandardLinker extends NativeLinker {
    private static final Linker LINKER = Linker.nativeLinker();
    private static final FunctionDescriptor SIX_LONGS = longs(6);
    private static final FunctionDescriptor FOUR_LONGS = longs(4);
    private static final MethodHandle SEGMENT = method(MemorySegment.class, "ofAddress");
    private static final MethodHandle ERRNO = method(StandardLinker.class, "errno");

    @Override
    MethodHandle function() {
        return MethodHandles.filterArguments(LINKER.downcallHandle(SIX_LONGS), 0, SEGMENT);
    }

    @Override
    MethodHandle systemCall() {
        MethodHandle handle = LINKER.downcallHandle(SIX_LONGS, Linker.Option.captureCallState("errno"));
        return MethodHandles.filterArguments(handle, 0, SEGMENT, ERRNO);
    }

    @Override
    long upcall(MethodHandle target) {
        return LINKER.upcallStub(target, FOUR_LONGS, Arena.global()).address();
    }

    static MemorySegment errno(long address) {
        return MemorySegment.ofAddress(address)
                .reinterpret(Linker.Option.captureStateLayout().byteSize());
    }

    private static MethodHandle method(Class<?> type, String name) {
        try {
            return MethodHandles.lookup()
                    .findStatic(type, name, MethodType.methodType(MemorySegment.class, long.class));
        } catch (ReflectiveOperationException e) {
            throw new LinkageError(name, e);
        }
    }

    private static FunctionDescriptor longs(int count) {
        MemoryLayout[] arguments = new MemoryLayout[count];
        Arrays.fill(arguments, JAVA_LONG);
        return FunctionDescriptor.of(JAVA_LONG, arguments);
    }
}
