package io.scrfdedge.facecore;

import java.nio.ByteBuffer;

/**
 * A picture as packed bytes in a direct buffer, rows from the top: R, G, B, or R, G, B, A as
 * {@code Bitmap.copyPixelsToBuffer} writes an ARGB_8888 bitmap; alpha is ignored. Made once and filled again and again.
 */
public final class RgbFrame {
    /** Longest side that is taken, in pixels: at most 1 GiB. */
    public static final int MAX_SIDE = 16384;

    public final int width;
    public final int height;

    /** Bytes per pixel, 3 or 4. */
    public final int channels;

    /** Direct, height * width * channels bytes from index 0; position and limit are of no account. */
    public final ByteBuffer pixels;

    /**
     * Allocates the memory.
     *
     * @throws IllegalArgumentException where a side is not 1 to {@link #MAX_SIDE}, or channels are not 3 or 4
     */
    public RgbFrame(int width, int height, int channels) {
        if (width < 1 || height < 1 || width > MAX_SIDE || height > MAX_SIDE) {
            throw new IllegalArgumentException(
                    "A frame's sides must be 1 to " + MAX_SIDE + " pixels, got " + width + "x" + height);
        }
        if (channels != 3 && channels != 4) {
            throw new IllegalArgumentException("A frame has 3 (RGB) or 4 (RGBA) channels, got " + channels);
        }
        this.width = width;
        this.height = height;
        this.channels = channels;
        this.pixels = ByteBuffer.allocateDirect(width * height * channels);
    }
}
