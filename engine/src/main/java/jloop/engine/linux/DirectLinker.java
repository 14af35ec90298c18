package jloop.engine.linux;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodType;
import java.lang.reflect.Array;
import java.lang.reflect.Constructor;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.util.Arrays;

/**
 * What lies below {@link java.lang.foreign.Linker}: the same machine code, without the classes that the linker writes
 * around it at run time to convert arguments. We pass longs only, nothing is to be converted, and a third of a process's
 * start is saved.
 *
 * <p>Nothing of it is a promise of Java's. The packages must be opened ({@code --add-opens java.base/…}: {@code
 * jdk.internal.foreign.abi} with {@code .x64.sysv} or {@code .aarch64}, {@code java.lang.invoke}), and whatever is not as
 * expected makes the constructor fail. Source: {@code DowncallLinker} and {@code UpcallLinker} of JDK 25.
 */
final class DirectLinker extends NativeLinker {
    private static final String ABI = "jdk.internal.foreign.abi.";
    private static final int INTEGER = 0; // StorageType of X86_64Architecture and of AArch64Architecture
    private static final int CAPTURE_ERRNO = 1 << 2; // CapturableState

    private final Class<?> storageType = Class.forName(ABI + "VMStorage");
    private final Object abi;
    private final Object callRegisters;
    private final Method makeUpcallStub;
    private final MethodHandle function;
    private final MethodHandle systemCall;

    /**
     * @throws ReflectiveOperationException if this Java has not what is needed
     * @throws java.lang.reflect.InaccessibleObjectException if its packages are not open
     */
    DirectLinker() throws ReflectiveOperationException {
        boolean amd64 = System.getProperty("os.arch").equals("amd64");
        Field descriptor = Class.forName(ABI + (amd64 ? "x64.sysv" : "aarch64") + ".CallArranger")
                .getDeclaredField(amd64 ? "CSysV" : "C");
        descriptor.setAccessible(true);
        abi = descriptor.get(null);
        Class<?> abiType = abi.getClass();
        Class<?> storagesType = storageType.arrayType();
        Object[] registers = ((Object[][]) abiType.getField("inputStorage").get(abi))[INTEGER];
        Object[] results = ((Object[][]) abiType.getField("outputStorage").get(abi))[INTEGER];
        Object result = storages(results, 1);

        Class<?> entryType = Class.forName(ABI + "NativeEntryPoint");
        Method makeEntry = entryType.getMethod(
                "make",
                abiType,
                storagesType, // argMoves
                storagesType, // returnMoves
                MethodType.class,
                boolean.class, // needsReturnBuffer
                int.class, // capturedStateMask
                boolean.class, // needsTransition
                boolean.class); // usingAddressPairs
        Method makeHandle = Class.forName("java.lang.invoke.NativeMethodHandle").getMethod("make", entryType);
        makeHandle.setAccessible(true);
        Object target = abiType.getMethod("targetAddrStorage").invoke(abi);
        Object errno = abiType.getMethod("capturedStateStorage").invoke(abi);
        function = (MethodHandle) makeHandle.invoke(
                null,
                makeEntry.invoke(null, abi, storages(registers, 6, target), result, longs(7), false, 0, true, false));
        systemCall = (MethodHandle) makeHandle.invoke(
                null,
                makeEntry.invoke(
                        null,
                        abi,
                        storages(registers, 6, target, errno),
                        result,
                        longs(8),
                        false,
                        CAPTURE_ERRNO,
                        true,
                        false));

        Class<?> callRegistersType = Class.forName(ABI + "UpcallLinker$CallRegs");
        Constructor<?> makeCallRegisters = callRegistersType.getDeclaredConstructor(storagesType, storagesType);
        makeCallRegisters.setAccessible(true);
        callRegisters = makeCallRegisters.newInstance(storages(registers, 4), result);
        makeUpcallStub = Class.forName(ABI + "UpcallLinker")
                .getDeclaredMethod(
                        "makeUpcallStub",
                        MethodHandle.class,
                        abiType,
                        callRegistersType,
                        boolean.class, // needsReturnBuffer
                        long.class); // returnBufferSize
        makeUpcallStub.setAccessible(true);
    }

    @Override
    MethodHandle function() {
        return function;
    }

    @Override
    MethodHandle systemCall() {
        return systemCall;
    }

    @Override
    long upcall(MethodHandle target) {
        long address;
        try {
            address = (long) makeUpcallStub.invoke(null, target, abi, callRegisters, false, 0L);
        } catch (ReflectiveOperationException e) {
            throw new LinkageError("no function pointer for " + target, e);
        }
        if (address == 0) {
            throw new OutOfMemoryError("no room for a function pointer");
        }
        return address;
    }

    /** {@code first}, then {@code count} of {@code registers}: a {@code VMStorage[]}. */
    private Object storages(Object[] registers, int count, Object... first) {
        Object all = Array.newInstance(storageType, first.length + count);
        System.arraycopy(first, 0, all, 0, first.length);
        System.arraycopy(registers, 0, all, first.length, count);
        return all;
    }

    private static MethodType longs(int count) {
        Class<?>[] types = new Class<?>[count];
        Arrays.fill(types, long.class);
        return MethodType.methodType(long.class, types);
    }
}
