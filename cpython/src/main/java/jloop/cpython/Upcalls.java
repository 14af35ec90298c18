package jloop.cpython;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import jloop.engine.linux.Memory;
import jloop.engine.linux.Native;

/**
 * Makes static Java methods callable from C, all of one shape: four longs to long.
 *
 * <p>The rule of every such method: nothing is thrown out of it, since an exception that leaves an upcall ends the
 * process. Its body is one {@code try} whose {@code catch (Throwable)} returns {@link Errors#raise(Throwable)}, that is
 * NULL with Python's error set. It is entered with the GIL held, on any thread.
 */
final class Upcalls {
    private static final MethodType SHAPE =
            MethodType.methodType(long.class, long.class, long.class, long.class, long.class);
    /**
     * <pre>{@code
     * struct PyMethodDef {
     *     const char *ml_name;   //  0
     *     PyCFunction ml_meth;   //  8
     *     int         ml_flags;  // 16
     *     const char *ml_doc;    // 24
     * };   // size 32
     * }</pre>
     */
    private static final int METHOD_DEF_SIZE = 32;

    /** How a method is called (methodobject.h). CPython refuses what does not fit before Java is entered. */
    enum Takes {
        /** {@code METH_NOARGS}: {@code name(self, NULL)}. */
        NOTHING(0x0004),
        /** {@code METH_O}: {@code name(self, argument)}. */
        ONE(0x0008),
        /** {@code METH_FASTCALL}: {@code name(self, args, nargs)}; the method checks their number. */
        POSITIONAL(0x0080),
        /** {@code METH_FASTCALL | METH_KEYWORDS}: {@code name(self, args, nargs, kwnames)}; likewise. */
        ANYTHING(0x0080 | 0x0002);

        private final int flags;

        Takes(int flags) {
            this.flags = flags;
        }
    }

    private Upcalls() {}

    /** A C function pointer to the static method {@code name} of {@code lookup}'s class, which is initialized. */
    static long pointer(MethodHandles.Lookup lookup, String name) {
        try {
            MethodHandle target = lookup.findStatic(lookup.lookupClass(), name, SHAPE);
            return Native.upcall(target);
        } catch (ReflectiveOperationException e) {
            throw new LinkageError(lookup.lookupClass() + "." + name, e);
        }
    }

    /**
     * Makes a static method {@code PyObject *name(PyObject *self, …)}, with the parameters that {@code takes} says, the
     * method {@code pythonName} of {@code type}. Arguments are borrowed; the result is a new reference, or NULL with an
     * error set.
     */
    static void install(long type, String pythonName, MethodHandles.Lookup lookup, String name, Takes takes) {
        install(type, pythonName, lookup, name, takes, 0);
    }

    /**
     * As {@link #install(long, String, MethodHandles.Lookup, String, Takes)}, for a method of asyncio's.
     *
     * @param signature its parameters as {@code inspect.signature} is to tell them, without {@code self}
     */
    static void install(
            long type,
            String pythonName,
            MethodHandles.Lookup lookup,
            String name,
            Takes takes,
            String signature,
            String doc) {
        install(type, pythonName, lookup, name, takes, documentation(pythonName, signature, doc));
    }

    private static void install(
            long type, String pythonName, MethodHandles.Lookup lookup, String name, Takes takes, long doc) {
        long text = Memory.cString(pythonName);
        long definition = definition(text, pointer(lookup, name), takes, doc);
        setAttribute(type, text, PyErrAlreadySet.check(CPython.PyDescr_NewMethod(type, definition)));
    }

    /**
     * Makes the attribute {@code attribute} of {@code type} a built-in function that answers {@code object} and refuses
     * arguments under the name {@code pythonName}: in C, without entering Java.
     */
    static void installConstant(long type, String attribute, String pythonName, long object, String doc) {
        // PyObject *PyObject_SelfIter(PyObject *self): a new reference to self, which is what a function is bound to
        long identity = Native.symbol("PyObject_SelfIter");
        long text = documentation(pythonName, "", doc);
        long definition = definition(Memory.cString(pythonName), identity, Takes.NOTHING, text);
        long function = PyErrAlreadySet.check(CPython.PyCFunction_NewEx(definition, object, 0));
        setAttribute(type, Memory.cString(attribute), function);
    }

    /** What {@code ml_doc} holds: the parameters as {@code inspect.signature} reads them, and the text. */
    private static long documentation(String pythonName, String signature, String doc) {
        String parameters = signature.isEmpty() ? "($self, /)" : "($self, /, " + signature + ")";
        return Memory.cString(pythonName + parameters + "\n--\n\n" + doc);
    }

    private static long definition(long name, long function, Takes takes, long doc) {
        long definition = Memory.allocateForever(METHOD_DEF_SIZE);
        Memory.putLong(definition, name);
        Memory.putLong(definition + 8, function);
        Memory.putInt(definition + 16, takes.flags);
        Memory.putLong(definition + 24, doc);
        return definition;
    }

    /** Sets an attribute to {@code value}, whose reference goes over to it. */
    private static void setAttribute(long type, long name, long value) {
        int result = CPython.PyObject_SetAttrString(type, name, value);
        Refs.decref(value);
        PyErrAlreadySet.check(result);
    }

    /** {@code None} as a new reference. */
    static long none() {
        return Refs.share(Layout.NONE);
    }

    /** {@code True} or {@code False} as a new reference. */
    static long bool(boolean value) {
        return Refs.share(value ? Layout.TRUE : Layout.FALSE);
    }

    /** {@code args[index]}, borrowed. */
    static long argument(long args, int index) {
        return Memory.getLong(args + 8L * index);
    }
}
