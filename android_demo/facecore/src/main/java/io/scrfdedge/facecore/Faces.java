package io.scrfdedge.facecore;

/** Faces of one picture, best first, in pixels of that picture; columns of equal length. */
public final class Faces {
    /** x1, y1, x2, y2 of each face. */
    public final float[] boxes;

    /** 0 to 1, falling. */
    public final float[] scores;

    /**
     * x and y of five points of each face: the eye on the left of the picture, the other eye, nose, mouth corner on the
     * left, the other corner. Empty where the network has no landmarks.
     */
    public final float[] landmarks;

    private final boolean hasLandmarks;

    /** rows: of {@link CoreLibrary#decode}. */
    Faces(float[] rows, boolean hasLandmarks) {
        this.hasLandmarks = hasLandmarks;
        int points = hasLandmarks ? 10 : 0;
        int columns = 5 + points;
        int count = rows.length / columns;
        boxes = new float[count * 4];
        scores = new float[count];
        landmarks = new float[count * points];
        for (int i = 0; i < count; i++) {
            System.arraycopy(rows, i * columns, boxes, i * 4, 4);
            scores[i] = rows[i * columns + 4];
            System.arraycopy(rows, i * columns + 5, landmarks, i * points, points);
        }
    }

    /** How many. */
    public int size() {
        return scores.length;
    }

    /** Whether the network has landmarks, even where it found no face. */
    public boolean hasLandmarks() {
        return hasLandmarks;
    }
}
