package io.scrfdedge.facecore;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertThrows;

import org.junit.Test;

public class SettingsTest {
    private final Settings settings = new Settings("m.tflite");

    @Test
    public void oneChoiceChangesAndTheOthersStay() {
        Settings other = settings.withScore(0.3F)
                .withIou(0.6F)
                .withLandmarks(false)
                .withCamera(Settings.Camera.FRONT)
                .withModel("n.tflite")
                .withProcessor(Settings.Processor.GPU);
        assertEquals(0.3F, other.score, 0);
        assertEquals(0.6F, other.iou, 0);
        assertEquals(false, other.landmarks);
        assertEquals(Settings.Camera.FRONT, other.camera);
        assertEquals("n.tflite", other.model);
        assertEquals(Settings.Processor.GPU, other.processor);
        assertEquals(Settings.DEFAULT_SCORE, settings.score, 0);
    }

    @Test
    public void whatIsOutsideItsRangeIsRefused() {
        for (float wrong : new float[] {-0.01F, 1.01F, Float.NaN}) {
            assertThrows(IllegalArgumentException.class, () -> settings.withScore(wrong));
            assertThrows(IllegalArgumentException.class, () -> settings.withIou(wrong));
        }
        assertThrows(IllegalArgumentException.class, () -> settings.withModel(""));
    }
}
