package jloop.cpython;

import java.lang.invoke.MethodHandle;
import jloop.engine.linux.Memory;
import jloop.engine.linux.Native;

/**
 * CPython's C API: one method per exported function, with its C name and prototype.
 *
 * <p>Only exported functions and exported data symbols are used, the same in CPython 3.10 to 3.14. Objects are
 * addresses; 0 is NULL. The caller holds the GIL. A function that can run Python code may give the GIL away meanwhile,
 * call back into Java, and free whatever nobody holds a reference to. None is bound as {@code critical}: an upcall from
 * inside a critical call ends the process.
 */
final class CPython {
    private CPython() {}

    private static AssertionError unexpected(Throwable t) {
        return new AssertionError("a C function threw", t); // cannot happen: downcalls throw nothing
    }

    /** The object that the exported variable {@code name}, a {@code PyObject *}, points to: {@code PyExc_…}. Borrowed. */
    static long variable(String name) {
        return Memory.getLong(Native.symbol(name));
    }

    // ---- objects

    /** In 3.10 it is an inline function; without keywords {@code PyObject_VectorcallDict} does the same. */
    private static final MethodHandle PyObject_Vectorcall = Native.function(
            Native.find("PyObject_Vectorcall") != 0 ? "PyObject_Vectorcall" : "PyObject_VectorcallDict");

