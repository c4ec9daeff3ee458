package io.scrfdedge.facecore;

import java.util.Objects;
import java.util.function.Consumer;

/**
 * A queue of one: the newest frame is kept, the one that it replaces is released and counted as dropped. The producer
 * (the camera) never waits; the consumer takes the newest when it is ready. Safe for any number of threads.
 */
public final class LatestFrame<T> implements AutoCloseable {
    private final Consumer<? super T> release;
    private T kept;
    private long dropped;
    private boolean closed;

    /** release: called for each frame that is dropped, on the thread that dropped it, such as {@code Image::close}. */
    public LatestFrame(Consumer<? super T> release) {
        this.release = Objects.requireNonNull(release, "release");
    }

    /** Keeps {@code frame} and releases the one before; after close it is released at once. Never waits. */
    public void put(T frame) {
        Objects.requireNonNull(frame, "frame");
        T old;
        synchronized (this) {
            old = closed ? frame : kept;
            if (!closed) {
                kept = frame;
                notify();
            }
            if (old != null) {
                dropped++;
            }
        }
        if (old != null) {
            release.accept(old);
        }
    }

    /** Waits for a frame, which is the caller's to release; null after close. */
    public synchronized T take() throws InterruptedException {
        while (kept == null && !closed) {
            wait();
        }
        T frame = kept;
        kept = null;
        return frame;
    }

    /** Frames that nobody took. */
    public synchronized long dropped() {
        return dropped;
    }

    /** Releases the frame that is kept and wakes all who wait. May be called again. */
    @Override
    public void close() {
        T old;
        synchronized (this) {
            closed = true;
            old = kept;
            kept = null;
            if (old != null) {
                dropped++;
            }
            notifyAll();
        }
        if (old != null) {
            release.accept(old);
        }
    }
}
