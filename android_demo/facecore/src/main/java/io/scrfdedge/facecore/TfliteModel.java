package io.scrfdedge.facecore;

import java.nio.ByteBuffer;
import java.util.List;

/**
 * What a TFLite file made by {@code scrfd-edge convert --to tflite} says: its metadata, its input size, its outputs.
 * The interpreter has no way to ask for the metadata, and not every LiteRT API tells the outputs' names and scales.
 */
public final class TfliteModel {
    /** One output of the network, as the file names and stores it. */
    public static final class Output {
        /** Such as "score_8": a kind and a stride. */
        public final String name;

        /** 1 for scores, 4 for boxes, 10 for landmarks. */
        public final int columns;

        public final int stride;
        public final TensorType type;

        /** value = (stored - zeroPoint) * scale; 1 and 0 for floats. */
        public final float scale;

        public final int zeroPoint;

        Output(String name, int columns, int stride, TensorType type, float scale, int zeroPoint) {
            this.name = name;
            this.columns = columns;
            this.stride = stride;
            this.type = type;
            this.scale = scale;
            this.zeroPoint = zeroPoint;
        }
    }

    public final ModelMetadata metadata;

    /** In the order of the file, which is that of the interpreter's output indices. */
    public final List<Output> outputs;

    /** Of the tensor in pixels where it is the only one that the file takes, else 0. */
    public final int fixedWidth;

    public final int fixedHeight;

    private TfliteModel() {
        throw new UnsupportedOperationException();
    }

    /**
     * Reads a file, direct, mapped or on the heap, from index 0 to its limit.
     *
     * @throws IllegalArgumentException where the file is damaged, not TFLite, or not an SCRFD network of our converter
     */
    public static TfliteModel parse(ByteBuffer file) {
        throw new UnsupportedOperationException(file.toString());
    }

    /** Whether the interpreter's input may be resized to any multiple of the largest stride. */
    public boolean resizable() {
        return fixedWidth == 0;
    }

    /** Bytes of output {@code index} for a tensor: rows y, x, anchor of {@link Output#columns} values. */
    public int outputBytes(int index, Placement placement) {
        throw new UnsupportedOperationException("" + index + placement);
    }

    /** Bytes of the input tensor. */
    public int inputBytes(Placement placement) {
        throw new UnsupportedOperationException("" + placement);
    }
}
