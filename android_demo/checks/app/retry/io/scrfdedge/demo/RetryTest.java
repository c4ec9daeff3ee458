package io.scrfdedge.demo;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;

import android.hardware.camera2.CameraManager;
import android.os.Handler;
import org.junit.Before;
import org.junit.Test;

public class RetryTest {
    private static final long HOUR = 3_600_000;

    private int opened;
    private final CameraManager cameras = new CameraManager();
    private final Handler main = new Handler();
    private final Retry retry = new Retry(cameras, main, () -> opened++);

    @Before
    public void bothAreFree() {
        cameras.set("0", true);
        cameras.set("1", true);
    }

    /** Opening would take it away. */
    @Test
    public void aCameraThatAnotherAppHoldsIsWaitedFor() {
        cameras.set("0", false);
        retry.lost("0");
        main.pass(HOUR);
        cameras.set("1", false);
        cameras.set("1", true);
        main.pass(HOUR);
        assertEquals(0, opened);
        cameras.set("0", true);
        main.pass(0);
        assertEquals(1, opened);
        cameras.set("0", false);
        cameras.set("0", true);
        main.pass(HOUR);
        assertEquals(1, opened);
        assertNothingIsLeft();
    }

    @Test
    public void aCameraThatKeepsFailingIsOpenedLessAndLessOften() {
        long[] waits = {1000, 2000, 4000, 8000, 16_000, 16_000, 16_000};
        for (int i = 0; i < waits.length; i++) {
            retry.lost(i % 2 == 0 ? "0" : null);
            main.pass(waits[i] - 1);
            assertEquals(i, opened);
            main.pass(1);
            assertEquals(i + 1, opened);
        }
        retry.reset();
        retry.lost("0");
        main.pass(waits[0]);
        assertEquals(waits.length + 1, opened);
    }

    @Test
    public void cancelLeavesNothing() {
        for (long moment : new long[] {0, Retry.FIRST_WAIT_MILLISECONDS - 1, HOUR}) {
            cameras.set("0", false);
            retry.reset();
            retry.lost("0");
            main.pass(moment);
            retry.cancel();
            assertNothingIsLeft();
            cameras.set("0", true);
            main.pass(HOUR);
            assertEquals(0, opened);
        }
    }

    @Test
    public void aCallOnItsWayAtCancelOpensNothing() {
        cameras.set("0", false);
        retry.lost("0");
        main.pass(HOUR);
        cameras.set("0", true);
        retry.cancel();
        main.pass(HOUR);
        assertEquals(0, opened);
    }

    /** As where a failure is told twice. */
    @Test
    public void twoLossesOpenOnce() {
        retry.lost("0");
        retry.lost("0");
        main.pass(HOUR);
        assertEquals(1, opened);
        assertNothingIsLeft();
    }

    private void assertNothingIsLeft() {
        assertTrue(main.idle());
        assertTrue(cameras.idle());
    }
}
