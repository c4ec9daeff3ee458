package io.scrfdedge.facecore;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.After;
import org.junit.Before;
import org.junit.Test;
import org.junit.function.ThrowingRunnable;

/** A wrong argument is an exception that says so, a closed handle another; neither is a crash. */
public class FaceCoreTest {
    private Golden golden;
    private FaceCore core;
    private Placement placement;

    @Before
    public void open() throws IOException {
        golden = Golden.of("fp32_upright");
        core = new FaceCore(golden.model);
        placement = golden.place(core);
    }

    @After
    public void close() {
        core.close();
    }

    @Test
    public void afterCloseEveryCallIsAnIllegalState() {
        ByteBuffer tensor = golden.newTensor(placement);
        core.close();
        core.close();
        assertThrows(IllegalStateException.class, () -> core.letterbox(golden.frame, placement, tensor));
        assertThrows(IllegalStateException.class, () -> core.decode(golden.outputs, placement, 0.5F, 0.4F));
    }

    @Test
    public void tensorsThatDoNotFitAreRefused() {
        int bytes = golden.model.inputBytes(placement);
        ByteBuffer whole = ByteBuffer.allocateDirect(bytes + 4);
        core.letterbox(golden.frame, placement, whole);
        refuse("direct", () -> core.letterbox(golden.frame, placement, ByteBuffer.allocate(bytes)));
        refuse("must hold", () -> core.letterbox(golden.frame, placement, ByteBuffer.allocateDirect(bytes - 1)));
        refuse("null", () -> core.letterbox(golden.frame, placement, null));
        refuse("read-only", () -> core.letterbox(golden.frame, placement, whole.asReadOnlyBuffer()));
        ByteBuffer crooked = whole.duplicate().position(1).slice();
        refuse("aligned", () -> core.letterbox(golden.frame, placement, crooked));
    }

    @Test
    public void positionAndLimitAreOfNoAccount() {
        ByteBuffer tensor = golden.newTensor(placement);
        tensor.position(7).limit(9);
        core.letterbox(golden.frame, placement, tensor);
        assertArrayEquals(golden.tensor, Golden.bytes(tensor));
    }

    @Test
    public void anotherPicturesPlacementIsRefused() {
        ByteBuffer tensor = golden.newTensor(placement);
        Placement other = core.place(golden.frame.height, golden.frame.width, golden.longSide);
        refuse("another picture", () -> core.letterbox(golden.frame, other, tensor));
    }

    @Test
    public void outputsThatDoNotFitAreRefused() {
        for (int i = 0; i < golden.outputs.length; i++) {
            int bytes = golden.outputs[i].capacity();
            refuse("output " + i + " must hold", replaced(i, ByteBuffer.allocateDirect(bytes - 1)));
            refuse("output " + i + " must be a direct", replaced(i, ByteBuffer.allocate(bytes)));
            refuse("null", replaced(i, null));
        }
        refuse("9 outputs", () -> core.decode(new ByteBuffer[8], placement, 0.5F, 0.4F));
        refuse("9 outputs", () -> core.decode(null, placement, 0.5F, 0.4F));
        Placement larger = core.place(1280, 720, 640);
        refuse("must hold", () -> core.decode(golden.outputs, larger, 0.5F, 0.4F));
    }

    @Test
    public void thresholdsOutsideTheirRangeAreRefused() {
        for (float wrong : new float[] {-0.1F, 1.1F, Float.NaN, Float.POSITIVE_INFINITY}) {
            refuse("scoreThreshold", () -> core.decode(golden.outputs, placement, wrong, 0.4F));
            refuse("iouThreshold", () -> core.decode(golden.outputs, placement, 0.5F, wrong));
        }
    }

    @Test
    public void outputsOfAnyContentGiveFiniteFacesInsideThePicture() {
        ByteBuffer[] noise = new ByteBuffer[golden.outputs.length];
        java.util.Random random = new java.util.Random(3);
        for (int i = 0; i < noise.length; i++) {
            byte[] bytes = new byte[golden.outputs[i].capacity()];
            random.nextBytes(bytes);
            noise[i] = Golden.direct(bytes);
        }
        Faces faces = core.decode(noise, placement, 0, 1);
        for (int i = 0; i < faces.boxes.length; i++) {
            int side = i % 2 == 0 ? golden.frame.width : golden.frame.height;
            assertTrue(faces.boxes[i] >= 0 && faces.boxes[i] <= side);
        }
        for (float value : faces.landmarks) {
            assertTrue(Float.isFinite(value));
        }
    }

    @Test
    public void zeroFacesStillHaveLandmarks() {
        Faces none = core.decode(golden.outputs, placement, 1, 0.4F);
        assertEquals(0, none.size());
        assertTrue(none.hasLandmarks());
    }

    @Test
    public void fourThreadsAtOnceGetTheSame() throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(4);
        try {
            List<Future<Boolean>> results = new ArrayList<>();
            for (int i = 0; i < 4; i++) {
                results.add(threads.submit((Callable<Boolean>) () -> {
                    ByteBuffer tensor = golden.newTensor(placement);
                    for (int round = 0; round < 50; round++) {
                        core.letterbox(golden.frame, placement, tensor);
                        assertArrayEquals(golden.tensor, Golden.bytes(tensor));
                        Faces faces = core.decode(golden.outputs, placement, golden.score, golden.iou);
                        assertArrayEquals(golden.faces, Golden.rows(faces), 0);
                    }
                    return true;
                }));
            }
            for (Future<Boolean> result : results) {
                assertTrue(result.get());
            }
        } finally {
            threads.shutdown();
        }
    }

    @Test
    public void closingWhileOthersCallIsNoCrash() throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(3);
        try {
            for (int round = 0; round < 50; round++) {
                FaceCore shared = new FaceCore(golden.model);
                List<Future<Boolean>> results = new ArrayList<>();
                for (int i = 0; i < 3; i++) {
                    results.add(threads.submit((Callable<Boolean>) () -> {
                        try {
                            while (true) {
                                shared.decode(golden.outputs, placement, 0.5F, 0.4F);
                            }
                        } catch (IllegalStateException closed) {
                            return true;
                        }
                    }));
                }
                shared.close();
                for (Future<Boolean> result : results) {
                    assertTrue(result.get());
                }
            }
        } finally {
            threads.shutdown();
        }
    }

    private ThrowingRunnable replaced(int index, ByteBuffer buffer) {
        ByteBuffer[] outputs = golden.outputs.clone();
        outputs[index] = buffer;
        return () -> core.decode(outputs, placement, 0.5F, 0.4F);
    }

    private static void refuse(String saying, ThrowingRunnable call) {
        String message = assertThrows(IllegalArgumentException.class, call).getMessage();
        assertTrue(message, message.contains(saying));
    }
}
