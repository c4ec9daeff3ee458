package io.scrfdedge.facecore;

import java.nio.ByteBuffer;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;

/**
 * The C++ core for one model: pixel to tensor ({@link #letterbox}) and tensor to face ({@link #decode}). What depends
 * on the network comes from the model file. Any number of threads may call it at once, with buffers of their own.
 *
 * <p>{@link #close} waits for calls that run, and may be called again; every other call after it is an
 * IllegalStateException.
 */
public final class FaceCore implements AutoCloseable {
    private final TfliteModel model;
    private final ReadWriteLock lock = new ReentrantReadWriteLock();
    private long handle; // 0 after close; written under the write lock, read under the read lock

    /** @throws IllegalArgumentException where the model's figures do not fit together */
    public FaceCore(TfliteModel model) {
        this.model = model;
        ModelMetadata m = model.metadata;
        int count = model.outputs.size();
        int[] columns = new int[count];
        int[] strides = new int[count];
        int[] types = new int[count];
        float[] scales = new float[count];
        int[] zeroPoints = new int[count];
        for (int i = 0; i < count; i++) {
            TfliteModel.Output output = model.outputs.get(i);
            columns[i] = output.columns;
            strides[i] = output.stride;
            types[i] = output.type.ordinal();
            scales[i] = output.scale;
            zeroPoints[i] = output.zeroPoint;
        }
        handle = CoreLibrary.open(
                m.strides(), m.anchors, m.bgr, m.channelsFirst, m.type.ordinal(), m.mean, m.std, columns, strides,
                types, scales, zeroPoints);
    }

    /**
     * Where a picture goes: scaled to the long side and padded, or into the tensor of a file that takes only one size.
     *
     * @param longSide of the tensor's content in pixels, such as 320; of no account for a file of fixed size
     * @throws IllegalArgumentException where a side is not 1 to {@link RgbFrame#MAX_SIDE}
     */
    public Placement place(int width, int height, int longSide) {
        return model.resizable()
                ? Placement.fit(width, height, longSide)
                : Placement.fitShape(width, height, model.fixedWidth, model.fixedHeight);
    }

    /**
     * Resizes, pads, reorders and normalises the picture into the input tensor, in the model's own layout and type.
     *
     * @param tensor direct and writable, {@link TfliteModel#inputBytes} from index 0, aligned to its elements; position
     *     and limit are of no account
     * @throws IllegalArgumentException where the buffer or the placement does not fit
     */
    public void letterbox(RgbFrame frame, Placement placement, ByteBuffer tensor) {
        if (frame.width != placement.imageWidth || frame.height != placement.imageHeight) {
            throw new IllegalArgumentException(
                    "The placement is for another picture than one of " + frame.width + "x" + frame.height + ": "
                            + placement);
        }
        if (tensor != null && tensor.isReadOnly()) {
            throw new IllegalArgumentException("The input tensor must be writable, got a read-only buffer");
        }
        lock.readLock().lock();
        try {
            CoreLibrary.letterbox(opened(), frame.pixels, frame.channels, placement.sides(), tensor);
        } finally {
            lock.readLock().unlock();
        }
    }

    /**
     * Turns the network's raw outputs into faces: integers to floats, anchors at or over the score threshold to boxes
     * and landmarks in pixels of the picture, boxes clipped to it, then NMS.
     *
     * @param outputs in the order of {@link TfliteModel#outputs}, each direct, {@link TfliteModel#outputBytes} from
     *     index 0, aligned to its elements; position and limit are of no account
     * @param scoreThreshold 0 to 1
     * @param iouThreshold 0 to 1: of two boxes whose IoU is greater, the one with the lower score is dropped
     * @throws IllegalArgumentException where a buffer, a threshold or the placement does not fit
     */
    public Faces decode(ByteBuffer[] outputs, Placement placement, float scoreThreshold, float iouThreshold) {
        Settings.requireShare("scoreThreshold", scoreThreshold);
        Settings.requireShare("iouThreshold", iouThreshold);
        lock.readLock().lock();
        try {
            float[] rows =
                    CoreLibrary.decode(opened(), outputs, placement.sides(), scoreThreshold, iouThreshold);
            return new Faces(rows, model.metadata.landmarks);
        } finally {
            lock.readLock().unlock();
        }
    }

    /** Frees the native memory, once. */
    @Override
    public void close() {
        lock.writeLock().lock();
        try {
            if (handle != 0) {
                CoreLibrary.close(handle);
                handle = 0;
            }
        } finally {
            lock.writeLock().unlock();
        }
    }

    private long opened() {
        if (handle == 0) {
            throw new IllegalStateException("This FaceCore was closed");
        }
        return handle;
    }
}
