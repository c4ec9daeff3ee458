package io.scrfdedge.facecore;

import java.nio.ByteBuffer;

/**
 * Every native method of this library: one line per function of src/main/cpp. They check their own arguments and throw
 * IllegalArgumentException, so that a mistake in Java cannot crash the process.
 */
final class CoreLibrary {
    static {
        System.loadLibrary("facecore");
    }

    private CoreLibrary() {}

    /** Where a picture of the given pixels lies in a tensor: see {@link Placement} for the order of the six sides. */
    static native int[] fit(int width, int height, int longSide);

    static native int[] fitShape(int width, int height, int tensorWidth, int tensorHeight);

    /** turn: 0, 90, 180 or 270 degrees clockwise. rgb: direct, width * height * 3 bytes. */
    static native void yuvToRgb(
            ByteBuffer y, int yRowStride, int yPixelStride,
            ByteBuffer u, int uRowStride, int uPixelStride,
            ByteBuffer v, int vRowStride, int vPixelStride,
            int width, int height, int turn, ByteBuffer rgb);

    /** Returns a handle for {@link #close}. The outputs stand in the order of the model file. */
    static native long open(
            int[] strides, int anchors, boolean bgr, boolean channelsFirst, int type, float mean, float std,
            int[] outputColumns, int[] outputStrides, int[] outputTypes, float[] outputScales, int[] outputZeroPoints);

    static native void close(long handle);

    static native void letterbox(long handle, ByteBuffer pixels, int channels, int[] placement, ByteBuffer tensor);

    /** Rows of x1, y1, x2, y2, score and, where the network has landmarks, ten coordinates. */
    static native float[] decode(
            long handle, ByteBuffer[] outputs, int[] placement, float scoreThreshold, float iouThreshold);
}
