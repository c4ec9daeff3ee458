package com.google.ai.edge.litert;

public final class TensorBuffer implements AutoCloseable {
    private TensorBuffer() {}

    public native void writeFloat(float[] data) throws LiteRtException;

    public native void writeInt8(byte[] data) throws LiteRtException;

    public native float[] readFloat() throws LiteRtException;

    public native byte[] readInt8() throws LiteRtException;

    @Override
    public native void close();
}
