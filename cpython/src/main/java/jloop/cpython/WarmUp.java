package jloop.cpython;

import java.lang.invoke.MethodType;
import java.lang.reflect.Executable;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import jloop.engine.EventLoop;
import jloop.engine.linux.Memory;
import jloop.engine.linux.Native;

/**
 * Compiles hot methods before they are called, while the loop has nothing to do. While it has, HotSpot sees by itself which
 * are hot, and the compiler would take the loop's core. Entered through JNI by {@code jloop._warm_up}.
 *
 * <p>C2 has to know how often a method, and each that becomes a part of it, takes which branch. The start-up cache does,
 * and HotSpot takes that over where C1 compiles a method with counters: so this comes first.
 */
final class WarmUp {
    private static final int BUSY = 32; // events of the loop: more than asking whether the server is there takes
    private static final long IDLE = 20_000_000; // nanoseconds with fewer events, after which it goes on
    private static final long LONGEST = 10_000_000_000L; // by then HotSpot has compiled what a busy loop needs
    private static final long PAUSE = 500_000;
    private static final int MOST_PAUSES = 2_000;
    private static final long UNTIL_UNUSED = 6_000_000_000L; // HotSpot keeps the compiler's memory for five seconds

    private static HotSpotCompiler compiler;

    private WarmUp() {}

    /**
     * Starts a thread that has methods compiled. GIL held, for the initialization of classes.
     *
     * @param argument address of {@code struct { long loop; const char *classes, *inlined, *compiled; bool *compiles,
     *     *prints; }}: the address of Python's loop; names with spaces between them: of all classes that the methods go
     *     through; {@code package.Class::method}, with a descriptor or of all of that name ({@code <init>}: constructors),
     *     that become parts of others; and of those that are compiled in the end, in this order; HotSpot's flags
     *     {@code UseCompiler}, which is cleared when its compiler is to rest, and {@code DisplayVMOutput}. Only the flags
     *     are used after this has returned
     */
    static void begin(long argument) {
        PyLoop loop = PyLoop.LOOPS.get(Memory.getLong(argument));
        if (loop == null) {
            return; // closed
        }
        long compiles = Memory.getLong(argument + 32);
        long prints = Memory.getLong(argument + 40);
        try {
            if (compiler == null) {
                makeCompiler(prints);
            }
            initialize(Memory.string(Memory.getLong(argument + 8)));
            List<Executable> inlined = methods(Memory.string(Memory.getLong(argument + 16)));
            List<Executable> compiled = methods(Memory.string(Memory.getLong(argument + 24)));
            EventLoop engine = loop.engine;
            Thread thread = new Thread(() -> run(engine, inlined, compiled, compiles, prints), "jloop warm-up");
            thread.setDaemon(true);
            thread.start();
        } catch (ReflectiveOperationException | RuntimeException | LinkageError | OutOfMemoryError e) {
            // another Java, or no thread to be had: then they are compiled once they have been called often enough
        }
    }

    private static void makeCompiler(long prints) throws ReflectiveOperationException {
        byte printed = silence(prints);
        try {
            compiler = new HotSpotCompiler();
        } finally {
            Memory.putByte(prints, printed);
        }
    }

    /** What is compiled before its class is initialized has to be compiled again. */
    private static void initialize(String names) throws ClassNotFoundException {
        for (String name : names.split(" ", -1)) {
            Class.forName(name);
        }
    }

    private static List<Executable> methods(String names) throws ReflectiveOperationException {
        List<Executable> methods = new ArrayList<>();
        for (String name : names.split(" ", -1)) {
            int end = name.indexOf("::");
            String wanted = name.substring(end + 2);
            int before = methods.size();
            Class<?> owner = Class.forName(name.substring(0, end));
            if (wanted.equals("<init>")) {
                methods.addAll(List.of(owner.getDeclaredConstructors()));
            }
            for (Method method : owner.getDeclaredMethods()) {
                if (wanted.equals(method.getName()) || wanted.equals(method.getName() + descriptor(method))) {
                    methods.add(method);
                }
            }
            if (methods.size() == before) {
                throw new NoSuchMethodException(name);
            }
        }
        return methods;
    }

    private static String descriptor(Method method) {
        return MethodType.methodType(method.getReturnType(), method.getParameterTypes())
                .toMethodDescriptorString();
    }

    private static void run(
            EventLoop loop, List<Executable> inlined, List<Executable> compiled, long compiles, long prints) {
        try {
            compile(loop, inlined, compiled, compiles, prints);
        } catch (LinkageError e) {
            return; // HotSpot without a compiler
        }
        LockSupport.parkNanos(WarmUp.class, UNTIL_UNUSED);
        long trim = Native.find("malloc_trim"); // int malloc_trim(size_t pad): glibc's
        if (trim != 0) {
            Native.call(trim, 0);
        }
    }

    /** One method at a time: what is under way when the work begins is soon over. */
    private static synchronized void compile(
            EventLoop loop, List<Executable> inlined, List<Executable> compiled, long compiles, long prints) {
        Rest rest = new Rest(loop);
        LockSupport.parkNanos(WarmUp.class, IDLE);
        List<Executable> all = new ArrayList<>(compiled);
        all.addAll(inlined);
        for (int level : new int[] {HotSpotCompiler.COUNTING, HotSpotCompiler.OPTIMIZED}) {
            for (Executable method : level == HotSpotCompiler.COUNTING ? all : compiled) {
                if (!rest.await() || Memory.getByte(compiles) == 0) {
                    return; // 0: the process is being forked
                }
                byte printed = silence(prints);
                compiler.enqueue(method, level);
                Memory.putByte(prints, printed);
                for (int i = 0; i < MOST_PAUSES && compiler.isQueued(method); i++) {
                    LockSupport.parkNanos(WarmUp.class, PAUSE);
                }
            }
        }
    }

    /** When the loop has next to nothing to do. */
    private static final class Rest {
        private final EventLoop loop;
        private final long end = System.nanoTime() + LONGEST;
        private long seen;

        Rest(EventLoop loop) {
            this.loop = loop;
            seen = loop.events();
        }

        /** Waits for it; false if it has not come in time. */
        boolean await() {
            while (true) {
                long events = loop.events();
                if (events - seen <= BUSY) {
                    return true;
                }
                if (System.nanoTime() - end > 0) {
                    return false;
                }
                seen = events;
                LockSupport.parkNanos(WarmUp.class, IDLE);
            }
        }
    }

    /** Lets HotSpot print nothing: it would name each method of its own that we have not, and that it does not compile. */
    private static byte silence(long prints) {
        byte printed = Memory.getByte(prints);
        Memory.putByte(prints, (byte) 0);
        return printed;
    }
}
