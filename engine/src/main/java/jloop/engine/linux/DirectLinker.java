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
 * jdk.internal.foreign.abi} with {@code .x64} and {@code .x64.sysv}, or {@code .aarch64}; {@code java.lang.invoke}), and
 * whatever is not as expected makes the constructor fail. Source: {@code DowncallLinker} and {@code UpcallLinker} of JDK 25.
 */
final class DirectLinker extends NativeLinker {
    private static final String ABI = "jdk.internal.foreign.abi.";
    /** Of the first six integer arguments, in order, and of the result: psABI-x86-64 3.2.3, AAPCS64 6.4. */
    private static final String[] AMD64_REGISTERS = {"rdi", "rsi", "rdx", "rcx", "r8", "r9"};

    private static final String[] AARCH64_REGISTERS = {"r0", "r1", "r2", "r3", "r4", "r5"};
    private static final String AMD64_RESULT = "rax";
    private static final String AARCH64_RESULT = "r0";
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
        // Not from the fields of the abi: the first field of an instance that is read so takes two milliseconds
        Class<?> named =
                Class.forName(ABI + (amd64 ? "x64.X86_64Architecture$Regs" : "aarch64.AArch64Architecture$Regs"));
        Object[] registers = registers(named, amd64 ? AMD64_REGISTERS : AARCH64_REGISTERS);
        Object[] results = registers(named, amd64 ? AMD64_RESULT : AARCH64_RESULT);
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

    /** The values of static fields. */
    private static Object[] registers(Class<?> owner, String... names) throws ReflectiveOperationException {
        Object[] registers = new Object[names.length];
        for (int i = 0; i < names.length; i++) {
            registers[i] = owner.getField(names[i]).get(null);
        }
        return registers;
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
