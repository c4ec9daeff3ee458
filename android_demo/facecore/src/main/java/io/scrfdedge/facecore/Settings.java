package io.scrfdedge.facecore;

import java.util.Objects;

/** What the user has chosen. Immutable: each {@code with} gives a new one. Thresholds lie within 0 and 1. */
public final class Settings {
    public enum Camera {
        BACK,
        FRONT
    }

    public enum Processor {
        CPU,
        GPU
    }

    /** Least score where the model does not state its operating point, as in the Python SDK. */
    public static final float DEFAULT_SCORE = 0.5F;

    public static final float DEFAULT_IOU = 0.4F;

    public final float score;
    public final float iou;

    /** Whether landmarks are drawn. */
    public final boolean landmarks;

    public final Camera camera;

    /** Name of a model file among the assets. */
    public final String model;

    public final Processor processor;

    /**
     * Defaults for a model: back camera, CPU, landmarks drawn.
     *
     * @param score at first, as {@link ModelMetadata#scoreThreshold} states it
     * @throws IllegalArgumentException for an empty name, or a score not within 0 and 1
     */
    public Settings(String model, float score) {
        this(score, DEFAULT_IOU, true, Camera.BACK, model, Processor.CPU);
    }

    private Settings(float score, float iou, boolean landmarks, Camera camera, String model, Processor processor) {
        requireShare("score", score);
        requireShare("iou", iou);
        if (model.isEmpty()) {
            throw new IllegalArgumentException("A model must have a name");
        }
        this.score = score;
        this.iou = iou;
        this.landmarks = landmarks;
        this.camera = Objects.requireNonNull(camera, "camera");
        this.model = model;
        this.processor = Objects.requireNonNull(processor, "processor");
    }

    /** @throws IllegalArgumentException unless within 0 and 1 */
    public Settings withScore(float value) {
        return new Settings(value, iou, landmarks, camera, model, processor);
    }

    /** @throws IllegalArgumentException unless within 0 and 1 */
    public Settings withIou(float value) {
        return new Settings(score, value, landmarks, camera, model, processor);
    }

    public Settings withLandmarks(boolean value) {
        return new Settings(score, iou, value, camera, model, processor);
    }

    public Settings withCamera(Camera value) {
        return new Settings(score, iou, landmarks, value, model, processor);
    }

    /**
     * Another model at its own score: the same score means something else for each model.
     *
     * @throws IllegalArgumentException for an empty name, or a score not within 0 and 1
     */
    public Settings withModel(String value, float itsScore) {
        return new Settings(itsScore, iou, landmarks, camera, value, processor);
    }

    public Settings withProcessor(Processor value) {
        return new Settings(score, iou, landmarks, camera, model, value);
    }

    static void requireShare(String name, float value) {
        if (!(value >= 0 && value <= 1)) {
            throw new IllegalArgumentException(name + " must lie within 0 and 1, got " + value);
        }
    }
}
