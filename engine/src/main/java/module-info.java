/** The event loop engine: poller, timer heap, ready queue and stream channels over Linux, without Python. */
module jloop.engine {
    requires jdk.unsupported; // sun.misc.Unsafe

    exports jloop.engine;
    exports jloop.engine.linux to
            jloop.cpython;
}
