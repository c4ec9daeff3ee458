package io.scrfdedge.facecore;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import org.junit.Test;

public class PlacementTest {
    @Test
    public void theLongSideIsScaledAndBothSidesArePadded() {
        assertEquals("1280x720 as 640x360 in 640x384", Placement.fit(1280, 720, 640).toString());
        assertEquals("720x1280 as 180x320 in 192x320", Placement.fit(720, 1280, 320).toString());
        assertEquals("1x1 as 32x32 in 32x32", Placement.fit(1, 1, 32).toString());
    }

    @Test
    public void aFixedTensorKeepsItsSize() {
        assertEquals("1280x720 as 320x180 in 320x320", Placement.fitShape(1280, 720, 320, 320).toString());
        assertEquals("720x1280 as 180x320 in 320x320", Placement.fitShape(720, 1280, 320, 320).toString());
    }

    @Test
    public void turningThePhoneChangesTheTensor() {
        Placement across = Placement.fit(1280, 720, 320);
        assertFalse(across.hasTensorOf(Placement.fit(720, 1280, 320)));
        assertTrue(across.hasTensorOf(Placement.fit(640, 360, 320)));
    }

    @Test
    public void sidesOutOfRangeAreRefused() {
        for (int wrong : new int[] {Integer.MIN_VALUE, -1, 0, RgbFrame.MAX_SIDE + 1, Integer.MAX_VALUE}) {
            assertThrows(IllegalArgumentException.class, () -> Placement.fit(wrong, 480, 320));
            assertThrows(IllegalArgumentException.class, () -> Placement.fit(640, wrong, 320));
            assertThrows(IllegalArgumentException.class, () -> Placement.fit(640, 480, wrong));
            assertThrows(IllegalArgumentException.class, () -> Placement.fitShape(640, 480, wrong, 320));
            assertThrows(IllegalArgumentException.class, () -> Placement.fitShape(640, 480, 320, wrong));
            assertThrows(IllegalArgumentException.class, () -> new RgbFrame(wrong, 1, 3));
            assertThrows(IllegalArgumentException.class, () -> new RgbFrame(1, wrong, 3));
        }
        assertThrows(IllegalArgumentException.class, () -> new RgbFrame(2, 2, 1));
    }
}