    /**
     * {@code PyObject *PyObject_Vectorcall(PyObject *callable, PyObject *const *args, size_t nargsf, PyObject *kwnames)}
     * without keywords. Returns new, or 0 with an error set; runs Python code.
     */
    static long PyObject_Vectorcall(long callable, long args, long nargsf) {
        try {
            return (long) PyObject_Vectorcall.invokeExact(callable, args, nargsf, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    /**
     * {@code PyObject *PyObject_Vectorcall(PyObject *callable, PyObject *const *args, size_t nargsf, PyObject *kwnames)}
     * where it is exported, from 3.11. Returns new, or 0 with an error set; runs Python code.
     */
    static long PyObject_VectorcallKeywords(long callable, long args, long nargsf, long kwnames) {
        try {
            return (long) PyObject_Vectorcall.invokeExact(callable, args, nargsf, kwnames, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final MethodHandle PyObject_Call = Native.function("PyObject_Call");

    /** {@code PyObject *PyObject_Call(PyObject *callable, PyObject *args, PyObject *kwargs)}. Returns new, or 0 with an error set; runs Python code. */
    static long PyObject_Call(long callable, long args, long kwargs) {
        try {
            return (long) PyObject_Call.invokeExact(callable, args, kwargs, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final MethodHandle PyDict_New = Native.function("PyDict_New");

    /** {@code PyObject *PyDict_New(void)}. Returns new, or 0 with an error set. */
    static long PyDict_New() {
        try {
            return (long) PyDict_New.invokeExact(0L, 0L, 0L, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final MethodHandle PyDict_SetItem = Native.function("PyDict_SetItem");

    /** {@code int PyDict_SetItem(PyObject *p, PyObject *key, PyObject *val)}. Returns 0, or -1 with an error set. */
    static int PyDict_SetItem(long dict, long key, long value) {
        try {
            return (int) (long) PyDict_SetItem.invokeExact(dict, key, value, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final MethodHandle PyObject_VectorcallMethod = Native.function("PyObject_VectorcallMethod");

    /** {@code PyObject *PyObject_VectorcallMethod(PyObject *name, PyObject *const *args, size_t nargsf, PyObject *kwnames)}. Returns new, or 0 with an error set; runs Python code; {@code args[0]} is the object. */
    static long PyObject_VectorcallMethod(long name, long args, long nargsf, long kwnames) {
        try {
            return (long) PyObject_VectorcallMethod.invokeExact(name, args, nargsf, kwnames, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final MethodHandle PyObject_GetAttrString = Native.function("PyObject_GetAttrString");

    /** {@code PyObject *PyObject_GetAttrString(PyObject *o, const char *attr_name)}. Returns new, or 0 with an error set; may run Python code. */
    static long PyObject_GetAttrString(long object, long name) {
        try {
            return (long) PyObject_GetAttrString.invokeExact(object, name, 0L, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final MethodHandle PyObject_GetAttr = Native.function("PyObject_GetAttr");

    /** {@code PyObject *PyObject_GetAttr(PyObject *o, PyObject *attr_name)}. Returns new, or 0 with an error set; may run Python code. */
    static long PyObject_GetAttr(long object, long name) {
        try {
            return (long) PyObject_GetAttr.invokeExact(object, name, 0L, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final MethodHandle PyObject_SetAttr = Native.function("PyObject_SetAttr");

    /** {@code int PyObject_SetAttr(PyObject *o, PyObject *attr_name, PyObject *v)}. Returns 0, or -1 with an error set; may run Python code. */
    static int PyObject_SetAttr(long object, long name, long value) {
        try {
            return (int) (long) PyObject_SetAttr.invokeExact(object, name, value, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    /** Exported by every version up to 3.14; null where it is not, and then nobody asks. */
    private static final MethodHandle _PyObject_GetMethod =
            Native.find("_PyObject_GetMethod") == 0 ? null : Native.function("_PyObject_GetMethod");

    /**
     * {@code int _PyObject_GetMethod(PyObject *obj, PyObject *name, PyObject **method)}: what a call {@code obj.name(…)}
     * looks up. Returns 1 for a function of the class that takes {@code obj} first, 0 for any other attribute; {@code
     * *method} is new, or 0 with an error set.
     */
    static int _PyObject_GetMethod(long object, long name, long method) {
        try {
            return (int) (long) _PyObject_GetMethod.invokeExact(object, name, method, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final MethodHandle PyObject_SetAttrString = Native.function("PyObject_SetAttrString");

    /** {@code int PyObject_SetAttrString(PyObject *o, const char *attr_name, PyObject *v)}. Returns 0, or -1 with an error set. */
    static int PyObject_SetAttrString(long object, long name, long value) {
        try {
            return (int) (long) PyObject_SetAttrString.invokeExact(object, name, value, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final MethodHandle PyObject_IsTrue = Native.function("PyObject_IsTrue");

    /** {@code int PyObject_IsTrue(PyObject *o)}. Returns 1, 0, or -1 with an error set; may run Python code. */
    static int PyObject_IsTrue(long object) {
        try {
            return (int) (long) PyObject_IsTrue.invokeExact(object, 0L, 0L, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final MethodHandle PyObject_IsInstance = Native.function("PyObject_IsInstance");

    /** {@code int PyObject_IsInstance(PyObject *inst, PyObject *cls)}. Returns 1, 0, or -1 with an error set. */
    static int PyObject_IsInstance(long object, long type) {
        try {
            return (int) (long) PyObject_IsInstance.invokeExact(object, type, 0L, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final MethodHandle PyWeakref_NewRef = Native.function("PyWeakref_NewRef");

    /** {@code PyObject *PyWeakref_NewRef(PyObject *ob, PyObject *callback)}. Returns new, or 0 with an error set. */
    static long PyWeakref_NewRef(long object, long callback) {
        try {
            return (long) PyWeakref_NewRef.invokeExact(object, callback, 0L, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final MethodHandle _Py_Dealloc = Native.function("_Py_Dealloc");

    /** {@code void _Py_Dealloc(PyObject *op)}. Returns nothing; the count is 0; runs Python code. */
    static void _Py_Dealloc(long object) {
        try {
            long ignored = (long) _Py_Dealloc.invokeExact(object, 0L, 0L, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final MethodHandle PyType_GenericAlloc = Native.function("PyType_GenericAlloc");

    /** {@code PyObject *PyType_GenericAlloc(PyTypeObject *type, Py_ssize_t nitems)}. Returns new and tracked by the collector, fields zero, or 0 with an error set. */
    static long PyType_GenericAlloc(long type, long items) {
        try {
            return (long) PyType_GenericAlloc.invokeExact(type, items, 0L, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final MethodHandle PyDescr_NewMethod = Native.function("PyDescr_NewMethod");

    /** {@code PyObject *PyDescr_NewMethod(PyTypeObject *type, PyMethodDef *meth)}. Returns new, or 0 with an error set. */
    static long PyDescr_NewMethod(long type, long definition) {
        try {
            return (long) PyDescr_NewMethod.invokeExact(type, definition, 0L, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final MethodHandle PyObject_GC_Track = Native.function("PyObject_GC_Track");

    /** {@code void PyObject_GC_Track(PyObject *op)}. Returns nothing. */
    static void PyObject_GC_Track(long object) {
        try {
            long ignored = (long) PyObject_GC_Track.invokeExact(object, 0L, 0L, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final MethodHandle PyObject_GC_UnTrack = Native.function("PyObject_GC_UnTrack");

    /** {@code void PyObject_GC_UnTrack(void *op)}. Returns nothing. */
    static void PyObject_GC_UnTrack(long object) {
        try {
            long ignored = (long) PyObject_GC_UnTrack.invokeExact(object, 0L, 0L, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final MethodHandle PyObject_GC_IsTracked = Native.function("PyObject_GC_IsTracked");

    /** {@code int PyObject_GC_IsTracked(PyObject *op)}. Returns 1 or 0. */
    static int PyObject_GC_IsTracked(long object) {
        try {
            return (int) (long) PyObject_GC_IsTracked.invokeExact(object, 0L, 0L, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    // ---- containers and numbers

    private static final MethodHandle PyTuple_New = Native.function("PyTuple_New");

    /** {@code PyObject *PyTuple_New(Py_ssize_t len)}. Returns new with empty items, or 0 with an error set. */
    static long PyTuple_New(long length) {
        try {
            return (long) PyTuple_New.invokeExact(length, 0L, 0L, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final MethodHandle PySequence_Tuple = Native.function("PySequence_Tuple");

    /** {@code PyObject *PySequence_Tuple(PyObject *o)}. Returns new, or 0 with an error set; may run Python code. */
    static long PySequence_Tuple(long object) {
        try {
            return (long) PySequence_Tuple.invokeExact(object, 0L, 0L, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final MethodHandle PyDict_GetItemString = Native.function("PyDict_GetItemString");

    /** {@code PyObject *PyDict_GetItemString(PyObject *p, const char *key)}. Returns borrowed, or 0. */
    static long PyDict_GetItemString(long dict, long key) {
        try {
            return (long) PyDict_GetItemString.invokeExact(dict, key, 0L, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final MethodHandle PyDict_GetItemWithError = Native.function("PyDict_GetItemWithError");

    /** {@code PyObject *PyDict_GetItemWithError(PyObject *p, PyObject *key)}. Returns borrowed, or 0. */
    static long PyDict_GetItemWithError(long dict, long key) {
        try {
            return (long) PyDict_GetItemWithError.invokeExact(dict, key, 0L, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final MethodHandle PyBytes_FromStringAndSize = Native.function("PyBytes_FromStringAndSize");

    /** {@code PyObject *PyBytes_FromStringAndSize(const char *v, Py_ssize_t len)}. Returns new, or 0 with an error set; {@code from} 0 leaves the content open. */
    static long PyBytes_FromStringAndSize(long from, long length) {
        try {
            return (long) PyBytes_FromStringAndSize.invokeExact(from, length, 0L, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final MethodHandle _PyBytes_Resize = Native.function("_PyBytes_Resize");
    private static final long RESIZED = Memory.allocateForever(8);

    /** {@code int _PyBytes_Resize(PyObject **bytes, Py_ssize_t newsize)}: steals {@code bytes}, which only the caller holds. Returns new, or 0 with an error set. */
    static long PyBytes_Resize(long bytes, long length) {
        Memory.putLong(RESIZED, bytes);
        try {
            long ignored = (long) _PyBytes_Resize.invokeExact(RESIZED, length, 0L, 0L, 0L, 0L); // else it leaves 0
            return Memory.getLong(RESIZED);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final MethodHandle PyByteArray_Resize = Native.function("PyByteArray_Resize");

    /** {@code int PyByteArray_Resize(PyObject *bytearray, Py_ssize_t len)}. Returns 0, or -1 with an error set: it is exported as a buffer. */
    static int PyByteArray_Resize(long object, long length) {
        try {
            return (int) (long) PyByteArray_Resize.invokeExact(object, length, 0L, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final MethodHandle PyByteArray_AsString = Native.function("PyByteArray_AsString");

    /** {@code char *PyByteArray_AsString(PyObject *bytearray)}. Returns where its bytes are until it is resized. */
    static long PyByteArray_AsString(long object) {
        try {
            return (long) PyByteArray_AsString.invokeExact(object, 0L, 0L, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final MethodHandle PyUnicode_InternFromString = Native.function("PyUnicode_InternFromString");

    /** {@code PyObject *PyUnicode_InternFromString(const char *str)}. Returns new, or 0 with an error set. */
    static long PyUnicode_InternFromString(long text) {
        try {
            return (long) PyUnicode_InternFromString.invokeExact(text, 0L, 0L, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final MethodHandle PyUnicode_CompareWithASCIIString =
            Native.function("PyUnicode_CompareWithASCIIString");

    /** {@code int PyUnicode_CompareWithASCIIString(PyObject *unicode, const char *string)}. Returns 0 where equal. */
    static int PyUnicode_CompareWithASCIIString(long object, long text) {
        try {
            return (int) (long) PyUnicode_CompareWithASCIIString.invokeExact(object, text, 0L, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final MethodHandle PyUnicode_AsUTF8 = Native.function("PyUnicode_AsUTF8");

    /** {@code const char *PyUnicode_AsUTF8(PyObject *unicode)}. Returns borrowed from the object, or 0 with an error set. */
    static long PyUnicode_AsUTF8(long object) {
        try {
            return (long) PyUnicode_AsUTF8.invokeExact(object, 0L, 0L, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final MethodHandle PyLong_FromLong = Native.function("PyLong_FromLong");

    /** {@code PyObject *PyLong_FromLong(long v)}. Returns new, or 0 with an error set. */
    static long PyLong_FromLong(long value) {
        try {
            return (long) PyLong_FromLong.invokeExact(value, 0L, 0L, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final MethodHandle PyLong_AsLong = Native.function("PyLong_AsLong");

    /** {@code long PyLong_AsLong(PyObject *obj)}. Returns the value; -1 may mean an error. */
    static long PyLong_AsLong(long object) {
        try {
            return (long) PyLong_AsLong.invokeExact(object, 0L, 0L, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final MethodHandle PyNumber_Float = Native.function("PyNumber_Float");

    /** {@code PyObject *PyNumber_Float(PyObject *o)}. Returns new, or 0 with an error set; may run Python code. */
    static long PyNumber_Float(long object) {
        try {
            return (long) PyNumber_Float.invokeExact(object, 0L, 0L, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final MethodHandle PyNumber_Add = Native.function("PyNumber_Add");

    /** {@code PyObject *PyNumber_Add(PyObject *o1, PyObject *o2)}. Returns new, or 0 with an error set; may run Python code. */
    static long PyNumber_Add(long left, long right) {
        try {
            return (long) PyNumber_Add.invokeExact(left, right, 0L, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final MethodHandle PyObject_GetBuffer = Native.function("PyObject_GetBuffer");

    /** {@code int PyObject_GetBuffer(PyObject *exporter, Py_buffer *view, int flags)}. Returns 0, or -1 with an error set; may run Python code. */
    static int PyObject_GetBuffer(long object, long view, long flags) {
        try {
            return (int) (long) PyObject_GetBuffer.invokeExact(object, view, flags, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final MethodHandle PyBuffer_Release = Native.function("PyBuffer_Release");

    /** {@code void PyBuffer_Release(Py_buffer *view)}. Returns nothing; may run Python code. */
    static void PyBuffer_Release(long view) {
        try {
            long ignored = (long) PyBuffer_Release.invokeExact(view, 0L, 0L, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    // ---- contexts and threads

    private static final MethodHandle PyContext_CopyCurrent = Native.function("PyContext_CopyCurrent");

    /** {@code PyObject *PyContext_CopyCurrent(void)}. Returns new, or 0 with an error set. */
    static long PyContext_CopyCurrent() {
        try {
            return (long) PyContext_CopyCurrent.invokeExact(0L, 0L, 0L, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final MethodHandle PyContext_New = Native.function("PyContext_New");

    /** {@code PyObject *PyContext_New(void)}. Returns new, or 0 with an error set. */
    static long PyContext_New() {
        try {
            return (long) PyContext_New.invokeExact(0L, 0L, 0L, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final MethodHandle PyContext_Enter = Native.function("PyContext_Enter");

    /** {@code int PyContext_Enter(PyObject *ctx)}. Returns 0, or -1 with an error set. */
    static int PyContext_Enter(long context) {
        try {
            return (int) (long) PyContext_Enter.invokeExact(context, 0L, 0L, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final MethodHandle PyContext_Exit = Native.function("PyContext_Exit");

    /** {@code int PyContext_Exit(PyObject *ctx)}. Returns 0, or -1 with an error set. */
    static int PyContext_Exit(long context) {
        try {
            return (int) (long) PyContext_Exit.invokeExact(context, 0L, 0L, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final MethodHandle PyContextVar_New = Native.function("PyContextVar_New");

    /** {@code PyObject *PyContextVar_New(const char *name, PyObject *def)}. Returns new, or 0 with an error set. */
    static long PyContextVar_New(long name, long initial) {
        try {
            return (long) PyContextVar_New.invokeExact(name, initial, 0L, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final MethodHandle PyContextVar_Set = Native.function("PyContextVar_Set");

    /** {@code PyObject *PyContextVar_Set(PyObject *var, PyObject *value)}. Returns new token, or 0 with an error set. */
    static long PyContextVar_Set(long variable, long value) {
        try {
            return (long) PyContextVar_Set.invokeExact(variable, value, 0L, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final MethodHandle PyThreadState_Get = Native.function("PyThreadState_Get");

    /** {@code PyThreadState *PyThreadState_Get(void)}. Returns the thread's state. */
    static long PyThreadState_Get() {
        try {
            return (long) PyThreadState_Get.invokeExact(0L, 0L, 0L, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final MethodHandle PyEval_SaveThread = Native.function("PyEval_SaveThread");

    /** {@code PyThreadState *PyEval_SaveThread(void)}. Returns the thread's state; the GIL is given away. */
    static long PyEval_SaveThread() {
        try {
            return (long) PyEval_SaveThread.invokeExact(0L, 0L, 0L, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final MethodHandle PyEval_RestoreThread = Native.function("PyEval_RestoreThread");

    /** {@code void PyEval_RestoreThread(PyThreadState *tstate)}. Returns nothing; waits for the GIL. */
    static void PyEval_RestoreThread(long state) {
        try {
            long ignored = (long) PyEval_RestoreThread.invokeExact(state, 0L, 0L, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    // ---- errors

    private static final MethodHandle PyErr_SetString = Native.function("PyErr_SetString");

    /** {@code void PyErr_SetString(PyObject *type, const char *message)}. Returns nothing. */
    static void PyErr_SetString(long type, long message) {
        try {
            long ignored = (long) PyErr_SetString.invokeExact(type, message, 0L, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final MethodHandle PyErr_Occurred = Native.function("PyErr_Occurred");

    /** {@code PyObject *PyErr_Occurred(void)}. Returns borrowed type of the error, or 0. */
    static long PyErr_Occurred() {
        try {
            return (long) PyErr_Occurred.invokeExact(0L, 0L, 0L, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final MethodHandle PyErr_Clear = Native.function("PyErr_Clear");

    /** {@code void PyErr_Clear(void)}. Returns nothing. */
    static void PyErr_Clear() {
        try {
            long ignored = (long) PyErr_Clear.invokeExact(0L, 0L, 0L, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final MethodHandle PyErr_Fetch = Native.function("PyErr_Fetch");

    /** {@code void PyErr_Fetch(PyObject **ptype, PyObject **pvalue, PyObject **ptraceback)}. Returns nothing; clears the error; new references, or 0. */
    static void PyErr_Fetch(long type, long value, long traceback) {
        try {
            long ignored = (long) PyErr_Fetch.invokeExact(type, value, traceback, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final MethodHandle PyErr_NormalizeException = Native.function("PyErr_NormalizeException");

    /** {@code void PyErr_NormalizeException(PyObject **exc, PyObject **val, PyObject **tb)}. Returns nothing. */
    static void PyErr_NormalizeException(long type, long value, long traceback) {
        try {
            long ignored = (long) PyErr_NormalizeException.invokeExact(type, value, traceback, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final MethodHandle PyErr_Restore = Native.function("PyErr_Restore");

    /** {@code void PyErr_Restore(PyObject *type, PyObject *value, PyObject *traceback)}. Returns nothing; takes the references. */
    static void PyErr_Restore(long type, long value, long traceback) {
        try {
            long ignored = (long) PyErr_Restore.invokeExact(type, value, traceback, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final MethodHandle PyErr_GivenExceptionMatches = Native.function("PyErr_GivenExceptionMatches");

    /** {@code int PyErr_GivenExceptionMatches(PyObject *given, PyObject *exc)}. Returns 1 or 0. */
    static int PyErr_GivenExceptionMatches(long given, long type) {
        try {
            return (int) (long) PyErr_GivenExceptionMatches.invokeExact(given, type, 0L, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final MethodHandle PyException_SetTraceback = Native.function("PyException_SetTraceback");

    /** {@code int PyException_SetTraceback(PyObject *ex, PyObject *tb)}. Returns 0, or -1 with an error set. */
    static int PyException_SetTraceback(long exception, long traceback) {
        try {
            return (int) (long) PyException_SetTraceback.invokeExact(exception, traceback, 0L, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final MethodHandle PyErr_WriteUnraisable = Native.function("PyErr_WriteUnraisable");

    /** {@code void PyErr_WriteUnraisable(PyObject *obj)}. Returns nothing; clears the error; runs Python code. */
    static void PyErr_WriteUnraisable(long object) {
        try {
            long ignored = (long) PyErr_WriteUnraisable.invokeExact(object, 0L, 0L, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final MethodHandle PyErr_CheckSignals = Native.function("PyErr_CheckSignals");

    /** {@code int PyErr_CheckSignals(void)}. Returns 0, or -1 with an error set; runs signal handlers. */
    static int PyErr_CheckSignals() {
        try {
            return (int) (long) PyErr_CheckSignals.invokeExact(0L, 0L, 0L, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    // ---- function pointers

    private static final MethodHandle pointer = Native.pointer();

    /** Calls the C function at {@code function}; surplus arguments are harmless. */
    static long call(long function, long first, long second) {
        try {
            return (long) pointer.invokeExact(
                    java.lang.foreign.MemorySegment.ofAddress(function), first, second, 0L, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }
}
