package io.scrfdedge.facecore;

import java.nio.ByteBuffer;

/**
 * Sensor to pixel: one YUV_420_888 picture of a camera as {@code android.media.Image} gives it, three planes with row
 * and pixel strides (a pixel stride of 2 is interleaved chroma). The buffers stay the camera's: nothing is copied, and
 * the frame is of no use after the image is closed.
 */
public final class YuvFrame {
    /** One plane of an image: a direct buffer from index 0, and its strides in bytes. */
    public static final class Plane {
        final ByteBuffer buffer;
        final int rowStride;
        final int pixelStride;

        public Plane(ByteBuffer buffer, int rowStride, int pixelStride) {
            this.buffer = buffer;
            this.rowStride = rowStride;
            this.pixelStride = pixelStride;
        }
    }

    public final int width;
    public final int height;
    private final Plane y;
    private final Plane u;
    private final Plane v;

    /** width, height: of the luma plane in pixels; the chroma planes have (n + 1) / 2 samples per side. */
    public YuvFrame(int width, int height, Plane y, Plane u, Plane v) {
        this.width = width;
        this.height = height;
        this.y = y;
        this.u = u;
        this.v = v;
    }

    /**
     * Full-range BT.601 to RGB, turned clockwise by {@code turn} = 0, 90, 180 or 270 degrees, so that faces stand
     * upright: see {@link SensorFrame#turn}. After 90 or 270 the picture is {@code height} wide and {@code width} high.
     *
     * @param reused the frame of the last call, or null: it is filled and returned if its size fits, else a new one is
     * @throws IllegalArgumentException where a buffer is not direct or too short for its strides, a side is not 1 to
     *     {@link RgbFrame#MAX_SIDE}, or the turn is another
     */
    public RgbFrame toRgb(int turn, RgbFrame reused) {
        boolean swapped = turn == 90 || turn == 270;
        int outWidth = swapped ? height : width;
        int outHeight = swapped ? width : height;
        boolean fits =
                reused != null && reused.width == outWidth && reused.height == outHeight && reused.channels == 3;
        RgbFrame rgb = fits ? reused : new RgbFrame(outWidth, outHeight, 3);
        CoreLibrary.yuvToRgb(
                y.buffer, y.rowStride, y.pixelStride, u.buffer, u.rowStride, u.pixelStride, v.buffer, v.rowStride,
                v.pixelStride, width, height, turn, rgb.pixels);
        return rgb;
    }
}
