package io.scrfdedge.facecore;

/**
 * Face to screen: one affine matrix. Coordinates are continuous: a picture reaches from (0, 0), the outer corner of its
 * first pixel, to (width, height). Three spaces: "sensor", pixels as the camera delivers them; "picture", the
 * same turned upright, where {@link Faces} lie ({@link YuvFrame#toRgb} turns it); "view", pixels of the screen's view,
 * mirrored for a camera that faces the user.
 */
public final class FrameTransform {
    /** How the shown part meets the view; one factor for both sides, so that nothing is stretched. */
    public enum Scale {
        /** All of it is visible, with bars where the shapes differ. */
        FIT,
        /** All of the view is covered; what does not fit is cut equally on both sides. */
        FILL
    }

    private FrameTransform() {
        throw new UnsupportedOperationException();
    }

    /** Turned upright; the whole frame, whatever part is shown. @throws IllegalArgumentException for other degrees */
    public static FrameTransform sensorToPicture(SensorFrame frame, int displayDegrees) {
        throw new UnsupportedOperationException();
    }

    /** Turned, mirrored if the camera faces the user, and the crop scaled about the middle of the view. */
    public static FrameTransform sensorToView(
            SensorFrame frame, int displayDegrees, int viewWidth, int viewHeight, Scale scale) {
        throw new UnsupportedOperationException();
    }

    /** From faces to the screen: the inverse of {@link #sensorToPicture}, then {@link #sensorToView}. */
    public static FrameTransform pictureToView(
            SensorFrame frame, int displayDegrees, int viewWidth, int viewHeight, Scale scale) {
        throw new UnsupportedOperationException();
    }

    /**
     * For TextureView.setTransform: a TextureView stretches the crop over its whole area, upright for the unturned
     * device; this moves it to where {@link #sensorToView} says.
     */
    public static FrameTransform textureToView(
            SensorFrame frame, int displayDegrees, int viewWidth, int viewHeight, Scale scale) {
        throw new UnsupportedOperationException();
    }

    /** A picture of no camera (a photograph of the gallery) into the view. */
    public static FrameTransform photographToView(int width, int height, int viewWidth, int viewHeight, Scale scale) {
        throw new UnsupportedOperationException();
    }

    /** This one first, then {@code next}. */
    public FrameTransform then(FrameTransform next) {
        throw new UnsupportedOperationException();
    }

    /** The way back. */
    public FrameTransform inverse() {
        throw new UnsupportedOperationException();
    }

    /** Maps pairs x, y into a new array. @throws IllegalArgumentException where their number is odd */
    public float[] mapPoints(float[] points) {
        throw new UnsupportedOperationException();
    }

    /** Maps boxes x1, y1, x2, y2 into a new array, corners sorted again after turns and mirrors. */
    public float[] mapBoxes(float[] boxes) {
        throw new UnsupportedOperationException();
    }

    /** The nine values of android.graphics.Matrix.setValues. */
    public float[] values() {
        throw new UnsupportedOperationException();
    }
}
