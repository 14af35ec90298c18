/** CPython's C API over FFM, and asyncio's loop, handles and transports as Python sees them. */
module jloop.cpython {
    requires jloop.engine;
}
