package jloop.cpython;

import jloop.engine.linux.Memory;
import jloop.engine.linux.Native;

/**
 * Where things are in this CPython's objects. Nothing is assumed of one build: slot offsets are read from the type's
 * member descriptors, and each stable prefix that is read in place is compared here, once, with an object made through
 * the C API. A check that fails either turns the shortcut off or refuses to start.
 */
final class Layout {
    static final int OB_TYPE = 8;
    /** {@code PyVarObject.ob_size}. */
    static final int OB_SIZE = 16;
    /** {@code PyTypeObject}: documented order since 3.8; checked by {@link #checkTypes}. */
    static final int TP_DEALLOC = 48;

    static final int TP_TRAVERSE = 184;
    private static final int TP_BASICSIZE = 32;
    private static final int TP_FLAGS = 168;
    private static final int TP_WEAKLISTOFFSET = 208;
    private static final int TP_BASE = 256;
    /** {@code PyBytesObject.ob_sval}. */
    static final int BYTES_PAYLOAD = 32;
    /** {@code PyFloatObject.ob_fval}. */
    static final int FLOAT_VALUE = 16;
    /** {@code PyWeakReference.wr_object}: None when it is dead. */
    static final int WEAKREF_OBJECT = 16;
    /** {@code PyContext.ctx_vars}: the immutable map of a context's variables. */
    static final int CONTEXT_VARS = 24;
    /** {@code PyGC_Head._gc_next}, before the object: 0 while the collector does not track it. */
    static final int GC_NEXT = -16;

    static final long NONE = Native.symbol("_Py_NoneStruct");
    static final long TRUE = Native.symbol("_Py_TrueStruct");
    static final long FALSE = Native.symbol("_Py_FalseStruct");
    static final long LIST_TYPE = Native.symbol("PyList_Type");
    static final long BYTES_TYPE = Native.symbol("PyBytes_Type");
    static final long BYTEARRAY_TYPE = Native.symbol("PyByteArray_Type");
    static final long MEMORYVIEW_TYPE = Native.symbol("PyMemoryView_Type");
    static final long FLOAT_TYPE = Native.symbol("PyFloat_Type");
    static final long LONG_TYPE = Native.symbol("PyLong_Type");
    static final long UNICODE_TYPE = Native.symbol("PyUnicode_Type");
    /** {@code weakref.ref}. */
    static final long WEAKREF_TYPE = Native.symbol("_PyWeakref_RefType");

    static final long TUPLE_TYPE = Native.symbol("PyTuple_Type");

    /** The empty tuple, which is one object. */
    static final long EMPTY_TUPLE = PyErrAlreadySet.check(CPython.PyTuple_New(0));
    /** {@code PyTupleObject.ob_item}: 24, and 32 from 3.14, where a cached hash came in before it. */
    static final int TUPLE_ITEMS = (int) Memory.getLong(TUPLE_TYPE + TP_BASICSIZE);
    /** Whether a tuple caches its hash, at offset 24. */
    static final boolean TUPLE_HASH = TUPLE_ITEMS == 32;

    // slots of asyncio.Handle and asyncio.TimerHandle
    static final int HANDLE_CALLBACK = slot("asyncio_handle", "_callback");
    static final int HANDLE_ARGS = slot("asyncio_handle", "_args");
    static final int HANDLE_CANCELLED = slot("asyncio_handle", "_cancelled");
    static final int HANDLE_LOOP = slot("asyncio_handle", "_loop");
    static final int HANDLE_SOURCE_TRACEBACK = slot("asyncio_handle", "_source_traceback");
    static final int HANDLE_REPR = slot("asyncio_handle", "_repr");
    static final int HANDLE_CONTEXT = slot("asyncio_handle", "_context");
    static final int HANDLE_WEAKREFS = (int) Memory.getLong(Namespace.get("asyncio_handle") + TP_WEAKLISTOFFSET);
    static final int TIMER_SCHEDULED = slot("asyncio_timer_handle", "_scheduled");
    static final int TIMER_WHEN = slot("asyncio_timer_handle", "_when");

    /** Offset of the current context in {@code PyThreadState}, or 0 where contexts cannot be kept. */
    static final int THREAD_CONTEXT = findThreadContext();
    /** Whether a tuple's tracking by the collector shows at {@link #GC_NEXT}. */
    static final boolean TRACKING_VISIBLE = trackingVisible();

    private Layout() {}

    /**
     * The offset of a slot, from its descriptor.
     *
     * <pre>{@code
     * typedef struct { PyObject ob_base; PyTypeObject *d_type; PyObject *d_name; PyObject *d_qualname;   // 40 bytes
     *                  struct PyMemberDef *d_member; } PyMemberDescrObject;
     * struct PyMemberDef { const char *name; int type; Py_ssize_t offset; … };                            // offset at 16
     * }</pre>
     */
    static int slot(String type, String name) {
        long text = Memory.cString(name);
        long cls = Namespace.get(type);
        long descriptor = PyErrAlreadySet.check(CPython.PyObject_GetAttrString(cls, text));
        int offset = (int) Memory.getLong(Memory.getLong(descriptor + 40) + 16);
        Refs.decref(descriptor);
        require(offset >= 16 && offset < Memory.getLong(cls + TP_BASICSIZE), "slot " + name + " of " + type);
        // an instance with only this slot filled must give back what was put there
        long instance = PyErrAlreadySet.check(CPython.PyType_GenericAlloc(cls, 0));
        Memory.putLong(instance + offset, Refs.share(EMPTY_TUPLE));
        long value = CPython.PyObject_GetAttrString(instance, text);
        require(value == EMPTY_TUPLE, "slot " + name + " of " + type);
        Refs.decref(value);
        Refs.decref(instance);
        return offset;
    }

