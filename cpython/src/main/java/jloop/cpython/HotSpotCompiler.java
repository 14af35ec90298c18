package jloop.cpython;

import java.lang.classfile.ClassFile;
import java.lang.constant.ClassDesc;
import java.lang.constant.ConstantDescs;
import java.lang.constant.MethodTypeDesc;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.reflect.Executable;
import java.lang.reflect.Field;
import java.security.ProtectionDomain;

/**
 * HotSpot's compiler, asked for single methods: {@code jdk.test.whitebox.WhiteBox}, a class that every HotSpot has native
 * methods for ({@code whitebox.cpp}) and no JDK brings along. So it is written here, into the boot loader, the only one
 * that may have it.
 *
 * <p>HotSpot's flag {@code WhiteBoxAPI} has to be set while an instance is made.
 */
final class HotSpotCompiler {
    /** {@code CompLevel_full_profile}: by C1, with counters; these begin with what the start-up cache knows. */
    static final int COUNTING = 3;

    /** {@code CompLevel_full_optimization}: by C2, by what was counted. */
    static final int OPTIMIZED = 4;

    private static final String WHITE_BOX = "jdk.test.whitebox.WhiteBox";
    private static final int NOT_IN_A_LOOP = -1; // InvocationEntryBci
    private static final int NATIVE = ClassFile.ACC_PUBLIC | ClassFile.ACC_STATIC | ClassFile.ACC_NATIVE;

    private final MethodHandle enqueue;
    private final MethodHandle isQueued;
    private final MethodHandle level;

    /**
     * @throws ReflectiveOperationException if this Java has not what is needed
     * @throws LinkageError if HotSpot does not have these methods, or if an instance was made before
     */
    HotSpotCompiler() throws ReflectiveOperationException {
        Field field = MethodHandles.Lookup.class.getDeclaredField("IMPL_LOOKUP");
        field.setAccessible(true); // java.lang.invoke is open to us: DirectLinker
        MethodHandles.Lookup lookup = (MethodHandles.Lookup) field.get(null);
        MethodType register = MethodType.methodType(void.class);
        MethodType compile = MethodType.methodType(boolean.class, Executable.class, int.class, int.class);
        MethodType query = MethodType.methodType(boolean.class, Executable.class);
        MethodType compiled = MethodType.methodType(int.class, Executable.class, boolean.class);
        byte[] bytes = ClassFile.of()
                .build(ClassDesc.of(WHITE_BOX), writer -> writer.withSuperclass(ConstantDescs.CD_Object)
                        .withFlags(ClassFile.ACC_PUBLIC)
                        .withMethod("registerNatives", type(register), NATIVE, method -> {})
                        .withMethod("enqueueMethodForCompilation0", type(compile), NATIVE, method -> {})
                        .withMethod("isMethodQueuedForCompilation0", type(query), NATIVE, method -> {})
                        .withMethod("getMethodCompilationLevel0", type(compiled), NATIVE, method -> {}));
        MethodHandle define = lookup.findStatic(
                ClassLoader.class,
                "defineClass1",
                MethodType.methodType(
                        Class.class,
                        ClassLoader.class,
                        String.class,
                        byte[].class,
                        int.class,
                        int.class,
                        ProtectionDomain.class,
                        String.class));
        try {
            Class<?> whiteBox = (Class<?>)
                    define.invoke((ClassLoader) null, WHITE_BOX, bytes, 0, bytes.length, (ProtectionDomain) null, null);
            lookup.findStatic(whiteBox, "registerNatives", register).invoke();
            enqueue = lookup.findStatic(whiteBox, "enqueueMethodForCompilation0", compile);
            isQueued = lookup.findStatic(whiteBox, "isMethodQueuedForCompilation0", query);
            level = lookup.findStatic(whiteBox, "getMethodCompilationLevel0", compiled);
        } catch (ReflectiveOperationException | RuntimeException | Error e) {
            throw e;
        } catch (Throwable t) {
            throw new LinkageError(WHITE_BOX, t);
        }
    }

    private static MethodTypeDesc type(MethodType type) {
        return type.describeConstable().orElseThrow();
    }

    /**
     * Has {@code method} compiled at {@code wanted} in the background, unless it is, at that level or a higher one, which
     * HotSpot would give up for it, or waits for the compiler already.
     */
    void enqueue(Executable method, int wanted) {
        try {
            if ((int) level.invoke(method, false) < wanted) {
                boolean unused = (boolean) enqueue.invoke(method, wanted, NOT_IN_A_LOOP);
            }
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    /** Whether {@code method} waits for the compiler, or is with it. */
    boolean isQueued(Executable method) {
        try {
            return (boolean) isQueued.invoke(method);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static LinkageError unexpected(Throwable t) {
        return new LinkageError(WHITE_BOX, t);
    }
}
