package io.scrfdedge.demo;

import android.util.Size;

/**
 * Which sizes to ask the camera for: the same shape for both streams, or the preview would show another part of the
 * world than the network sees, and boxes would lie beside the faces.
 */
final class StreamSizes {
    private static final int ANALYSED_SHORT_SIDE = 480; // SCRFD of 320 to 640 pixels sees no more
    private static final int PREVIEW_LONG_SIDE = 1920; // every camera delivers both at once up to here

    final Size analysed;
    final Size preview;

    private StreamSizes(Size analysed, Size preview) {
        this.analysed = analysed;
        this.preview = preview;
    }

    /**
     * The smallest pictures for the network whose short side is at least 480, of shape 4:3 (the whole sensor on most
     * phones) if there are any; and the largest preview of their shape.
     *
     * @param yuv sizes of YUV_420_888, at least one
     * @param textures sizes of SurfaceTexture
     */
    static StreamSizes choose(Size[] yuv, Size[] textures) {
        Size analysed = null;
        for (Size size : yuv) {
            if (analysed == null || cost(size) < cost(analysed)) {
                analysed = size;
            }
        }
        Size preview = analysed;
        for (Size size : textures) {
            boolean sameShape = (long) size.getWidth() * analysed.getHeight()
                    == (long) size.getHeight() * analysed.getWidth();
            if (sameShape && size.getWidth() <= PREVIEW_LONG_SIDE && size.getWidth() > preview.getWidth()) {
                preview = size;
            }
        }
        return new StreamSizes(analysed, preview);
    }

    /** Pixels, with what is too small or of another shape behind all the rest. */
    private static long cost(Size size) {
        long pixels = (long) size.getWidth() * size.getHeight();
        boolean fourToThree = 3L * size.getWidth() == 4L * size.getHeight();
        boolean large = Math.min(size.getWidth(), size.getHeight()) >= ANALYSED_SHORT_SIDE;
        if (!large) {
            return (1L << 40) - pixels;
        }
        return fourToThree ? pixels : (1L << 32) + pixels;
    }
}
