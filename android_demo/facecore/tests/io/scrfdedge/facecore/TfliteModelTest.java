package io.scrfdedge.facecore;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Random;
import org.junit.Test;

public class TfliteModelTest {
    @Test
    public void ourFilesSayWhatTheyAre() throws IOException {
        TfliteModel floats = Golden.of("fp32").model;
        assertEquals("scrfd_500m_kps", floats.metadata.model);
        assertEquals("fp32", floats.metadata.precision);
        assertEquals(TensorType.FLOAT32, floats.metadata.type);
        assertFalse(floats.metadata.channelsFirst);
        assertArrayEquals(new int[] {8, 16, 32}, floats.metadata.strides());
        assertTrue(floats.resizable());
        assertEquals(9, floats.outputs.size());

        TfliteModel integers = Golden.of("int8_integer_outputs").model;
        assertEquals(TensorType.INT8, integers.metadata.type);
        for (TfliteModel.Output output : integers.outputs) {
            assertEquals(TensorType.INT8, output.type);
            assertTrue(output.scale > 0);
        }

        TfliteModel fixed = Golden.of("fp32_fixed").model;
        assertFalse(fixed.resizable());
        assertEquals(320, fixed.fixedWidth);
        assertEquals(256, fixed.fixedHeight);
    }

    @Test
    public void aTruncatedFileIsRefused() throws IOException {
        ByteBuffer file = Golden.of("int8_integer_outputs").file;
        byte[] bytes = file.array();
        for (int length = 0; length < bytes.length; length += bytes.length / 500) {
            ByteBuffer part = ByteBuffer.wrap(Arrays.copyOf(bytes, length));
            assertThrows(IllegalArgumentException.class, () -> TfliteModel.parse(part));
        }
    }

    /** Anything else would be another exception than the one that is promised, or an endless loop. */
    @Test(timeout = 60_000)
    public void aDamagedFileIsReadOrRefused() throws IOException {
        byte[] bytes = Golden.of("int8_integer_outputs").file.array();
        Random random = new Random(5);
        int refused = 0;
        for (int round = 0; round < 3000; round++) {
            byte[] damaged = bytes.clone();
            // The tables lie at the start and the end, the weights between them.
            for (int i = 0; i < 40; i++) {
                int at = random.nextInt(20_000);
                damaged[random.nextBoolean() ? at : bytes.length - 1 - at] = (byte) random.nextInt();
            }
            try {
                TfliteModel.parse(ByteBuffer.wrap(damaged));
            } catch (IllegalArgumentException error) {
                refused++;
            }
        }
        assertTrue("only " + refused + " were refused", refused > 300);
    }

    @Test
    public void aFileOfAnotherKindIsRefused() {
        assertThrows(IllegalArgumentException.class, () -> TfliteModel.parse(ByteBuffer.wrap(new byte[4096])));
        assertThrows(IllegalArgumentException.class, () -> TfliteModel.parse(ByteBuffer.allocate(0)));
    }
}
