package jloop.engine;

import jloop.engine.linux.CallState;
import jloop.engine.linux.Files;

/**
 * The kernel's table of the process's descriptors. It doubles when it is full; where the process has several threads, as
 * ours has, whoever opened the one too many waits some milliseconds for all processors ({@code expand_fdtable} in Linux'
 * {@code fs/file.c}). In that time a server accepts nobody, and a hundred clients are enough to overflow its backlog.
 */
public final class DescriptorTable {
    /** Sizes to try; one above the process's limit is refused. Eight bytes of the kernel's memory for each descriptor. */
    private static final int[] SIZES = {16_384, 4_096, 1_024};

    private final CallState state = new CallState();

    /** Makes room for thousands of descriptors, if the process may have them. May block for tens of milliseconds. */
    public void grow() {
        int fd = Files.eventfd(state);
        if (fd < 0) {
            return;
        }
        for (int size : SIZES) {
            int last = Files.duplicate(state, fd, size - 1);
            if (last >= 0) {
                Files.close(state, last);
                break;
            }
        }
        Files.close(state, fd);
    }
}
