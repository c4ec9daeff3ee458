package io.scrfdedge.facecore;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;

import io.scrfdedge.facecore.StageTimes.Stage;
import org.junit.Test;

public class StageTimesTest {
    private final StageTimes times = new StageTimes();

    @Test
    public void nothingIsKnownBeforeTheFirst() {
        assertTrue(Double.isNaN(times.milliseconds(Stage.PRE)));
        assertTrue(Double.isNaN(times.framesPerSecond()));
        times.frame(5);
        assertTrue(Double.isNaN(times.framesPerSecond()));
    }

    @Test
    public void oneSlowFrameDoesNotMoveTheMedian() {
        for (long ms : new long[] {4, 5, 900, 6, 5}) {
            times.add(Stage.NETWORK, ms * 1_000_000);
        }
        assertEquals(5, times.milliseconds(Stage.NETWORK), 0);
        assertTrue(Double.isNaN(times.milliseconds(Stage.POST)));
    }

    @Test
    public void oldFramesAreForgotten() {
        for (int i = 0; i < 100; i++) {
            times.add(Stage.DRAW, 9_000_000);
        }
        for (int i = 0; i < 40; i++) {
            times.add(Stage.DRAW, 2_000_000);
        }
        assertEquals(2, times.milliseconds(Stage.DRAW), 0);
    }

    @Test
    public void framesPerSecondComeFromTheTimeBetweenFrames() {
        for (int i = 0; i < 10; i++) {
            times.frame(1_000 + i * 40_000_000L);
        }
        assertEquals(25, times.framesPerSecond(), 1e-9);
        times.reset();
        assertTrue(Double.isNaN(times.framesPerSecond()));
        times.frame(10_000_000_000L); // the pause itself is no frame
        times.frame(10_020_000_000L);
        assertEquals(50, times.framesPerSecond(), 1e-9);
    }
}
