package io.scrfdedge.facecore;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertThrows;

import io.scrfdedge.facecore.FrameTransform.Scale;
import org.junit.Test;

/** Every way that a phone can be held, against points worked out by hand. */
public class FrameTransformTest {
    private static final int[] QUARTERS = {0, 90, 180, 270};

    // How far the picture must be turned: rows, how the sensor is built in; columns, how the display is turned.
    private static final int[][] BACK = {{0, 270, 180, 90}, {90, 0, 270, 180}, {180, 90, 0, 270}, {270, 180, 90, 0}};
    private static final int[][] FRONT = {{0, 90, 180, 270}, {90, 180, 270, 0}, {180, 270, 0, 90}, {270, 0, 90, 180}};

    // The point (160, 60) of a frame of 640x480, in the upright picture, by turn.
    private static final float[][] PICTURE = {{160, 60}, {420, 160}, {480, 420}, {60, 480}};

    // The same point in a view of 960x960 that shows all of it, by turn. The frame is enlarged 1.5 times to 960x720 or
    // 720x960, with bars of 120.
    private static final float[][] WHOLE = {{240, 210}, {750, 240}, {720, 750}, {210, 720}};
    private static final float[][] WHOLE_MIRRORED = {{720, 210}, {210, 240}, {240, 750}, {750, 720}};

    // Only the part of 480x360 at (80, 30) is shown, so the point lies at (80, 30) of it; it is enlarged twice.
    private static final float[][] PART = {{160, 180}, {780, 160}, {800, 780}, {180, 800}};
    private static final float[][] PART_MIRRORED = {{800, 180}, {180, 160}, {160, 780}, {780, 800}};

    @Test
    public void allSensorsDisplaysMirrorsAndCropsBothWays() {
        float[] point = {160, 60};
        for (int s = 0; s < 4; s++) {
            for (int d = 0; d < 4; d++) {
                for (boolean front : new boolean[] {false, true}) {
                    SensorFrame frame = new SensorFrame(640, 480, QUARTERS[s], front);
                    SensorFrame part = frame.cropped(80, 30, 480, 360);
                    int turn = (front ? FRONT : BACK)[s][d] / 90;
                    int display = QUARTERS[d];
                    String which = "sensor " + QUARTERS[s] + ", display " + display + (front ? ", front" : ", back");
                    assertEquals(which, turn * 90, frame.turn(display));
                    both(which, FrameTransform.sensorToPicture(frame, display), point, PICTURE[turn]);
                    both(which, FrameTransform.sensorToPicture(part, display), point, PICTURE[turn]);
                    float[] whole = (front ? WHOLE_MIRRORED : WHOLE)[turn];
                    both(which, FrameTransform.sensorToView(frame, display, 960, 960, Scale.FIT), point, whole);
                    FrameTransform faces = FrameTransform.pictureToView(frame, display, 960, 960, Scale.FIT);
                    both(which, faces, PICTURE[turn], whole);
                    float[] shown = (front ? PART_MIRRORED : PART)[turn];
                    both(which, FrameTransform.sensorToView(part, display, 960, 960, Scale.FIT), point, shown);
                    FrameTransform partFaces = FrameTransform.pictureToView(part, display, 960, 960, Scale.FIT);
                    both(which, partFaces, PICTURE[turn], shown);
                }
            }
        }
    }

    @Test
    public void fillCoversTheViewAndCutsBothSidesEqually() {
        // 640x480 turned to 480x640; a view of 1080x2160 is 3.375 times as high: 1620 wide, 270 cut left and right.
        SensorFrame back = new SensorFrame(640, 480, 90, false);
        FrameTransform fill = FrameTransform.sensorToView(back, 0, 1080, 2160, Scale.FILL);
        both("top right", fill, new float[] {0, 0}, new float[] {1350, 0});
        both("bottom left", fill, new float[] {640, 480}, new float[] {-270, 2160});
        both("middle", fill, new float[] {320, 240}, new float[] {540, 1080});
        // Shown whole: 2.25 times, 1440 high, bars of 360.
        FrameTransform fit = FrameTransform.sensorToView(back, 0, 1080, 2160, Scale.FIT);
        both("top right", fit, new float[] {0, 0}, new float[] {1080, 360});
        both("bottom left", fit, new float[] {640, 480}, new float[] {0, 1800});
    }

