package io.scrfdedge.facecore;

/** Element types of the tensors that a network takes and gives; the native side counts them in this order. */
public enum TensorType {
    FLOAT32(4),
    UINT8(1),
    INT8(1);

    /** Bytes of one element. */
    public final int bytes;

    TensorType(int bytes) {
        this.bytes = bytes;
    }
}
