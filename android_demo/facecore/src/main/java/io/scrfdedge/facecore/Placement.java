package io.scrfdedge.facecore;

/**
 * Where a picture lies in the network's input tensor: resized to the content, which lies at the top left; the rest is
 * padding. The one value that travels from {@link FaceCore#letterbox} to {@link FaceCore#decode}. All sides in pixels.
 */
public final class Placement {
    public final int imageWidth;
    public final int imageHeight;
    public final int contentWidth;
    public final int contentHeight;
    public final int tensorWidth;
    public final int tensorHeight;

    private Placement(int[] sides) {
        imageWidth = sides[0];
        imageHeight = sides[1];
        contentWidth = sides[2];
        contentHeight = sides[3];
        tensorWidth = sides[4];
        tensorHeight = sides[5];
    }

    /**
     * The picture's long side scaled to {@code longSide}, aspect kept, padded to multiples of 32.
     *
     * @throws IllegalArgumentException where a side is not 1 to 16384
     */
    public static Placement fit(int width, int height, int longSide) {
        return new Placement(CoreLibrary.fit(width, height, longSide));
    }

    /**
     * The picture scaled to fit inside a tensor whose size is fixed, aspect kept.
     *
     * @throws IllegalArgumentException where a side is not 1 to 16384
     */
    public static Placement fitShape(int width, int height, int tensorWidth, int tensorHeight) {
        return new Placement(CoreLibrary.fitShape(width, height, tensorWidth, tensorHeight));
    }

    /** Whether a tensor made for {@code other} has the same size: if not, the interpreter's input must be resized. */
    public boolean hasTensorOf(Placement other) {
        return tensorWidth == other.tensorWidth && tensorHeight == other.tensorHeight;
    }

    int[] sides() {
        return new int[] {imageWidth, imageHeight, contentWidth, contentHeight, tensorWidth, tensorHeight};
    }

    @Override
    public String toString() {
        return imageWidth + "x" + imageHeight + " as " + contentWidth + "x" + contentHeight + " in " + tensorWidth + "x"
                + tensorHeight;
    }
}
