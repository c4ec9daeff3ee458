package io.scrfdedge.demo;

import android.content.res.AssetFileDescriptor;
import android.content.res.AssetManager;
import com.google.ai.edge.litert.Accelerator;
import com.google.ai.edge.litert.CompiledModel;
import com.google.ai.edge.litert.LiteRtException;
import com.google.ai.edge.litert.TensorBuffer;
import io.scrfdedge.facecore.FaceCore;
import io.scrfdedge.facecore.Faces;
import io.scrfdedge.facecore.Placement;
import io.scrfdedge.facecore.RgbFrame;
import io.scrfdedge.facecore.Settings;
import io.scrfdedge.facecore.Settings.Processor;
import io.scrfdedge.facecore.TensorType;
import io.scrfdedge.facecore.TfliteModel;
import java.io.FileInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.util.Arrays;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Pixel to tensor to face: a network of the assets on LiteRT's CompiledModel, with the C++ core before and after it.
 * For one thread, the one that opened it. Buffers are made once.
 */
final class Network implements AutoCloseable {
    private static final String FOLDER = "models";
    private static final int CPU_THREADS = 4; // the big cores of most phones

    /** Where it really runs. */
    final Processor processor;

    /** Why the GPU did not take it, though it was wanted; else null. */
    final String refusal;

    private final TfliteModel model;
    private final CompiledModel compiled;
    private final FaceCore core;
    private final List<TensorBuffer> inputs;
    private final List<TensorBuffer> outputs;
    private final ByteBuffer tensor;
    private final ByteBuffer[] raw;
    private final float[] floats; // LiteRT's buffers take arrays only
    private final byte[] bytes;

    /** The networks in the assets: their names, sorted, and the score at which each is to run. */
    static SortedMap<String, Float> operatingPoints(AssetManager assets) throws IOException {
        SortedMap<String, Float> points = new TreeMap<>();
        for (String name : assets.list(FOLDER)) {
            if (name.endsWith(".tflite")) {
                points.put(name, operatingPoint(assets, FOLDER + "/" + name));
            }
        }
        return points;
    }

    private static float operatingPoint(AssetManager assets, String path) {
        try {
            return TfliteModel.parse(map(assets, path)).metadata.scoreThreshold; // tables only, no weights
        } catch (IOException | IllegalArgumentException e) {
            return Settings.DEFAULT_SCORE; // who chooses this network is told why it does not run
        }
    }

    /**
     * Compiles a network; on a GPU that may take seconds. A GPU that cannot run all of it is refused as a whole and the
     * CPU takes over, with {@link #refusal} set: asked for the GPU alone, LiteRT never falls back by itself.
     *
     * @throws IOException where the file cannot be read, or LiteRT refuses it
     * @throws IllegalArgumentException where it is no SCRFD network of fixed size
     */
    Network(AssetManager assets, String name, Processor wanted) throws IOException {
        String path = FOLDER + "/" + name;
        model = TfliteModel.parse(map(assets, path));
        if (model.resizable()) {
            // A GPU compiles for one size, and CompiledModel has no call to change it.
            throw new IllegalArgumentException(name + " takes any size: convert it again with --size WIDTHxHEIGHT");
        }
        core = new FaceCore(model);
        CompiledModel opened = null;
        String reason = null;
        if (wanted == Processor.GPU) {
            try {
                opened = CompiledModel.create(assets, path, new CompiledModel.Options(Accelerator.GPU));
            } catch (LiteRtException e) {
                reason = e.getMessage();
            }
        }
        processor = opened != null ? Processor.GPU : Processor.CPU;
        refusal = reason;
        try {
            if (opened == null) {
                opened = CompiledModel.create(assets, path, cpuOptions());
            }
            inputs = opened.createInputBuffers();
            outputs = opened.createOutputBuffers();
        } catch (LiteRtException e) {
            core.close();
            if (opened != null) {
                opened.close();
            }
            throw new IOException(e.getMessage(), e);
        }
        compiled = opened;
        Placement whole = core.place(model.fixedWidth, model.fixedHeight, model.fixedWidth);
        tensor = direct(model.inputBytes(whole));
        raw = new ByteBuffer[model.outputs.size()];
        for (int i = 0; i < raw.length; i++) {
            raw[i] = direct(model.outputBytes(i, whole));
        }
        boolean real = model.metadata.type == TensorType.FLOAT32;
        floats = new float[real ? tensor.capacity() / 4 : 0];
        bytes = new byte[real ? 0 : tensor.capacity()];
    }

    private static CompiledModel.Options cpuOptions() {
        int threads = Math.min(CPU_THREADS, Runtime.getRuntime().availableProcessors());
        CompiledModel.Options options = new CompiledModel.Options(Accelerator.CPU);
        options.setCpuOptions(new CompiledModel.CpuOptions(threads, null, null));
        return options;
    }

    private static ByteBuffer map(AssetManager assets, String path) throws IOException {
        try (AssetFileDescriptor file = assets.openFd(path);
                FileInputStream stream = file.createInputStream()) {
            return stream.getChannel()
                    .map(FileChannel.MapMode.READ_ONLY, file.getStartOffset(), file.getDeclaredLength());
        }
    }

    private static ByteBuffer direct(int bytes) {
        return ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder());
    }

    /** Where a picture lies in the tensor. */
    Placement place(RgbFrame picture) {
        return core.place(picture.width, picture.height, Math.max(model.fixedWidth, model.fixedHeight));
    }

    /** Pixel to tensor. */
    void fill(RgbFrame picture, Placement placement) {
        core.letterbox(picture, placement, tensor);
    }

    /** Runs the network on the tensor. @throws IOException where LiteRT fails */
    void run() throws IOException {
        try {
            if (floats.length > 0) {
                tensor.asFloatBuffer().get(floats);
                inputs.get(0).writeFloat(floats);
            } else {
                tensor.duplicate().get(bytes);
                inputs.get(0).writeInt8(bytes);
            }
            compiled.run(inputs, outputs);
            for (int i = 0; i < raw.length; i++) { // in the order of the file, as TfliteModel's
                if (model.outputs.get(i).type == TensorType.FLOAT32) {
                    raw[i].asFloatBuffer().put(outputs.get(i).readFloat());
                } else {
                    raw[i].duplicate().put(outputs.get(i).readInt8());
                }
            }
        } catch (LiteRtException e) {
            throw new IOException(e.getMessage(), e);
        }
    }

    /** Tensor to face: what {@link #run} found, in pixels of the picture. */
    Faces faces(Placement placement, float score, float iou) {
        return core.decode(raw, placement, score, iou);
    }

    @Override
    public void close() {
        core.close();
        for (List<TensorBuffer> buffers : Arrays.asList(inputs, outputs)) {
            for (TensorBuffer buffer : buffers) {
                buffer.close();
            }
        }
        compiled.close();
    }
}
