package io.scrfdedge.facecore;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertThrows;

import org.junit.Test;

public class SettingsTest {
    private final Settings settings = new Settings("m.tflite", 0.45F);

    @Test
    public void oneChoiceChangesAndTheOthersStay() {
        Settings other = settings.withModel("n.tflite", 0.4F)
                .withScore(0.3F)
                .withIou(0.6F)
                .withLandmarks(false)
                .withCamera(Settings.Camera.FRONT)
                .withProcessor(Settings.Processor.GPU);
        assertEquals(0.3F, other.score, 0);
        assertEquals(0.6F, other.iou, 0);
        assertEquals(false, other.landmarks);
        assertEquals(Settings.Camera.FRONT, other.camera);
        assertEquals("n.tflite", other.model);
        assertEquals(Settings.Processor.GPU, other.processor);
        assertEquals(0.45F, settings.score, 0);
    }

    @Test
    public void eachModelStartsAtItsOwnScore() {
        Settings other = settings.withIou(0.6F).withScore(0.9F).withModel("n.tflite", 0.35F);
        assertEquals(0.35F, other.score, 0);
        assertEquals(0.6F, other.iou, 0);
    }

    @Test
    public void whatIsOutsideItsRangeIsRefused() {
        for (float wrong : new float[] {-0.01F, 1.01F, Float.NaN}) {
            assertThrows(IllegalArgumentException.class, () -> settings.withScore(wrong));
            assertThrows(IllegalArgumentException.class, () -> settings.withIou(wrong));
            assertThrows(IllegalArgumentException.class, () -> settings.withModel("n.tflite", wrong));
            assertThrows(IllegalArgumentException.class, () -> new Settings("m.tflite", wrong));
        }
        assertThrows(IllegalArgumentException.class, () -> settings.withModel("", 0.5F));
    }
}
