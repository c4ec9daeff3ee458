package io.scrfdedge.facecore;

import java.util.List;

/**
 * Which sizes to ask the camera for: the same shape for both streams, or the preview would show another part of the
 * world than the network sees, and boxes would lie beside the faces.
 */
public final class StreamSizes {
    /** Of a picture as the sensor lies in the device, in pixels. */
    public static final class Size {
        public final int width;
        public final int height;

        public Size(int width, int height) {
            this.width = width;
            this.height = height;
        }
    }

    private static final int ANALYSED_SHORT_SIDE = 480; // SCRFD of 320 to 640 pixels sees no more

    // Up to 1920x1080, or to the screen where that is smaller, every camera delivers two streams at once: CameraDevice,
    // "guaranteed configurations", size PREVIEW.
    private static final int PREVIEW_LONG_SIDE = 1920;
    private static final int PREVIEW_SHORT_SIDE = 1080;

    public final Size analysed;
    public final Size preview;

    private StreamSizes(Size analysed, Size preview) {
        this.analysed = analysed;
        this.preview = preview;
    }

    /**
     * The smallest pictures for the network whose short side is at least 480, of shape 4:3 (the whole sensor on most
     * phones) if there are any; and the largest preview of their shape, no larger than the screen.
     *
     * @param yuv sizes of YUV_420_888
     * @param textures sizes of SurfaceTexture
     * @param screenShortSide of the display, in pixels
     * @throws IllegalArgumentException where there is no size for the network
     */
    public static StreamSizes choose(List<Size> yuv, List<Size> textures, int screenShortSide) {
        if (yuv.isEmpty()) {
            throw new IllegalArgumentException("The camera must have a size for YUV_420_888, got none");
        }
        Size analysed = yuv.get(0);
        for (Size size : yuv) {
            if (cost(size) < cost(analysed)) {
                analysed = size;
            }
        }
        Size preview = analysed;
        for (Size size : textures) {
            boolean sameShape = (long) size.width * analysed.height == (long) size.height * analysed.width;
            boolean guaranteed = shortSide(size) <= Math.min(PREVIEW_SHORT_SIDE, screenShortSide)
                    && longSide(size) <= PREVIEW_LONG_SIDE;
            if (sameShape && guaranteed && size.width > preview.width) {
                preview = size;
            }
        }
        return new StreamSizes(analysed, preview);
    }

    /** Pixels, with what is too small or of another shape behind all the rest. */
    private static long cost(Size size) {
        long pixels = (long) size.width * size.height;
        if (shortSide(size) < ANALYSED_SHORT_SIDE) {
            return (1L << 40) - pixels;
        }
        return 3L * longSide(size) == 4L * shortSide(size) ? pixels : (1L << 32) + pixels;
    }

    private static int shortSide(Size size) {
        return Math.min(size.width, size.height);
    }

    private static int longSide(Size size) {
        return Math.max(size.width, size.height);
    }
}
