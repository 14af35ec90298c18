package jloop.cpython;

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

    /** The object that the exported variable {@code name}, a {@code PyObject *}, points to: {@code PyExc_…}. Borrowed. */
    static long variable(String name) {
        return Memory.getLong(Native.symbol(name));
    }

    // ---- objects

    /** In 3.10 it is an inline function; without keywords {@code PyObject_VectorcallDict} does the same. */
    private static final long PyObject_Vectorcall =
            Native.symbol(Native.find("PyObject_Vectorcall") != 0 ? "PyObject_Vectorcall" : "PyObject_VectorcallDict");

    /**
     * {@code PyObject *PyObject_Vectorcall(PyObject *callable, PyObject *const *args, size_t nargsf, PyObject *kwnames)}
     * without keywords. Returns new, or 0 with an error set; runs Python code.
     */
    static long PyObject_Vectorcall(long callable, long args, long nargsf) {
        return Native.call(PyObject_Vectorcall, callable, args, nargsf);
    }

    /**
     * {@code PyObject *PyObject_Vectorcall(PyObject *callable, PyObject *const *args, size_t nargsf, PyObject *kwnames)}
     * where it is exported, from 3.11. Returns new, or 0 with an error set; runs Python code.
     */
    static long PyObject_VectorcallKeywords(long callable, long args, long nargsf, long kwnames) {
        return Native.call(PyObject_Vectorcall, callable, args, nargsf, kwnames);
    }

    private static final long PyObject_Call = Native.symbol("PyObject_Call");

    /** {@code PyObject *PyObject_Call(PyObject *callable, PyObject *args, PyObject *kwargs)}. Returns new, or 0 with an error set; runs Python code. */
    static long PyObject_Call(long callable, long args, long kwargs) {
        return Native.call(PyObject_Call, callable, args, kwargs);
    }

    private static final long PyDict_New = Native.symbol("PyDict_New");

    /** {@code PyObject *PyDict_New(void)}. Returns new, or 0 with an error set. */
    static long PyDict_New() {
        return Native.call(PyDict_New);
    }

    private static final long PyDict_SetItem = Native.symbol("PyDict_SetItem");

    /** {@code int PyDict_SetItem(PyObject *p, PyObject *key, PyObject *val)}. Returns 0, or -1 with an error set. */
    static int PyDict_SetItem(long dict, long key, long value) {
        return (int) Native.call(PyDict_SetItem, dict, key, value);
    }

    private static final long PyObject_VectorcallMethod = Native.symbol("PyObject_VectorcallMethod");

    /** {@code PyObject *PyObject_VectorcallMethod(PyObject *name, PyObject *const *args, size_t nargsf, PyObject *kwnames)}. Returns new, or 0 with an error set; runs Python code; {@code args[0]} is the object. */
    static long PyObject_VectorcallMethod(long name, long args, long nargsf, long kwnames) {
        return Native.call(PyObject_VectorcallMethod, name, args, nargsf, kwnames);
    }

    private static final long PyObject_GetAttrString = Native.symbol("PyObject_GetAttrString");

    /** {@code PyObject *PyObject_GetAttrString(PyObject *o, const char *attr_name)}. Returns new, or 0 with an error set; may run Python code. */
    static long PyObject_GetAttrString(long object, long name) {
        return Native.call(PyObject_GetAttrString, object, name);
    }

    private static final long PyObject_GetAttr = Native.symbol("PyObject_GetAttr");

    /** {@code PyObject *PyObject_GetAttr(PyObject *o, PyObject *attr_name)}. Returns new, or 0 with an error set; may run Python code. */
    static long PyObject_GetAttr(long object, long name) {
        return Native.call(PyObject_GetAttr, object, name);
    }

    private static final long PyObject_SetAttr = Native.symbol("PyObject_SetAttr");

    /** {@code int PyObject_SetAttr(PyObject *o, PyObject *attr_name, PyObject *v)}. Returns 0, or -1 with an error set; may run Python code. */
    static int PyObject_SetAttr(long object, long name, long value) {
        return (int) Native.call(PyObject_SetAttr, object, name, value);
    }

    /** Exported by every version up to 3.14; 0 where it is not, and then nobody asks. */
    private static final long _PyObject_GetMethod = Native.find("_PyObject_GetMethod");

    /**
     * {@code int _PyObject_GetMethod(PyObject *obj, PyObject *name, PyObject **method)}: what a call {@code obj.name(…)}
     * looks up. Returns 1 for a function of the class that takes {@code obj} first, 0 for any other attribute; {@code
     * *method} is new, or 0 with an error set.
     */
    static int _PyObject_GetMethod(long object, long name, long method) {
        return (int) Native.call(_PyObject_GetMethod, object, name, method);
    }

    private static final long PyObject_SetAttrString = Native.symbol("PyObject_SetAttrString");

    /** {@code int PyObject_SetAttrString(PyObject *o, const char *attr_name, PyObject *v)}. Returns 0, or -1 with an error set. */
    static int PyObject_SetAttrString(long object, long name, long value) {
        return (int) Native.call(PyObject_SetAttrString, object, name, value);
    }

    private static final long PyObject_IsTrue = Native.symbol("PyObject_IsTrue");

    /** {@code int PyObject_IsTrue(PyObject *o)}. Returns 1, 0, or -1 with an error set; may run Python code. */
    static int PyObject_IsTrue(long object) {
        return (int) Native.call(PyObject_IsTrue, object);
    }

    private static final long PyObject_IsInstance = Native.symbol("PyObject_IsInstance");

    /** {@code int PyObject_IsInstance(PyObject *inst, PyObject *cls)}. Returns 1, 0, or -1 with an error set. */
    static int PyObject_IsInstance(long object, long type) {
        return (int) Native.call(PyObject_IsInstance, object, type);
    }

    private static final long PyWeakref_NewRef = Native.symbol("PyWeakref_NewRef");

    /** {@code PyObject *PyWeakref_NewRef(PyObject *ob, PyObject *callback)}. Returns new, or 0 with an error set. */
    static long PyWeakref_NewRef(long object, long callback) {
        return Native.call(PyWeakref_NewRef, object, callback);
    }

    private static final long _Py_Dealloc = Native.symbol("_Py_Dealloc");

    /** {@code void _Py_Dealloc(PyObject *op)}. Returns nothing; the count is 0; runs Python code. */
    static void _Py_Dealloc(long object) {
        Native.call(_Py_Dealloc, object);
    }

    private static final long PyType_GenericAlloc = Native.symbol("PyType_GenericAlloc");

    /** {@code PyObject *PyType_GenericAlloc(PyTypeObject *type, Py_ssize_t nitems)}. Returns new and tracked by the collector, fields zero, or 0 with an error set. */
    static long PyType_GenericAlloc(long type, long items) {
        return Native.call(PyType_GenericAlloc, type, items);
    }

    private static final long PyDescr_NewMethod = Native.symbol("PyDescr_NewMethod");

    /** {@code PyObject *PyDescr_NewMethod(PyTypeObject *type, PyMethodDef *meth)}. Returns new, or 0 with an error set. */
    static long PyDescr_NewMethod(long type, long definition) {
        return Native.call(PyDescr_NewMethod, type, definition);
    }

    private static final long PyCFunction_NewEx = Native.symbol("PyCFunction_NewEx");

    /**
     * {@code PyObject *PyCFunction_NewEx(PyMethodDef *ml, PyObject *self, PyObject *module)}. Returns new, or 0 with an
     * error set.
     */
    static long PyCFunction_NewEx(long definition, long self, long module) {
        return Native.call(PyCFunction_NewEx, definition, self, module);
    }

    private static final long PyObject_GC_Track = Native.symbol("PyObject_GC_Track");

    /** {@code void PyObject_GC_Track(PyObject *op)}. Returns nothing. */
    static void PyObject_GC_Track(long object) {
        Native.call(PyObject_GC_Track, object);
    }

    private static final long PyObject_GC_UnTrack = Native.symbol("PyObject_GC_UnTrack");

    /** {@code void PyObject_GC_UnTrack(void *op)}. Returns nothing. */
    static void PyObject_GC_UnTrack(long object) {
        Native.call(PyObject_GC_UnTrack, object);
    }

    private static final long PyObject_GC_IsTracked = Native.symbol("PyObject_GC_IsTracked");

    /** {@code int PyObject_GC_IsTracked(PyObject *op)}. Returns 1 or 0. */
    static int PyObject_GC_IsTracked(long object) {
        return (int) Native.call(PyObject_GC_IsTracked, object);
    }

    // ---- containers and numbers

    private static final long PyTuple_New = Native.symbol("PyTuple_New");

    /** {@code PyObject *PyTuple_New(Py_ssize_t len)}. Returns new with empty items, or 0 with an error set. */
    static long PyTuple_New(long length) {
        return Native.call(PyTuple_New, length);
    }

    private static final long PySequence_Tuple = Native.symbol("PySequence_Tuple");

    /** {@code PyObject *PySequence_Tuple(PyObject *o)}. Returns new, or 0 with an error set; may run Python code. */
    static long PySequence_Tuple(long object) {
        return Native.call(PySequence_Tuple, object);
    }

    private static final long PyDict_GetItemString = Native.symbol("PyDict_GetItemString");

    /** {@code PyObject *PyDict_GetItemString(PyObject *p, const char *key)}. Returns borrowed, or 0. */
    static long PyDict_GetItemString(long dict, long key) {
        return Native.call(PyDict_GetItemString, dict, key);
    }

    private static final long PyDict_GetItemWithError = Native.symbol("PyDict_GetItemWithError");

    /** {@code PyObject *PyDict_GetItemWithError(PyObject *p, PyObject *key)}. Returns borrowed, or 0. */
    static long PyDict_GetItemWithError(long dict, long key) {
        return Native.call(PyDict_GetItemWithError, dict, key);
    }

    private static final long PyBytes_FromStringAndSize = Native.symbol("PyBytes_FromStringAndSize");

    /** {@code PyObject *PyBytes_FromStringAndSize(const char *v, Py_ssize_t len)}. Returns new, or 0 with an error set; {@code from} 0 leaves the content open. */
    static long PyBytes_FromStringAndSize(long from, long length) {
        return Native.call(PyBytes_FromStringAndSize, from, length);
    }

    private static final long _PyBytes_Resize = Native.symbol("_PyBytes_Resize");
    private static final long RESIZED = Memory.allocateForever(8);

    /** {@code int _PyBytes_Resize(PyObject **bytes, Py_ssize_t newsize)}: steals {@code bytes}, which only the caller holds. Returns new, or 0 with an error set. */
    static long PyBytes_Resize(long bytes, long length) {
        Memory.putLong(RESIZED, bytes);
        Native.call(_PyBytes_Resize, RESIZED, length); // it leaves 0 there if it fails
        return Memory.getLong(RESIZED);
    }

    private static final long PyByteArray_Resize = Native.symbol("PyByteArray_Resize");

    /** {@code int PyByteArray_Resize(PyObject *bytearray, Py_ssize_t len)}. Returns 0, or -1 with an error set: it is exported as a buffer. */
    static int PyByteArray_Resize(long object, long length) {
        return (int) Native.call(PyByteArray_Resize, object, length);
    }

    private static final long PyByteArray_AsString = Native.symbol("PyByteArray_AsString");

    /** {@code char *PyByteArray_AsString(PyObject *bytearray)}. Returns where its bytes are until it is resized. */
    static long PyByteArray_AsString(long object) {
        return Native.call(PyByteArray_AsString, object);
    }

    private static final long PyUnicode_InternFromString = Native.symbol("PyUnicode_InternFromString");

    /** {@code PyObject *PyUnicode_InternFromString(const char *str)}. Returns new, or 0 with an error set. */
    static long PyUnicode_InternFromString(long text) {
        return Native.call(PyUnicode_InternFromString, text);
    }

    private static final long PyUnicode_CompareWithASCIIString = Native.symbol("PyUnicode_CompareWithASCIIString");

    /** {@code int PyUnicode_CompareWithASCIIString(PyObject *unicode, const char *string)}. Returns 0 where equal. */
    static int PyUnicode_CompareWithASCIIString(long object, long text) {
        return (int) Native.call(PyUnicode_CompareWithASCIIString, object, text);
    }

    private static final long PyUnicode_AsUTF8 = Native.symbol("PyUnicode_AsUTF8");

    /** {@code const char *PyUnicode_AsUTF8(PyObject *unicode)}. Returns borrowed from the object, or 0 with an error set. */
    static long PyUnicode_AsUTF8(long object) {
        return Native.call(PyUnicode_AsUTF8, object);
    }

    private static final long PyLong_FromLong = Native.symbol("PyLong_FromLong");

    /** {@code PyObject *PyLong_FromLong(long v)}. Returns new, or 0 with an error set. */
    static long PyLong_FromLong(long value) {
        return Native.call(PyLong_FromLong, value);
    }

    private static final long PyLong_AsLong = Native.symbol("PyLong_AsLong");

    /** {@code long PyLong_AsLong(PyObject *obj)}. Returns the value; -1 may mean an error. */
    static long PyLong_AsLong(long object) {
        return Native.call(PyLong_AsLong, object);
    }

    private static final long PyNumber_Float = Native.symbol("PyNumber_Float");

    /** {@code PyObject *PyNumber_Float(PyObject *o)}. Returns new, or 0 with an error set; may run Python code. */
    static long PyNumber_Float(long object) {
        return Native.call(PyNumber_Float, object);
    }

    private static final long PyNumber_Add = Native.symbol("PyNumber_Add");

    /** {@code PyObject *PyNumber_Add(PyObject *o1, PyObject *o2)}. Returns new, or 0 with an error set; may run Python code. */
    static long PyNumber_Add(long left, long right) {
        return Native.call(PyNumber_Add, left, right);
    }

    private static final long PyObject_GetBuffer = Native.symbol("PyObject_GetBuffer");

    /** {@code int PyObject_GetBuffer(PyObject *exporter, Py_buffer *view, int flags)}. Returns 0, or -1 with an error set; may run Python code. */
    static int PyObject_GetBuffer(long object, long view, long flags) {
        return (int) Native.call(PyObject_GetBuffer, object, view, flags);
    }

    private static final long PyBuffer_Release = Native.symbol("PyBuffer_Release");

    /** {@code void PyBuffer_Release(Py_buffer *view)}. Returns nothing; may run Python code. */
    static void PyBuffer_Release(long view) {
        Native.call(PyBuffer_Release, view);
    }

    // ---- contexts and threads

    private static final long PyContext_CopyCurrent = Native.symbol("PyContext_CopyCurrent");

    /** {@code PyObject *PyContext_CopyCurrent(void)}. Returns new, or 0 with an error set. */
    static long PyContext_CopyCurrent() {
        return Native.call(PyContext_CopyCurrent);
    }

    private static final long PyContext_New = Native.symbol("PyContext_New");

    /** {@code PyObject *PyContext_New(void)}. Returns new, or 0 with an error set. */
    static long PyContext_New() {
        return Native.call(PyContext_New);
    }

    private static final long PyContext_Enter = Native.symbol("PyContext_Enter");

    /** {@code int PyContext_Enter(PyObject *ctx)}. Returns 0, or -1 with an error set. */
    static int PyContext_Enter(long context) {
        return (int) Native.call(PyContext_Enter, context);
    }

    private static final long PyContext_Exit = Native.symbol("PyContext_Exit");

    /** {@code int PyContext_Exit(PyObject *ctx)}. Returns 0, or -1 with an error set. */
    static int PyContext_Exit(long context) {
        return (int) Native.call(PyContext_Exit, context);
    }

    private static final long PyContextVar_New = Native.symbol("PyContextVar_New");

    /** {@code PyObject *PyContextVar_New(const char *name, PyObject *def)}. Returns new, or 0 with an error set. */
    static long PyContextVar_New(long name, long initial) {
        return Native.call(PyContextVar_New, name, initial);
    }

    private static final long PyContextVar_Set = Native.symbol("PyContextVar_Set");

    /** {@code PyObject *PyContextVar_Set(PyObject *var, PyObject *value)}. Returns new token, or 0 with an error set. */
    static long PyContextVar_Set(long variable, long value) {
        return Native.call(PyContextVar_Set, variable, value);
    }

    private static final long PyThreadState_Get = Native.symbol("PyThreadState_Get");

    /** {@code PyThreadState *PyThreadState_Get(void)}. Returns the thread's state. */
    static long PyThreadState_Get() {
        return Native.call(PyThreadState_Get);
    }

    private static final long PyEval_SaveThread = Native.symbol("PyEval_SaveThread");

    /** {@code PyThreadState *PyEval_SaveThread(void)}. Returns the thread's state; the GIL is given away. */
    static long PyEval_SaveThread() {
        return Native.call(PyEval_SaveThread);
    }

    private static final long PyEval_RestoreThread = Native.symbol("PyEval_RestoreThread");

    /** {@code void PyEval_RestoreThread(PyThreadState *tstate)}. Returns nothing; waits for the GIL. */
    static void PyEval_RestoreThread(long state) {
        Native.call(PyEval_RestoreThread, state);
    }

    // ---- errors

    private static final long PyErr_SetString = Native.symbol("PyErr_SetString");

    /** {@code void PyErr_SetString(PyObject *type, const char *message)}. Returns nothing. */
    static void PyErr_SetString(long type, long message) {
        Native.call(PyErr_SetString, type, message);
    }

    private static final long PyErr_Occurred = Native.symbol("PyErr_Occurred");

    /** {@code PyObject *PyErr_Occurred(void)}. Returns borrowed type of the error, or 0. */
    static long PyErr_Occurred() {
        return Native.call(PyErr_Occurred);
    }

    private static final long PyErr_Clear = Native.symbol("PyErr_Clear");

    /** {@code void PyErr_Clear(void)}. Returns nothing. */
    static void PyErr_Clear() {
        Native.call(PyErr_Clear);
    }

    private static final long PyErr_Fetch = Native.symbol("PyErr_Fetch");

    /** {@code void PyErr_Fetch(PyObject **ptype, PyObject **pvalue, PyObject **ptraceback)}. Returns nothing; clears the error; new references, or 0. */
    static void PyErr_Fetch(long type, long value, long traceback) {
        Native.call(PyErr_Fetch, type, value, traceback);
    }

    private static final long PyErr_NormalizeException = Native.symbol("PyErr_NormalizeException");

    /** {@code void PyErr_NormalizeException(PyObject **exc, PyObject **val, PyObject **tb)}. Returns nothing. */
    static void PyErr_NormalizeException(long type, long value, long traceback) {
        Native.call(PyErr_NormalizeException, type, value, traceback);
    }

    private static final long PyErr_Restore = Native.symbol("PyErr_Restore");

    /** {@code void PyErr_Restore(PyObject *type, PyObject *value, PyObject *traceback)}. Returns nothing; takes the references. */
    static void PyErr_Restore(long type, long value, long traceback) {
        Native.call(PyErr_Restore, type, value, traceback);
    }

    private static final long PyErr_GetExcInfo = Native.symbol("PyErr_GetExcInfo");

    /** {@code void PyErr_GetExcInfo(PyObject **ptype, PyObject **pvalue, PyObject **ptraceback)}. Returns nothing; what {@code sys.exc_info()} tells: new references, or 0. */
    static void PyErr_GetExcInfo(long type, long value, long traceback) {
        Native.call(PyErr_GetExcInfo, type, value, traceback);
    }

    private static final long PyErr_SetExcInfo = Native.symbol("PyErr_SetExcInfo");

    /** {@code void PyErr_SetExcInfo(PyObject *type, PyObject *value, PyObject *traceback)}. Returns nothing; takes the references. */
    static void PyErr_SetExcInfo(long type, long value, long traceback) {
        Native.call(PyErr_SetExcInfo, type, value, traceback);
    }

    private static final long PyErr_GivenExceptionMatches = Native.symbol("PyErr_GivenExceptionMatches");

    /** {@code int PyErr_GivenExceptionMatches(PyObject *given, PyObject *exc)}. Returns 1 or 0. */
    static int PyErr_GivenExceptionMatches(long given, long type) {
        return (int) Native.call(PyErr_GivenExceptionMatches, given, type);
    }

    private static final long PyException_GetTraceback = Native.symbol("PyException_GetTraceback");

    /** {@code PyObject *PyException_GetTraceback(PyObject *ex)}. Returns a new reference, or 0 where there is none; runs no code. */
    static long PyException_GetTraceback(long exception) {
        return Native.call(PyException_GetTraceback, exception);
    }

    private static final long PyException_SetTraceback = Native.symbol("PyException_SetTraceback");

    /** {@code int PyException_SetTraceback(PyObject *ex, PyObject *tb)}. Returns 0, or -1 with an error set. */
    static int PyException_SetTraceback(long exception, long traceback) {
        return (int) Native.call(PyException_SetTraceback, exception, traceback);
    }

    private static final long PyErr_WriteUnraisable = Native.symbol("PyErr_WriteUnraisable");

    /** {@code void PyErr_WriteUnraisable(PyObject *obj)}. Returns nothing; clears the error; runs Python code. */
    static void PyErr_WriteUnraisable(long object) {
        Native.call(PyErr_WriteUnraisable, object);
    }

    private static final long PyErr_CheckSignals = Native.symbol("PyErr_CheckSignals");

    /** {@code int PyErr_CheckSignals(void)}. Returns 0, or -1 with an error set; runs signal handlers. */
    static int PyErr_CheckSignals() {
        return (int) Native.call(PyErr_CheckSignals);
    }

    // ---- function pointers

    /** Calls the C function at {@code function}; surplus arguments are harmless. */
    static long call(long function, long first, long second) {
        return Native.call(function, first, second);
    }
}
