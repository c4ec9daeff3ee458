package io.scrfdedge.facecore;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertThrows;

import java.util.ArrayList;
import java.util.List;
import org.junit.Test;

/** Sizes of cameras as they are, and what must come of them. */
public class StreamSizesTest {
    @Test
    public void theSmallestFourToThreeThatIsLargeEnough() {
        String yuv = "4000x3000 1920x1440 1920x1080 1280x960 1280x720 800x600 720x480 640x480 320x240";
        assertChosen("640x480", "1440x1080", yuv, "1920x1440 1920x1080 1440x1080 1280x960 640x480", 1080);
    }

    @Test
    public void thePreviewIsNoLargerThanTheScreen() {
        assertChosen("640x480", "960x720", "640x480", "1440x1080 1280x960 1280x720 960x720 640x480", 720);
    }

    @Test
    public void thePreviewHasTheShapeOfWhatTheNetworkSees() {
        assertChosen("1280x720", "1920x1080", "1920x1080 1280x720", "1440x1080 640x480 1920x1080 1280x720", 1080);
    }

    @Test
    public void aCameraOfSmallPicturesGivesItsLargest() {
        assertChosen("352x288", "352x288", "176x144 352x288 320x240", "352x288 320x240 176x144", 1080);
    }

    @Test
    public void aSensorMayStandUpright() {
        assertChosen("480x640", "1080x1440", "480x640 1440x1920 720x720", "1440x1920 1080x1440 480x640", 1200);
    }

    @Test
    public void withoutAPreviewOfThatShapeBothAreTheSame() {
        assertChosen("640x480", "640x480", "640x480", "1920x1080", 1080);
    }

    @Test
    public void aCameraWithoutASizeIsRefused() {
        assertThrows(IllegalArgumentException.class, () -> StreamSizes.choose(List.of(), sizes("640x480"), 1080));
    }

    private static void assertChosen(String analysed, String preview, String yuv, String textures, int screen) {
        StreamSizes chosen = StreamSizes.choose(sizes(yuv), sizes(textures), screen);
        assertEquals(analysed, text(chosen.analysed));
        assertEquals(preview, text(chosen.preview));
    }

    private static List<StreamSizes.Size> sizes(String text) {
        List<StreamSizes.Size> sizes = new ArrayList<>();
        for (String size : text.split(" ")) {
            String[] sides = size.split("x");
            sizes.add(new StreamSizes.Size(Integer.parseInt(sides[0]), Integer.parseInt(sides[1])));
        }
        return sizes;
    }

    private static String text(StreamSizes.Size size) {
        return size.width + "x" + size.height;
    }
}