    @Test
    public void boxesKeepTheirCornersInOrder() {
        SensorFrame front = new SensorFrame(640, 480, 270, true);
        FrameTransform transform = FrameTransform.pictureToView(front, 0, 480, 640, Scale.FILL);
        assertArrayEquals(
                new float[] {180, 20, 470, 330}, transform.mapBoxes(new float[] {10, 20, 300, 330}), 1e-3F);
        assertThrows(IllegalArgumentException.class, () -> transform.mapBoxes(new float[6]));
        assertThrows(IllegalArgumentException.class, () -> transform.mapPoints(new float[3]));
    }

    /** The usual trap of Camera2 previews: across, a TextureView shows them turned and stretched. */
    @Test
    public void aTextureViewIsPutRightWhenThePhoneIsHeldAcross() {
        SensorFrame back = new SensorFrame(1280, 720, 90, false);
        FrameTransform across = FrameTransform.textureToView(back, 90, 1920, 1080, Scale.FILL);
        // Corners of the sensor's picture, where the TextureView puts them by itself, and where they belong.
        both("first", across, new float[] {1920, 0}, new float[] {0, 0});
        both("right", across, new float[] {1920, 1080}, new float[] {1920, 0});
        both("below", across, new float[] {0, 0}, new float[] {0, 1080});
        FrameTransform other = FrameTransform.textureToView(back, 270, 1920, 1080, Scale.FILL);
        both("first", other, new float[] {1920, 0}, new float[] {1920, 1080});
        both("right", other, new float[] {1920, 1080}, new float[] {0, 1080});
    }

    @Test
    public void aTextureViewOfThePicturesShapeStaysAsItIsOnTheUprightPhone() {
        for (boolean front : new boolean[] {false, true}) {
            SensorFrame frame = new SensorFrame(1280, 720, front ? 270 : 90, front);
            FrameTransform upright = FrameTransform.textureToView(frame, 0, 1080, 1920, Scale.FILL);
            assertArrayEquals(new float[] {1, 0, 0, 0, 1, 0, 0, 0, 1}, upright.values(), 1e-4F);
        }
    }

    @Test
    public void valuesAreThoseOfAndroidsMatrix() {
        FrameTransform turn = FrameTransform.sensorToPicture(new SensorFrame(640, 480, 90, false), 0);
        assertArrayEquals(new float[] {0, -1, 480, 1, 0, 0, 0, 0, 1}, turn.values(), 0);
    }

    @Test
    public void whatIsNoGeometryIsRefused() {
        SensorFrame frame = new SensorFrame(640, 480, 90, false);
        for (int degrees : new int[] {-90, 1, 360}) {
            assertThrows(IllegalArgumentException.class, () -> new SensorFrame(640, 480, degrees, false));
            assertThrows(IllegalArgumentException.class, () -> frame.turn(degrees));
        }
        assertThrows(IllegalArgumentException.class, () -> new SensorFrame(0, 480, 90, false));
        int[][] crops = {
            {-1, 0, 10, 10}, {0, -1, 10, 10}, {0, 0, 0, 10}, {0, 0, 10, 0}, {1, 0, 640, 10}, {0, 1, 10, 480},
        };
        for (int[] c : crops) {
            assertThrows(IllegalArgumentException.class, () -> frame.cropped(c[0], c[1], c[2], c[3]));
        }
        assertThrows(
                IllegalArgumentException.class, () -> FrameTransform.sensorToView(frame, 0, 0, 100, Scale.FIT));
        assertThrows(
                IllegalArgumentException.class, () -> FrameTransform.textureToView(frame, 0, 100, 0, Scale.FIT));
    }

    private static void both(String which, FrameTransform transform, float[] from, float[] to) {
        assertArrayEquals(which, to, transform.mapPoints(from), 1e-3F);
        assertArrayEquals(which + ", back", from, transform.inverse().mapPoints(to), 1e-3F);
    }
}
