package io.scrfdedge.facecore;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.junit.runners.Parameterized;

/** Java and Python are one implementation: the same bytes into the network, the same faces out of it. */
@RunWith(Parameterized.class)
public class GoldenTest {
    @Parameterized.Parameters(name = "{0}")
    public static Iterable<Golden> cases() throws IOException {
        return Golden.all();
    }

    private final Golden golden;

    public GoldenTest(Golden golden) {
        this.golden = golden;
    }

    @Test
    public void theTensorIsPythonsByteForByte() {
        try (FaceCore core = new FaceCore(golden.model)) {
            Placement placement = golden.place(core);
            ByteBuffer tensor = golden.newTensor(placement);
            core.letterbox(golden.frame, placement, tensor);
            assertArrayEquals(golden.tensor, Golden.bytes(tensor));
        }
    }

    @Test
    public void anOpaqueRgbaBitmapGivesTheSameTensor() {
        RgbFrame bitmap = new RgbFrame(golden.frame.width, golden.frame.height, 4);
        for (int i = 0; i < golden.frame.width * golden.frame.height; i++) {
            for (int c = 0; c < 3; c++) {
                bitmap.pixels.put(4 * i + c, golden.frame.pixels.get(3 * i + c));
            }
            bitmap.pixels.put(4 * i + 3, (byte) 255);
        }
        try (FaceCore core = new FaceCore(golden.model)) {
            Placement placement = golden.place(core);
            ByteBuffer tensor = golden.newTensor(placement);
            core.letterbox(bitmap, placement, tensor);
            assertArrayEquals(golden.tensor, Golden.bytes(tensor));
        }
    }

    @Test
    public void theFacesArePythonsToTheLastBit() {
        try (FaceCore core = new FaceCore(golden.model)) {
            Faces faces = core.decode(golden.outputs, golden.place(core), golden.score, golden.iou);
            assertTrue(faces.hasLandmarks());
            assertArrayEquals(golden.faces, Golden.rows(faces), 0);
        }
    }

    @Test
    public void theFileSaysHowLargeItsBuffersAre() {
        try (FaceCore core = new FaceCore(golden.model)) {
            Placement placement = golden.place(core);
            assertEquals(golden.tensor.length, golden.model.inputBytes(placement));
            for (int i = 0; i < golden.outputs.length; i++) {
                assertEquals(golden.outputs[i].capacity(), golden.model.outputBytes(i, placement));
            }
        }
    }
}
