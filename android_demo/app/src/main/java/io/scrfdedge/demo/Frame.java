package io.scrfdedge.demo;

import android.graphics.Bitmap;
import io.scrfdedge.facecore.FrameTransform;
import io.scrfdedge.facecore.RgbFrame;
import java.io.IOException;

/** A picture on its way to the network, of the camera or of the gallery. */
interface Frame extends AutoCloseable {
    /**
     * Its pixels, upright. Slow: for the network's thread.
     *
     * @param reused a frame to fill if its size fits, or null
     * @return null where the picture is gone, because the camera was closed
     * @throws IOException where a file cannot be read
     */
    RgbFrame pixels(RgbFrame reused) throws IOException;

    /** The camera that it comes from, or null for a picture of the gallery. */
    CameraFeed feed();

    /** From the exposure until now in nanoseconds, 0 for a picture of the gallery. */
    long age();

    /** From the upright picture to a view of this size. Works after close, too. */
    FrameTransform toView(int viewWidth, int viewHeight);

    /** What to draw under the faces, or null where the camera's preview is there already. */
    Bitmap backdrop();

    /** Gives the camera its memory back. */
    @Override
    void close();
}
