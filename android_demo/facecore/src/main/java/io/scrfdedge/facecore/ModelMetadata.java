package io.scrfdedge.facecore;

/**
 * What a model file says of itself, in its entry "scrfd_edge": everything between pixels and faces that depends on the
 * network. scrfd_edge/metadata.py writes it; this class reads the same fields and checks the same ranges.
 */
public final class ModelMetadata {
    /** Such as "scrfd_500m_kps". */
    public final String model;

    /** Anchors per cell. */
    public final int anchors;

    /** Whether five points are predicted. */
    public final boolean landmarks;

    /** Whether the input is B, G, R instead of R, G, B. */
    public final boolean bgr;

    /** Whether the input is (1, 3, H, W) instead of (1, H, W, 3). */
    public final boolean channelsFirst;

    /** Of the input's values, which are (pixel - mean) / std. */
    public final TensorType type;

    public final float mean;
    public final float std;

    /** Of weights and sums, such as "fp32" or "int8". */
    public final String precision;

    /** The model's operating point, or {@link Settings#DEFAULT_SCORE} where it does not say. */
    public final float scoreThreshold;

    private final int[] strides;

    private ModelMetadata() {
        throw new UnsupportedOperationException();
    }

    /**
     * Reads the JSON text of a model file; keys that are not known are left alone.
     *
     * @throws IllegalArgumentException that names the field which is missing or outside its range
     */
    public static ModelMetadata parse(String text) {
        throw new UnsupportedOperationException(text);
    }

    /** Of the output maps, ascending. */
    public int[] strides() {
        return strides.clone();
    }
}