    /**
     * Whether {@code object} has the slots of {@code type}: the chain of {@code tp_base} follows the layout, whatever
     * further bases a class has, and no {@code __class__} can pretend.
     */
    static boolean isInstance(long object, long type) {
        long cls = Refs.type(object);
        while (cls != 0 && cls != type) {
            cls = Memory.getLong(cls + TP_BASE);
        }
        return cls != 0;
    }

    private static void require(boolean holds, String what) {
        if (!holds) {
            throw new IllegalStateException(
                    "this CPython lays out its objects in a way that jloop does not know: " + what);
        }
    }

    /** Compares what is read in place with objects made through the C API. */
    static void check() {
        checkTypes();
        long text = Memory.cString("jloop");
        long bytes = PyErrAlreadySet.check(CPython.PyBytes_FromStringAndSize(text, 5));
        require(Memory.getLong(bytes + OB_SIZE) == 5, "bytes length");
        require(Memory.string(bytes + BYTES_PAYLOAD).equals("jloop"), "bytes payload");
        require(Refs.count(bytes) == 1, "reference count");
        Refs.incref(bytes);
        require(Memory.getLong(bytes) == 2, "reference count");
        Memory.putInt(bytes, 1);
        long tuple = PyErrAlreadySet.check(CPython.PySequence_Tuple(bytes));
        require(Memory.getLong(tuple + OB_SIZE) == 5, "tuple length");
        long item = Memory.getLong(tuple + TUPLE_ITEMS + 8L);
        require(CPython.PyLong_AsLong(item) == 'l', "tuple items");
        Refs.decref(tuple);
        Refs.decref(bytes);
        long type = Namespace.get("handle");
        long reference = PyErrAlreadySet.check(CPython.PyWeakref_NewRef(type, 0));
        require(
                Refs.type(reference) == WEAKREF_TYPE && Memory.getLong(reference + WEAKREF_OBJECT) == type,
                "weak reference");
        Refs.decref(reference);
        long number = Namespace.get("one_and_a_half");
        require(Refs.type(number) == FLOAT_TYPE && Memory.getDouble(number + FLOAT_VALUE) == 1.5, "float value");
    }

    private static void checkTypes() {
        long type = Namespace.get("handle");
        requireAttribute(type, "__basicsize__", TP_BASICSIZE);
        requireAttribute(type, "__flags__", TP_FLAGS);
        requireAttribute(type, "__weakrefoffset__", TP_WEAKLISTOFFSET);
        require(
                Memory.getLong(type + TP_TRAVERSE) != 0
                        && Memory.getLong(type + TP_TRAVERSE) == Memory.getLong(Namespace.get("roots") + TP_TRAVERSE)
                        && Memory.getLong(type + TP_DEALLOC) == Memory.getLong(Namespace.get("roots") + TP_DEALLOC)
                        && Memory.getLong(type + TP_BASE) == Namespace.get("asyncio_handle"),
                "PyTypeObject");
    }

    private static void requireAttribute(long type, String name, int offset) {
        long value = PyErrAlreadySet.check(CPython.PyObject_GetAttrString(type, Memory.cString(name)));
        require(CPython.PyLong_AsLong(value) == Memory.getLong(type + offset), "PyTypeObject." + name);
        Refs.decref(value);
    }

    /**
     * Enters a new context and looks for it in the thread's state; then checks that a context's variables are where
     * {@link #CONTEXT_VARS} says: the same map in a copy, another one when a variable was set.
     */
    private static int findThreadContext() {
        long state = CPython.PyThreadState_Get();
        long context = PyErrAlreadySet.check(CPython.PyContext_New());
        int offset = 0;
        PyErrAlreadySet.check(CPython.PyContext_Enter(context));
        for (int i = 0; i < 512 && offset == 0; i += 8) { // the state is larger than that in every version
            if (Memory.getLong(state + i) == context) {
                offset = i;
            }
        }
        long copy = PyErrAlreadySet.check(CPython.PyContext_CopyCurrent());
        boolean sameMap = Memory.getLong(copy + CONTEXT_VARS) == Memory.getLong(context + CONTEXT_VARS)
                && Memory.getLong(copy + CONTEXT_VARS) != 0;
        long variable = PyErrAlreadySet.check(CPython.PyContextVar_New(Names.CONTEXT_TEXT, 0));
        Refs.decref(PyErrAlreadySet.check(CPython.PyContextVar_Set(variable, NONE)));
        boolean otherMap = Memory.getLong(copy + CONTEXT_VARS) != Memory.getLong(context + CONTEXT_VARS);
        PyErrAlreadySet.check(CPython.PyContext_Exit(context));
        boolean gone = offset == 0 || Memory.getLong(state + offset) != context;
        Refs.decref(variable);
        Refs.decref(copy);
        Refs.decref(context);
        return sameMap && otherMap && gone ? offset : 0;
    }

    private static boolean trackingVisible() {
        long tuple = PyErrAlreadySet.check(CPython.PyTuple_New(1));
        Memory.putLong(tuple + TUPLE_ITEMS, Refs.share(NONE));
        boolean before = Memory.getLong(tuple + GC_NEXT) != 0 && CPython.PyObject_GC_IsTracked(tuple) == 1;
        CPython.PyObject_GC_UnTrack(tuple);
        boolean after = Memory.getLong(tuple + GC_NEXT) == 0 && CPython.PyObject_GC_IsTracked(tuple) == 0;
        CPython.PyObject_GC_Track(tuple);
        Refs.decref(tuple);
        return before && after;
    }
}
