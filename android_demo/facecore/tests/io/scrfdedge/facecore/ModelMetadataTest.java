package io.scrfdedge.facecore;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import org.junit.Test;

public class ModelMetadataTest {
    private static final String GOOD = "{\"format\": 1, \"model\": \"m\", \"strides\": [8, 16, 32], \"anchors\": 2, "
            + "\"landmarks\": true, \"precision\": \"fp32\", \"score_threshold\": null, \"later\": [], \"input\": "
            + "{\"color\": \"rgb\", \"layout\": \"NHWC\", \"dtype\": \"int8\", \"mean\": 127.5, \"std\": 128}}";

    @Test
    public void everyFieldIsRead() {
        ModelMetadata m = ModelMetadata.parse(GOOD);
        assertEquals("m", m.model);
        assertArrayEquals(new int[] {8, 16, 32}, m.strides());
        assertEquals(2, m.anchors);
        assertTrue(m.landmarks && !m.bgr && !m.channelsFirst);
        assertEquals(TensorType.INT8, m.type);
        assertEquals(127.5F, m.mean, 0);
        assertEquals(128F, m.std, 0);
        assertEquals(Settings.DEFAULT_SCORE, m.scoreThreshold, 0);
        ModelMetadata other = ModelMetadata.parse(
                GOOD.replace("null", "0.35").replace("\"rgb\"", "\"bgr\"").replace("NHWC", "NCHW"));
        assertEquals(0.35F, other.scoreThreshold, 0);
        assertTrue(other.bgr && other.channelsFirst);
    }

    @Test
    public void aFieldOutsideItsRangeIsNamed() {
        String[][] wrong = {
            {"format", "\"format\": 1", "\"format\": 2"},
            {"model", "\"m\"", "\"\""},
            {"model", "\"m\"", "5"},
            {"strides", "[8, 16, 32]", "[]"},
            {"strides", "[8, 16, 32]", "[16, 8]"},
            {"strides", "[8, 16, 32]", "[8, 8]"},
            {"strides", "[8, 16, 32]", "[8, 12]"},
            {"strides", "[8, 16, 32]", "[0]"},
            {"strides", "[8, 16, 32]", "[8.5]"},
            {"strides", "[8, 16, 32]", "\"8\""},
            {"anchors", "\"anchors\": 2", "\"anchors\": 0"},
            {"anchors", "\"anchors\": 2", "\"anchors\": 17"},
            {"anchors", "\"anchors\": 2", "\"anchors\": \"2\""},
            {"landmarks", "true", "1"},
            {"precision", "\"fp32\"", "\"FP 32\""},
            {"score_threshold", "null", "1.5"},
            {"score_threshold", "null", "\"0.5\""},
            {"input", "\"input\"", "\"output\""},
            {"input.color", "\"rgb\"", "\"yuv\""},
            {"input.layout", "NHWC", "HWC"},
            {"input.dtype", "\"int8\"", "\"int16\""},
            {"input.mean", "127.5", "1e9"},
            {"input.mean", "127.5", "null"},
            {"input.std", "128", "0"},
        };
        for (String[] row : wrong) {
            String text = GOOD.replace(row[1], row[2]);
            String message =
                    assertThrows(row[2], IllegalArgumentException.class, () -> ModelMetadata.parse(text)).getMessage();
            assertTrue(message, message.startsWith("Metadata: " + row[0] + " must be"));
        }
    }

    @Test
    public void whatIsNoObjectIsRefused() {
        for (String text : new String[] {"", "[]", "7", "{\"format\": 1", "[".repeat(1_000_000)}) {
            assertThrows(IllegalArgumentException.class, () -> ModelMetadata.parse(text));
        }
    }
}
