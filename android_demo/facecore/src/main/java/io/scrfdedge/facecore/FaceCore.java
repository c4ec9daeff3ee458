package io.scrfdedge.facecore;

import java.nio.ByteBuffer;

/**
 * The C++ core for one model: pixel to tensor ({@link #letterbox}) and tensor to face ({@link #decode}). What depends
 * on the network comes from the model file. Any number of threads may call it at once, with buffers of their own.
 *
 * <p>{@link #close} waits for calls that run, and may be called again; every other call after it is an
 * IllegalStateException.
 */
public final class FaceCore implements AutoCloseable {
    /** @throws IllegalArgumentException where the model's figures do not fit together */
    public FaceCore(TfliteModel model) {
        throw new UnsupportedOperationException(model.toString());
    }

    /**
     * Where a picture goes: scaled to the long side and padded, or into the tensor of a file that takes only one size.
     *
     * @param longSide of the tensor's content in pixels, such as 320; of no account for a file of fixed size
     * @throws IllegalArgumentException where a side is not 1 to {@link RgbFrame#MAX_SIDE}
     */
    public Placement place(int width, int height, int longSide) {
        throw new UnsupportedOperationException();
    }

    /**
     * Resizes, pads, reorders and normalises the picture into the input tensor, in the model's own layout and type.
     *
     * @param tensor direct and writable, {@link TfliteModel#inputBytes} from index 0, aligned to its elements; position
     *     and limit are of no account
     * @throws IllegalArgumentException where the buffer or the placement does not fit
     */
    public void letterbox(RgbFrame frame, Placement placement, ByteBuffer tensor) {
        throw new UnsupportedOperationException();
    }

    /**
     * Turns the network's raw outputs into faces: integers to floats, anchors at or over the score threshold to boxes
     * and landmarks in pixels of the picture, boxes clipped to it, then NMS.
     *
     * @param outputs in the order of {@link TfliteModel#outputs}, each direct, {@link TfliteModel#outputBytes} from
     *     index 0, aligned to its elements; position and limit are of no account
     * @param scoreThreshold 0 to 1
     * @param iouThreshold 0 to 1: of two boxes whose IoU is greater, the one with the lower score is dropped
     * @param maxFaces at least 1: the best so many
     * @throws IllegalArgumentException where a buffer, a threshold or the placement does not fit
     */
    public Faces decode(
            ByteBuffer[] outputs, Placement placement, float scoreThreshold, float iouThreshold, int maxFaces) {
        throw new UnsupportedOperationException();
    }

    @Override
    public void close() {}
}
