package io.scrfdedge.facecore;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;

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

        private Output(String name, int columns, int stride, TensorType type, float scale, int zeroPoint) {
            this.name = name;
            this.columns = columns;
            this.stride = stride;
            this.type = type;
            this.scale = scale;
            this.zeroPoint = zeroPoint;
        }
    }

    /** What an output holds: its columns, and how the SDK names it. */
    private enum Kind {
        SCORE(1),
        BBOX(4),
        KPS(10);

        final int columns;

        Kind(int columns) {
            this.columns = columns;
        }
    }

    // Slots of the tables in TFLite's schema (tensorflow/compiler/mlir/lite/schema/schema.fbs).
    private static final int MODEL_SUBGRAPHS = 2;
    private static final int MODEL_BUFFERS = 4;
    private static final int MODEL_METADATA = 6;
    private static final int METADATA_NAME = 0;
    private static final int METADATA_BUFFER = 1;
    private static final int BUFFER_DATA = 0;
    private static final int SUBGRAPH_TENSORS = 0;
    private static final int SUBGRAPH_INPUTS = 1;
    private static final int SUBGRAPH_OUTPUTS = 2;
    private static final int TENSOR_SHAPE = 0;
    private static final int TENSOR_TYPE = 1;
    private static final int TENSOR_NAME = 3;
    private static final int TENSOR_QUANTIZATION = 4;
    private static final int TENSOR_SHAPE_SIGNATURE = 7;
    private static final int QUANTIZATION_SCALE = 2;
    private static final int QUANTIZATION_ZERO_POINT = 3;

    private static final String KEY = "scrfd_edge";

    public final ModelMetadata metadata;

    /** In the order of the file, which is that of the interpreter's output indices. */
    public final List<Output> outputs;

    /** Of the tensor in pixels where it is the only one that the file takes, else 0. */
    public final int fixedWidth;

    public final int fixedHeight;

    private TfliteModel(FlatTable model) {
        metadata = ModelMetadata.parse(metadataText(model));
        FlatTable graph = only(model.tables(MODEL_SUBGRAPHS), "subgraph");
        List<FlatTable> tensors = graph.tables(SUBGRAPH_TENSORS);
        List<FlatTable> inputs = chosen(tensors, graph.ints(SUBGRAPH_INPUTS));
        FlatTable input = only(inputs, "input");
        int[] shape = input.ints(TENSOR_SHAPE_SIGNATURE).length == 4
                ? input.ints(TENSOR_SHAPE_SIGNATURE)
                : input.ints(TENSOR_SHAPE);
        int channels = shape.length == 4 ? shape[metadata.channelsFirst ? 1 : 3] : 0;
        if (channels != 3 || typeOf(input) != metadata.type) {
            throw new IllegalArgumentException("its input is not the one that its metadata promise");
        }
        int height = shape[metadata.channelsFirst ? 2 : 1];
        int width = shape[metadata.channelsFirst ? 3 : 2];
        boolean fixed = height > 0 && width > 0;
        fixedHeight = fixed ? height : 0;
        fixedWidth = fixed ? width : 0;
        outputs = Collections.unmodifiableList(outputs(chosen(tensors, graph.ints(SUBGRAPH_OUTPUTS)), metadata));
    }

    /**
     * Reads a file, direct, mapped or on the heap, from index 0 to its limit.
     *
     * @throws IllegalArgumentException where the file is damaged, not TFLite, or not an SCRFD network of our converter
     */
    public static TfliteModel parse(ByteBuffer file) {
        try {
            return new TfliteModel(FlatTable.root(file));
        } catch (IndexOutOfBoundsException error) {
            throw new IllegalArgumentException(
                    "The model file (" + file.limit() + " bytes) is damaged, truncated or no TFLite file", error);
        } catch (IllegalArgumentException error) {
            throw new IllegalArgumentException(
                    "The model file is no SCRFD network made by scrfd-edge convert --to tflite: " + error.getMessage(),
                    error);
        }
    }

    /** Whether the interpreter's input may be resized to any multiple of the largest stride. */
    public boolean resizable() {
        return fixedWidth == 0;
    }

    /** Bytes of output {@code index} for a tensor: rows y, x, anchor of {@link Output#columns} values. */
    public int outputBytes(int index, Placement placement) {
        Output output = outputs.get(index);
        long cells = (long) (placement.tensorHeight / output.stride) * (placement.tensorWidth / output.stride);
        return bytes(cells * metadata.anchors * output.columns, output.type);
    }

    /** Bytes of the input tensor. */
    public int inputBytes(Placement placement) {
        return bytes(3L * placement.tensorHeight * placement.tensorWidth, metadata.type);
    }

    private static int bytes(long elements, TensorType type) {
        long bytes = elements * type.bytes;
        if (bytes > Integer.MAX_VALUE) {
            throw new IllegalArgumentException("A tensor of " + bytes + " bytes does not fit into a buffer");
        }
        return (int) bytes;
    }

    private static String metadataText(FlatTable model) {
        for (FlatTable entry : model.tables(MODEL_METADATA)) {
            if (KEY.equals(text(entry.bytes(METADATA_NAME)))) {
                FlatTable buffer = model.tables(MODEL_BUFFERS).get(entry.int32(METADATA_BUFFER, 0));
                return text(buffer.bytes(BUFFER_DATA));
            }
        }
        throw new IllegalArgumentException("it has no metadata named " + KEY);
    }

    /** In the order of the file. That each stride has every kind once is checked where FaceCore is made. */
    private static List<Output> outputs(List<FlatTable> tensors, ModelMetadata metadata) {
        int promised = metadata.strides().length * (metadata.landmarks ? 3 : 2);
        if (tensors.size() != promised) {
            throw new IllegalArgumentException(
                    "its metadata promise " + promised + " outputs, but it has " + tensors.size());
        }
        List<Output> outputs = new ArrayList<>();
        for (FlatTable tensor : tensors) {
            outputs.add(output(tensor, text(tensor.bytes(TENSOR_NAME)), metadata));
        }
        return outputs;
    }

    private static Output output(FlatTable tensor, String name, ModelMetadata metadata) {
        for (int stride : metadata.strides()) {
            for (Kind kind : Kind.values()) {
                if (name.equals(kind.name().toLowerCase(Locale.ROOT) + "_" + stride)) {
                    return output(tensor, name, kind.columns, stride);
                }
            }
        }
        throw new IllegalArgumentException("its output " + name + " is none of a kind and a stride");
    }

    private static Output output(FlatTable tensor, String name, int columns, int stride) {
        int[] shape = tensor.ints(TENSOR_SHAPE);
        if (shape.length != 3 || shape[2] != columns) {
            throw new IllegalArgumentException("output " + name + " must have " + columns + " columns");
        }
        TensorType type = typeOf(tensor);
        if (type == TensorType.FLOAT32) {
            return new Output(name, columns, stride, type, 1, 0);
        }
        FlatTable quantization = tensor.table(TENSOR_QUANTIZATION);
        float[] scales = quantization == null ? new float[0] : quantization.floats(QUANTIZATION_SCALE);
        long[] zeroPoints = quantization == null ? new long[0] : quantization.longs(QUANTIZATION_ZERO_POINT);
        if (scales.length != 1 || zeroPoints.length != 1 || !(scales[0] > 0) || Math.abs(zeroPoints[0]) > 255) {
            throw new IllegalArgumentException("output " + name + " must have one scale and one zero point");
        }
        return new Output(name, columns, stride, type, scales[0], (int) zeroPoints[0]);
    }

    private static TensorType typeOf(FlatTable tensor) {
        switch (tensor.int8(TENSOR_TYPE)) {
            case 0:
                return TensorType.FLOAT32;
            case 3:
                return TensorType.UINT8;
            case 9:
                return TensorType.INT8;
            default:
                throw new IllegalArgumentException("a tensor is neither float32, uint8 nor int8");
        }
    }

    private static List<FlatTable> chosen(List<FlatTable> tensors, int[] indices) {
        List<FlatTable> found = new ArrayList<>();
        for (int index : indices) {
            found.add(tensors.get(index));
        }
        return found;
    }

    private static FlatTable only(List<FlatTable> tables, String what) {
        if (tables.size() != 1) {
            throw new IllegalArgumentException("it must have one " + what + ", but has " + tables.size());
        }
        return tables.get(0);
    }

    private static String text(byte[] bytes) {
        return new String(bytes, StandardCharsets.UTF_8);
    }
}
