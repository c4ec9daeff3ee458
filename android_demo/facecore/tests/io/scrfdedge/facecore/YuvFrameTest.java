package io.scrfdedge.facecore;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertNotSame;
import static org.junit.Assert.assertSame;
import static org.junit.Assert.assertThrows;

import java.nio.ByteBuffer;
import org.junit.Test;

public class YuvFrameTest {
    // 3 wide, 2 high. The left 2x2 pixels share one chroma sample (red: y 76, u 85, v 255), the right column another
    // (gray). Worked out by hand from BT.601: red is (254, 0, 0), and a darker luma of 66 takes 10 from each channel.
    private static final int[][] LUMA = {{76, 66, 10}, {76, 66, 20}};
    private static final String UPRIGHT = "fe0000 f40000 0a0a0a / fe0000 f40000 141414";

    private static final String[] TURNED = {
        UPRIGHT,
        "fe0000 fe0000 / f40000 f40000 / 141414 0a0a0a",
        "141414 f40000 fe0000 / 0a0a0a f40000 fe0000",
        "0a0a0a 141414 / f40000 f40000 / fe0000 fe0000",
    };

    @Test
    public void everyTurnPutsEveryPixelWhereAClockwiseTurnTakesIt() {
        for (int i = 0; i < 4; i++) {
            RgbFrame rgb = interleaved().toRgb(90 * i, null);
            assertEquals(i % 2 == 0 ? 3 : 2, rgb.width);
            assertEquals(i % 2 == 0 ? 2 : 3, rgb.height);
            assertEquals(TURNED[i], text(rgb));
        }
    }

    @Test
    public void rowAndPixelStridesDoNotShow() {
        assertEquals(UPRIGHT, text(interleaved().toRgb(0, null)));
        assertEquals(UPRIGHT, text(planar(0).toRgb(0, null)));
        assertEquals(UPRIGHT, text(planar(13).toRgb(0, null)));
    }

    @Test
    public void theFrameIsFilledAgainWhereItsSizeFits() {
        RgbFrame first = planar(0).toRgb(0, null);
        byte[] expected = Golden.bytes(first.pixels);
        first.pixels.put(0, (byte) 99);
        assertSame(first, planar(0).toRgb(0, first));
        assertArrayEquals(expected, Golden.bytes(first.pixels));
        assertSame(first, planar(0).toRgb(180, first));
        assertNotSame(first, planar(0).toRgb(90, first));
        RgbFrame bitmap = new RgbFrame(3, 2, 4);
        assertNotSame(bitmap, planar(0).toRgb(0, bitmap));
    }

    @Test
    public void wrongPlanesAreRefused() {
        YuvFrame.Plane y = plane(new byte[6], 3, 1);
        YuvFrame.Plane c = plane(new byte[2], 2, 1);
        new YuvFrame(3, 2, y, c, c).toRgb(0, null);
        YuvFrame.Plane[] wrong = {
            plane(new byte[1], 2, 1),
            plane(new byte[2], 2, 2),
            plane(new byte[2], 0, 1),
            plane(new byte[2], 2, 0),
            plane(new byte[2], -2, 1),
            plane(new byte[2], 2, Integer.MAX_VALUE),
            plane(new byte[0], 2, 1),
            new YuvFrame.Plane(ByteBuffer.allocate(2), 2, 1),
            new YuvFrame.Plane(null, 2, 1),
        };
        for (YuvFrame.Plane plane : wrong) {
            refuse(new YuvFrame(3, 2, y, plane, c), 0);
            refuse(new YuvFrame(3, 2, y, c, plane), 0);
        }
        refuse(new YuvFrame(3, 2, c, c, c), 0);
        refuse(new YuvFrame(0, 2, y, c, c), 0);
        refuse(new YuvFrame(3, -2, y, c, c), 0);
        refuse(new YuvFrame(640, 480, y, c, c), 0);
        for (int turn : new int[] {-90, 45, 360}) {
            refuse(new YuvFrame(3, 2, y, c, c), turn);
        }
    }

    private static void refuse(YuvFrame frame, int turn) {
        assertThrows(IllegalArgumentException.class, () -> frame.toRgb(turn, null));
    }

    /** Semi-planar, as most phones give it: V and U overlap in memory, one byte apart, pixel stride 2. */
    private static YuvFrame interleaved() {
        byte[] chroma = {(byte) 255, 85, (byte) 128, (byte) 128};
        ByteBuffer v = Golden.direct(chroma);
        ByteBuffer u = v.duplicate().position(1).slice();
        byte[] y = new byte[2 * 8];
        fill(y, 8);
        return new YuvFrame(
                3, 2, plane(y, 8, 1), new YuvFrame.Plane(u, 4, 2), new YuvFrame.Plane(v, 4, 2));
    }

    /** Three planes, each row followed by bytes that mean nothing. */
    private static YuvFrame planar(int gap) {
        byte[] y = new byte[3 + gap + 3];
        fill(y, 3 + gap);
        return new YuvFrame(
                3, 2, plane(y, 3 + gap, 1), plane(new byte[] {85, (byte) 128}, 2 + gap, 1),
                plane(new byte[] {(byte) 255, (byte) 128}, 2 + gap, 1));
    }

    private static void fill(byte[] y, int rowStride) {
        java.util.Arrays.fill(y, (byte) 200);
        for (int row = 0; row < 2; row++) {
            for (int x = 0; x < 3; x++) {
                y[row * rowStride + x] = (byte) LUMA[row][x];
            }
        }
    }

    private static YuvFrame.Plane plane(byte[] bytes, int rowStride, int pixelStride) {
        return new YuvFrame.Plane(Golden.direct(bytes), rowStride, pixelStride);
    }

    private static String text(RgbFrame rgb) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < rgb.width * rgb.height; i++) {
            text.append(i == 0 ? "" : i % rgb.width == 0 ? " / " : " ");
            for (int c = 0; c < 3; c++) {
                text.append(String.format("%02x", rgb.pixels.get(3 * i + c)));
            }
        }
        return text.toString();
    }
}
