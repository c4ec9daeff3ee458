package io.scrfdedge.facecore;

import java.util.Locale;
import java.util.function.Predicate;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;

/**
 * What a model file says of itself, in its entry "scrfd_edge": everything between pixels and faces that depends on the
 * network. scrfd_edge/metadata.py writes it; this class reads the same fields and checks the same ranges.
 *
 * <p>JSON is read by org.json, which is part of Android.
 */
public final class ModelMetadata {
    private static final int FORMAT = 1;

    /** Such as "scrfd_500m_kps". */
    public final String model;

    /** Anchors per cell. */
    public final int anchors;

    /** Whether five points are predicted. */
    public final boolean landmarks;

    /** Whether the input is B, G, R instead of R, G, B. */
    public final boolean bgr;

    /** Whether the input is (1, 3, H, W) instead of (1, H, W, 3). */
    public final boolean channelsFirst;

    /** Of the input's values, which are (pixel - mean) / std. */
    public final TensorType type;

    public final float mean;
    public final float std;

    /** Of weights and sums, such as "fp32" or "int8". */
    public final String precision;

    /** The model's operating point, or {@link Settings#DEFAULT_SCORE} where it does not say. */
    public final float scoreThreshold;

    private final int[] strides;

    private ModelMetadata(Fields top, Fields input) {
        model = (String) top.take("model", "a name", v -> v instanceof String && !v.equals("") && length(v) <= 200);
        strides = ints((JSONArray) top.take("strides", "ascending divisors of 32", ModelMetadata::isStrides));
        anchors = (Integer) top.take("anchors", "an integer from 1 to 16", v -> isWhole(v, 1, 16));
        landmarks = (Boolean) top.take("landmarks", "true or false", v -> v instanceof Boolean);
        precision = (String) top.take(
                "precision", "a short word", v -> v instanceof String && ((String) v).matches("[a-z0-9_-]{1,20}"));
        Object score = top.take("score_threshold", "within 0 and 1", v -> isAbsent(v) || isNumber(v, 0, 1));
        scoreThreshold = isAbsent(score) ? Settings.DEFAULT_SCORE : ((Number) score).floatValue();
        bgr = "bgr".equals(input.take("color", "rgb or bgr", v -> "rgb".equals(v) || "bgr".equals(v)));
        channelsFirst =
                "NCHW".equals(input.take("layout", "NCHW or NHWC", v -> "NCHW".equals(v) || "NHWC".equals(v)));
        type = type((String) input.take("dtype", "float32, uint8 or int8", v -> type(v) != null));
        mean = ((Number) input.take("mean", "a number from -1e6 to 1e6", v -> isNumber(v, -1e6, 1e6))).floatValue();
        std = ((Number) input.take("std", "a number from 1e-6 to 1e6", v -> isNumber(v, 1e-6, 1e6))).floatValue();
    }

    /**
     * Reads the JSON text of a model file; keys that are not known are left alone.
     *
     * @throws IllegalArgumentException that names the field which is missing or outside its range
     */
    public static ModelMetadata parse(String text) {
        JSONObject data;
        try {
            data = new JSONObject(text);
        } catch (JSONException | StackOverflowError error) {
            throw new IllegalArgumentException(
                    "Metadata: expected a JSON object, got " + text.substring(0, Math.min(text.length(), 40)), error);
        }
        Fields top = new Fields("", data);
        top.take("format", FORMAT + "; update this app for newer files", v -> isWhole(v, FORMAT, FORMAT));
        JSONObject input = (JSONObject) top.take("input", "an object", v -> v instanceof JSONObject);
        return new ModelMetadata(top, new Fields("input.", input));
    }

    /** Of the output maps, ascending. */
    public int[] strides() {
        return strides.clone();
    }

    /** Values of one JSON object, each checked when it is taken. */
    private static final class Fields {
        private final String prefix;
        private final JSONObject data;

        Fields(String prefix, JSONObject data) {
            this.prefix = prefix;
            this.data = data;
        }

        Object take(String key, String expected, Predicate<Object> good) {
            Object value = data.opt(key);
            if (!good.test(value)) {
                throw new IllegalArgumentException(
                        "Metadata: " + prefix + key + " must be " + expected + ", got " + value);
            }
            return value;
        }
    }

    private static boolean isAbsent(Object value) {
        return value == null || value == JSONObject.NULL;
    }

    private static boolean isWhole(Object value, int low, int high) {
        return value instanceof Integer && (Integer) value >= low && (Integer) value <= high;
    }

    private static boolean isNumber(Object value, double low, double high) {
        return value instanceof Number && ((Number) value).doubleValue() >= low
                && ((Number) value).doubleValue() <= high;
    }

    private static boolean isStrides(Object value) {
        if (!(value instanceof JSONArray) || ((JSONArray) value).length() == 0) {
            return false;
        }
        JSONArray array = (JSONArray) value;
        int last = 0;
        for (int i = 0; i < array.length(); i++) {
            // Tensors are padded to multiples of 32.
            if (!isWhole(array.opt(i), last + 1, 32) || 32 % (Integer) array.opt(i) != 0) {
                return false;
            }
            last = (Integer) array.opt(i);
        }
        return true;
    }

    private static int[] ints(JSONArray array) {
        int[] values = new int[array.length()];
        for (int i = 0; i < values.length; i++) {
            values[i] = (Integer) array.opt(i);
        }
        return values;
    }

    private static TensorType type(Object name) {
        for (TensorType type : TensorType.values()) {
            if (type.name().toLowerCase(Locale.ROOT).equals(name)) {
                return type;
            }
        }
        return null;
    }

    private static int length(Object text) {
        return ((String) text).length();
    }
}
