package io.scrfdedge.facecore;

import java.util.Arrays;

/** Medians over the last frames: milliseconds of each stage, and frames per second. Safe for several threads. */
public final class StageTimes {
    /** What a frame goes through, in this order. */
    public enum Stage {
        /** From the exposure's timestamp until the frame is taken up. */
        CAMERA,
        /** YUV to RGB, and letterbox. */
        PRE,
        NETWORK,
        /** Decoding and NMS. */
        POST,
        /** Boxes and landmarks on the screen. */
        DRAW
    }

    private static final int WINDOW = 31;

    private final Ring[] stages = new Ring[Stage.values().length];
    private final Ring intervals = new Ring();
    private long lastFrame;
    private boolean started;

    public StageTimes() {
        for (int i = 0; i < stages.length; i++) {
            stages[i] = new Ring();
        }
    }

    /** One measurement, in nanoseconds as System.nanoTime counts. */
    public synchronized void add(Stage stage, long nanoseconds) {
        stages[stage.ordinal()].add(nanoseconds);
    }

    /** A frame is done, at System.nanoTime(). */
    public synchronized void frame(long nanoTime) {
        if (started) {
            intervals.add(nanoTime - lastFrame);
        }
        lastFrame = nanoTime;
        started = true;
    }

    /** Median of the last measurements in milliseconds, NaN before the first. */
    public synchronized double milliseconds(Stage stage) {
        return stages[stage.ordinal()].median() / 1e6;
    }

    /** From the median time between frames, NaN before the second. */
    public synchronized double framesPerSecond() {
        return 1e9 / intervals.median();
    }

    /** Forgets everything: after a pause, or with another model. */
    public synchronized void reset() {
        for (Ring ring : stages) {
            ring.clear();
        }
        intervals.clear();
        started = false;
    }

    /** The last {@link #WINDOW} values. */
    private static final class Ring {
        private final long[] values = new long[WINDOW];
        private int count;

        void add(long value) {
            values[count % WINDOW] = value;
            count = count + 1 == 2 * WINDOW ? WINDOW : count + 1;
        }

        double median() {
            int n = Math.min(count, WINDOW);
            if (n == 0) {
                return Double.NaN;
            }
            long[] sorted = Arrays.copyOf(values, n);
            Arrays.sort(sorted);
            return (sorted[(n - 1) / 2] + sorted[n / 2]) / 2.0;
        }

        void clear() {
            count = 0;
        }
    }
}
