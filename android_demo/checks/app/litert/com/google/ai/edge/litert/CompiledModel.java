package com.google.ai.edge.litert;

import android.content.res.AssetManager;
import java.util.List;

public final class CompiledModel implements AutoCloseable {
    public static final class CpuOptions {
        public CpuOptions(Integer numThreads, Integer xnnPackFlags, String xnnPackWeightCachePath) {}
    }

    public static final class Options {
        public Options(Accelerator... accelerators) {}

        public native void setCpuOptions(CpuOptions options);
    }

    private CompiledModel() {}

    public static native CompiledModel create(AssetManager assetManager, String assetName, Options options)
            throws LiteRtException;

    public native List<TensorBuffer> createInputBuffers() throws LiteRtException;

    public native List<TensorBuffer> createOutputBuffers() throws LiteRtException;

    public native void run(List<TensorBuffer> inputs, List<TensorBuffer> outputs) throws LiteRtException;

    @Override
    public native void close();
}
