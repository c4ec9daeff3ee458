package io.scrfdedge.facecore;

/**
 * How a camera delivers its pictures: their size, the part of them that is shown, how the sensor is built in, and
 * whether it faces the user. Sides in pixels of the delivered picture.
 */
public final class SensorFrame {
    public final int width;
    public final int height;

    /** SENSOR_ORIENTATION: 0, 90, 180 or 270, how far a picture must be turned clockwise on the upright device. */
    public final int degrees;

    /** Whether the camera looks at the user, who expects a mirror. */
    public final boolean front;

    /** The part that the view shows; the whole picture unless {@link #cropped}. */
    public final int cropLeft;

    public final int cropTop;
    public final int cropWidth;
    public final int cropHeight;

    /** @throws IllegalArgumentException where a side is not 1 to {@link RgbFrame#MAX_SIDE}, or degrees are others */
    public SensorFrame(int width, int height, int degrees, boolean front) {
        this(width, height, degrees, front, 0, 0, width, height);
    }

    private SensorFrame(
            int width, int height, int degrees, boolean front, int left, int top, int cropWidth, int cropHeight) {
        if (width < 1 || height < 1 || width > RgbFrame.MAX_SIDE || height > RgbFrame.MAX_SIDE) {
            throw new IllegalArgumentException(
                    "A frame's sides must be 1 to " + RgbFrame.MAX_SIDE + " pixels, got " + width + "x" + height);
        }
        requireQuarter("sensor", degrees);
        if (left < 0 || top < 0 || cropWidth < 1 || cropHeight < 1 || cropWidth > width - left
                || cropHeight > height - top) {
            throw new IllegalArgumentException("The crop must lie inside " + width + "x" + height + ", got " + cropWidth
                    + "x" + cropHeight + " at " + left + ", " + top);
        }
        this.width = width;
        this.height = height;
        this.degrees = degrees;
        this.front = front;
        this.cropLeft = left;
        this.cropTop = top;
        this.cropWidth = cropWidth;
        this.cropHeight = cropHeight;
    }

    /** The same, with only a part of the picture shown. @throws IllegalArgumentException where it lies outside */
    public SensorFrame cropped(int left, int top, int cropWidth, int cropHeight) {
        return new SensorFrame(width, height, degrees, front, left, top, cropWidth, cropHeight);
    }

    /**
     * How far, in degrees clockwise, the picture must be turned to be upright on a display that is itself turned.
     *
     * @param displayDegrees Display.getRotation() times 90
     * @throws IllegalArgumentException unless 0, 90, 180 or 270
     */
    public int turn(int displayDegrees) {
        requireQuarter("display", displayDegrees);
        // A camera that faces the user sees the device turn the other way.
        return (degrees + (front ? displayDegrees : 360 - displayDegrees)) % 360;
    }

    private static void requireQuarter(String what, int degrees) {
        if (degrees != 0 && degrees != 90 && degrees != 180 && degrees != 270) {
            throw new IllegalArgumentException(
                    "The " + what + " is turned by 0, 90, 180 or 270 degrees, got " + degrees);
        }
    }
}
