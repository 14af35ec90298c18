package jloop.cpython;

import jloop.engine.linux.Memory;

/**
 * Calls of a transport's Python object and of its protocol, in the context that the transport keeps, and what becomes of
 * errors they raise. GIL held.
 */
final class Face {
    private final PyLoop loop;
    /** The transport's object; the transport owns a reference. */
    final long address;
    /** Offset of its slot {@code _context}. */
    private final int contextSlot;

    Face(PyLoop loop, long address, int contextSlot) {
        this.loop = loop;
        this.address = address;
        this.contextSlot = contextSlot;
    }

    /** Calls from now on run in a copy of the current context. */
    void keepContext() {
        long copy = PyErrAlreadySet.check(CPython.PyContext_CopyCurrent());
        Refs.set(address + contextSlot, copy);
        Refs.decref(copy);
    }

    /** {@code object.name(argument)} in the transport's context: a new reference, or 0 with an error set. */
    long inContext(long name, long object, long argument) {
        long context = enter();
        Refs.incref(object);
        long result = Calls.method(name, object, argument);
        Refs.decref(object);
        exit(context);
        return result;
    }

    /** {@code object.name(first, second)} in the transport's context: a new reference, or 0 with an error set. */
    long inContext(long name, long object, long first, long second) {
        long context = enter();
        Refs.incref(object);
        long result = Calls.method(name, object, first, second);
        Refs.decref(object);
        exit(context);
        return result;
    }

    /** {@code transport.name()} in the transport's context. Errors are reported. */
    void tell(long name) {
        tellIn(contextSlot, name);
    }

    /** As {@link #tell(long)}, in the context that another slot of the transport holds. */
    void tellIn(int slot, long name) {
        long self = Refs.share(address);
        long context = enter(slot);
        long result = Calls.method(name, self);
        exit(context);
        report(result);
        Refs.decref(self);
    }

    /** {@code transport.name(errno)} in the transport's context. Errors are reported. */
    void tell(long name, int errno) {
        long self = Refs.share(address);
        long number = CPython.PyLong_FromLong(errno);
        report(number == 0 ? 0 : inContext(name, self, number));
        Refs.xdecref(number);
        Refs.decref(self);
    }

    /** Enters the transport's context: a reference for {@link #exit}, or 0 where it was not entered. */
    private long enter() {
        return enter(contextSlot);
    }

    private long enter(int slot) {
        long context = Memory.getLong(address + slot);
        if (context == 0 || context == Layout.NONE) {
            return 0;
        }
        Refs.incref(context);
        if (Contexts.enter(context, loop.callersState())) {
            return context;
        }
        Refs.decref(Errors.take()); // entered already: one of its own calls writes, and that fails or is too much
        Refs.decref(context);
        return 0;
    }

    private void exit(long context) {
        if (context != 0) {
            Contexts.exit(context, loop.callersState());
            Refs.decref(context);
        }
    }

    /** An error of a method in Python leaves the loop if it must, and goes to the exception handler otherwise. */
    void report(long result) {
        if (result != 0) {
            Refs.decref(result);
            return;
        }
        long exception = Errors.take();
        if (Errors.leavesLoop(exception)) {
            loop.leaveWith(exception);
            return;
        }
        long before = Errors.handle(exception);
        long handled = Calls.call(Types.TRANSPORT_FAILED, address, exception);
        Errors.handled(before);
        Refs.decref(exception);
        if (handled == 0) {
            loop.leave();
        } else {
            Refs.decref(handled);
        }
    }
}
