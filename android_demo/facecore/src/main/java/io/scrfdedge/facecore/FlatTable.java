package io.scrfdedge.facecore;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/**
 * One table of a flatbuffer: fields by their slot. Whatever lies outside the file is an IndexOutOfBoundsException.
 *
 * <p>LiteRT has classes generated from TFLite's schema only inside its native library; the few fields that matter here
 * need no more than this.
 */
final class FlatTable {
    private final ByteBuffer file;
    private final int at;

    private FlatTable(ByteBuffer file, int at) {
        this.file = file;
        this.at = at;
    }

    static FlatTable root(ByteBuffer file) {
        ByteBuffer view = file.duplicate().order(ByteOrder.LITTLE_ENDIAN);
        return new FlatTable(view, view.getInt(0));
    }

    int int32(int slot, int fallback) {
        int field = field(slot);
        return field == 0 ? fallback : file.getInt(field);
    }

    byte int8(int slot) {
        int field = field(slot);
        return field == 0 ? 0 : file.get(field);
    }

    /** Null where it is absent. */
    FlatTable table(int slot) {
        int field = field(slot);
        return field == 0 ? null : new FlatTable(file, field + file.getInt(field));
    }

    List<FlatTable> tables(int slot) {
        int start = vector(slot);
        List<FlatTable> tables = new ArrayList<>();
        for (int i = 0; i < length(start, 4); i++) {
            int element = start + 4 * (i + 1);
            tables.add(new FlatTable(file, element + file.getInt(element)));
        }
        return tables;
    }

    int[] ints(int slot) {
        int start = vector(slot);
        int[] values = new int[length(start, 4)];
        for (int i = 0; i < values.length; i++) {
            values[i] = file.getInt(start + 4 * (i + 1));
        }
        return values;
    }

    float[] floats(int slot) {
        int[] bits = ints(slot);
        float[] values = new float[bits.length];
        for (int i = 0; i < bits.length; i++) {
            values[i] = Float.intBitsToFloat(bits[i]);
        }
        return values;
    }

    long[] longs(int slot) {
        int start = vector(slot);
        long[] values = new long[length(start, 8)];
        for (int i = 0; i < values.length; i++) {
            values[i] = file.getLong(start + 4 + 8 * i);
        }
        return values;
    }

    byte[] bytes(int slot) {
        int start = vector(slot);
        byte[] values = new byte[length(start, 1)];
        for (int i = 0; i < values.length; i++) {
            values[i] = file.get(start + 4 + i);
        }
        return values;
    }

    /** Where the value of a slot lies, 0 where it is absent. */
    private int field(int slot) {
        int slots = at - file.getInt(at);
        int place = 4 + 2 * slot;
        int offset = place < (file.getShort(slots) & 0xFFFF) ? file.getShort(slots + place) & 0xFFFF : 0;
        return offset == 0 ? 0 : at + offset;
    }

    /** Where a vector starts, with its length, or 0. */
    private int vector(int slot) {
        int field = field(slot);
        return field == 0 ? 0 : field + file.getInt(field);
    }

    /** Of the vector at {@code start}, checked against the file before anything is allocated. */
    private int length(int start, int elementBytes) {
        if (start == 0) {
            return 0;
        }
        int length = file.getInt(start);
        if (length < 0 || length > (file.limit() - start - 4) / elementBytes) {
            throw new IndexOutOfBoundsException("a vector of " + length + " elements at " + start);
        }
        return length;
    }
}
