package io.scrfdedge.demo;

import android.graphics.Bitmap;
import android.media.Image;
import android.os.SystemClock;
import io.scrfdedge.facecore.FrameTransform;
import io.scrfdedge.facecore.RgbFrame;
import io.scrfdedge.facecore.SensorFrame;
import io.scrfdedge.facecore.YuvFrame;

/** Sensor to pixel: one YUV_420_888 image of the camera, read in place. */
final class CameraFrame implements Frame {
    private final Image image;
    private final CameraFeed feed;
    private final SensorFrame sensor;
    private final int displayDegrees;
    private final long timestamp;

    /** displayDegrees: how the display was turned when the picture came. */
    CameraFrame(Image image, CameraFeed feed, SensorFrame sensor, int displayDegrees) {
        this.image = image;
        this.feed = feed;
        this.sensor = sensor;
        this.displayDegrees = displayDegrees;
        timestamp = image.getTimestamp();
    }

    @Override
    public RgbFrame pixels(RgbFrame reused) {
        // The image's memory goes away with the camera, which another thread may close at any time.
        synchronized (feed.imagesLock) {
            if (feed.closed) {
                return null;
            }
            Image.Plane[] planes = image.getPlanes();
            YuvFrame yuv = new YuvFrame(
                    image.getWidth(), image.getHeight(), plane(planes[0]), plane(planes[1]), plane(planes[2]));
            return yuv.toRgb(sensor.turn(displayDegrees), reused);
        }
    }

    private static YuvFrame.Plane plane(Image.Plane plane) {
        return new YuvFrame.Plane(plane.getBuffer(), plane.getRowStride(), plane.getPixelStride());
    }

    @Override
    public CameraFeed feed() {
        return feed;
    }

    @Override
    public long age() {
        return (feed.realtimeStamps ? SystemClock.elapsedRealtimeNanos() : System.nanoTime()) - timestamp;
    }

    @Override
    public FrameTransform toView(int viewWidth, int viewHeight) {
        return FrameTransform.pictureToView(
                sensor, displayDegrees, viewWidth, viewHeight, FrameTransform.Scale.FILL);
    }

    @Override
    public Bitmap backdrop() {
        return null;
    }

    @Override
    public void close() {
        synchronized (feed.imagesLock) { // the camera's thread may be closing all of its images
            image.close();
        }
    }
}
