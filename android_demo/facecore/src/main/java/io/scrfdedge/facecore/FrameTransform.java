package io.scrfdedge.facecore;

/**
 * Face to screen: one affine matrix. Coordinates are continuous: a picture reaches from (0, 0), the outer corner of its
 * first pixel, to (width, height). Three spaces: "sensor", pixels as the camera delivers them; "picture", the same
 * turned upright, where {@link Faces} lie ({@link YuvFrame#toRgb} turns it); "view", pixels of the screen's view,
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

    // x' = xx * x + xy * y + x0, y' = yx * x + yy * y + y0. Doubles: turns and their inverses stay exact.
    private final double xx;
    private final double xy;
    private final double x0;
    private final double yx;
    private final double yy;
    private final double y0;

    private FrameTransform(double xx, double xy, double x0, double yx, double yy, double y0) {
        this.xx = xx;
        this.xy = xy;
        this.x0 = x0;
        this.yx = yx;
        this.yy = yy;
        this.y0 = y0;
    }

    /** Turned upright; the whole frame, whatever part is shown. @throws IllegalArgumentException for other degrees */
    public static FrameTransform sensorToPicture(SensorFrame frame, int displayDegrees) {
        return turned(frame.width, frame.height, frame.turn(displayDegrees));
    }

    /**
     * The shown part turned upright, mirrored if the camera faces the user, and scaled about the middle of the view.
     *
     * @throws IllegalArgumentException where a side of the view is under 1 pixel, or for other degrees
     */
    public static FrameTransform sensorToView(
            SensorFrame frame, int displayDegrees, int viewWidth, int viewHeight, Scale scale) {
        int turn = frame.turn(displayDegrees);
        int width = turn % 180 == 0 ? frame.cropWidth : frame.cropHeight;
        int height = turn % 180 == 0 ? frame.cropHeight : frame.cropWidth;
        return shown(frame, turn).then(photographToView(width, height, viewWidth, viewHeight, scale));
    }

    /** From faces to the screen: back along {@link #sensorToPicture}, then {@link #sensorToView}. */
    public static FrameTransform pictureToView(
            SensorFrame frame, int displayDegrees, int viewWidth, int viewHeight, Scale scale) {
        return sensorToPicture(frame, displayDegrees)
                .inverse()
                .then(sensorToView(frame, displayDegrees, viewWidth, viewHeight, scale));
    }

    /**
     * For TextureView.setTransform. By itself a TextureView stretches what it shows over all of its area, upright (and
     * mirrored, for a camera that faces the user) as if the display were not turned; this moves every point from there
     * to where {@link #sensorToView} has it.
     */
    public static FrameTransform textureToView(
            SensorFrame frame, int displayDegrees, int viewWidth, int viewHeight, Scale scale) {
        int turn = frame.turn(0);
        double width = turn % 180 == 0 ? frame.cropWidth : frame.cropHeight;
        double height = turn % 180 == 0 ? frame.cropHeight : frame.cropWidth;
        FrameTransform stretched =
                shown(frame, turn).then(new FrameTransform(viewWidth / width, 0, 0, 0, viewHeight / height, 0));
        return stretched.inverse().then(sensorToView(frame, displayDegrees, viewWidth, viewHeight, scale));
    }

    /**
     * A picture of no camera, such as a photograph of the gallery, into the view.
     *
     * @throws IllegalArgumentException where a side is under 1 pixel
     */
    public static FrameTransform photographToView(int width, int height, int viewWidth, int viewHeight, Scale scale) {
        if (width < 1 || height < 1 || viewWidth < 1 || viewHeight < 1) {
            throw new IllegalArgumentException("Pictures and views have sides of 1 pixel or more, got " + width + "x"
                    + height + " in " + viewWidth + "x" + viewHeight);
        }
        double byWidth = (double) viewWidth / width;
        double byHeight = (double) viewHeight / height;
        double factor = scale == Scale.FILL ? Math.max(byWidth, byHeight) : Math.min(byWidth, byHeight);
        return new FrameTransform(
                factor, 0, (viewWidth - factor * width) / 2, 0, factor, (viewHeight - factor * height) / 2);
    }

    /** This one first, then {@code next}. */
    public FrameTransform then(FrameTransform next) {
        return new FrameTransform(
                next.xx * xx + next.xy * yx,
                next.xx * xy + next.xy * yy,
                next.xx * x0 + next.xy * y0 + next.x0,
                next.yx * xx + next.yy * yx,
                next.yx * xy + next.yy * yy,
                next.yx * x0 + next.yy * y0 + next.y0);
    }

    /** The way back. */
    public FrameTransform inverse() {
        double determinant = xx * yy - xy * yx; // a turn, a mirror and a scale above 0: never 0
        double ixx = yy / determinant;
        double ixy = -xy / determinant;
        double iyx = -yx / determinant;
        double iyy = xx / determinant;
        return new FrameTransform(ixx, ixy, -(ixx * x0 + ixy * y0), iyx, iyy, -(iyx * x0 + iyy * y0));
    }

    /** Maps pairs x, y into a new array. @throws IllegalArgumentException where their number is odd */
    public float[] mapPoints(float[] points) {
        if (points.length % 2 != 0) {
            throw new IllegalArgumentException("Points are pairs x, y, got " + points.length + " values");
        }
        float[] mapped = new float[points.length];
        for (int i = 0; i < points.length; i += 2) {
            mapped[i] = (float) (xx * points[i] + xy * points[i + 1] + x0);
            mapped[i + 1] = (float) (yx * points[i] + yy * points[i + 1] + y0);
        }
        return mapped;
    }

    /**
     * Maps boxes x1, y1, x2, y2 into a new array, with x1 under x2 and y1 under y2 again after turns and mirrors.
     *
     * @throws IllegalArgumentException where their number is not a multiple of 4
     */
    public float[] mapBoxes(float[] boxes) {
        if (boxes.length % 4 != 0) {
            throw new IllegalArgumentException("Boxes are x1, y1, x2, y2, got " + boxes.length + " values");
        }
        float[] mapped = mapPoints(boxes);
        for (int i = 0; i < mapped.length; i += 4) {
            for (int axis = i; axis < i + 2; axis++) {
                float low = Math.min(mapped[axis], mapped[axis + 2]);
                mapped[axis + 2] = Math.max(mapped[axis], mapped[axis + 2]);
                mapped[axis] = low;
            }
        }
        return mapped;
    }

    /** The nine values of android.graphics.Matrix.setValues. */
    public float[] values() {
        return new float[] {
            (float) xx, (float) xy, (float) x0, (float) yx, (float) yy, (float) y0, 0, 0, 1,
        };
    }

    /** The crop, turned, and mirrored if the camera faces the user; its corner at (0, 0). */
    private static FrameTransform shown(SensorFrame frame, int turn) {
        FrameTransform upright = new FrameTransform(1, 0, -frame.cropLeft, 0, 1, -frame.cropTop)
                .then(turned(frame.cropWidth, frame.cropHeight, turn));
        int width = turn % 180 == 0 ? frame.cropWidth : frame.cropHeight;
        return frame.front ? upright.then(new FrameTransform(-1, 0, width, 0, 1, 0)) : upright;
    }

    /** A picture of the given sides turned clockwise, its corner at (0, 0) again. */
    private static FrameTransform turned(int width, int height, int degrees) {
        switch (degrees) {
            case 0:
                return new FrameTransform(1, 0, 0, 0, 1, 0);
            case 90:
                return new FrameTransform(0, -1, height, 1, 0, 0);
            case 180:
                return new FrameTransform(-1, 0, width, 0, -1, height);
            default:
                return new FrameTransform(0, 1, 0, -1, 0, width);
        }
    }
}
