package io.scrfdedge.facecore;

import java.io.IOException;
import java.io.Reader;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.stream.Stream;

/** One case of checks/golden.py: a photograph's way through a network, as the Python SDK went it. */
final class Golden {
    final String name;
    final ByteBuffer file;
    final TfliteModel model;
    final RgbFrame frame;
    final int longSide;
    final float score;
    final float iou;
    final byte[] tensor;
    final ByteBuffer[] outputs;

    /** Per face x1, y1, x2, y2, score and ten coordinates. */
    final float[] faces;

    private Golden(Path folder) throws IOException {
        Properties properties = new Properties();
        try (Reader reader = Files.newBufferedReader(folder.resolve("case.properties"))) {
            properties.load(reader);
        }
        name = folder.getFileName().toString();
        file = ByteBuffer.wrap(Files.readAllBytes(folder.resolve("model.tflite")));
        model = TfliteModel.parse(file);
        frame = new RgbFrame(number(properties, "width"), number(properties, "height"), 3);
        frame.pixels.duplicate().put(Files.readAllBytes(folder.resolve("frame.rgb")));
        longSide = number(properties, "longSide");
        score = Float.parseFloat(properties.getProperty("score"));
        iou = Float.parseFloat(properties.getProperty("iou"));
        tensor = Files.readAllBytes(folder.resolve("tensor.bin"));
        outputs = new ByteBuffer[model.outputs.size()];
        for (int i = 0; i < outputs.length; i++) {
            outputs[i] = direct(Files.readAllBytes(folder.resolve("output_" + i + ".bin")));
        }
        ByteBuffer rows = ByteBuffer.wrap(Files.readAllBytes(folder.resolve("faces.bin")));
        faces = new float[rows.capacity() / 4];
        rows.order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(faces);
    }

    /** Every case in the folder that -Dfacecore.golden names. */
    static List<Golden> all() throws IOException {
        List<Golden> cases = new ArrayList<>();
        try (Stream<Path> folders = Files.list(Path.of(System.getProperty("facecore.golden")))) {
            for (Path folder : (Iterable<Path>) folders.sorted()::iterator) {
                cases.add(new Golden(folder));
            }
        }
        return cases;
    }

    static Golden of(String name) throws IOException {
        return new Golden(Path.of(System.getProperty("facecore.golden"), name));
    }

    Placement place(FaceCore core) {
        return core.place(frame.width, frame.height, longSide);
    }

    ByteBuffer newTensor(Placement placement) {
        return ByteBuffer.allocateDirect(model.inputBytes(placement));
    }

    static ByteBuffer direct(byte[] bytes) {
        ByteBuffer buffer = ByteBuffer.allocateDirect(bytes.length);
        buffer.duplicate().put(bytes);
        return buffer;
    }

    static byte[] bytes(ByteBuffer buffer) {
        byte[] bytes = new byte[buffer.capacity()];
        buffer.duplicate().clear().get(bytes);
        return bytes;
    }

    /** In the order of {@link #faces}. */
    static float[] rows(Faces found) {
        float[] rows = new float[found.size() * 15];
        for (int i = 0; i < found.size(); i++) {
            System.arraycopy(found.boxes, i * 4, rows, i * 15, 4);
            rows[i * 15 + 4] = found.scores[i];
            System.arraycopy(found.landmarks, i * 10, rows, i * 15 + 5, 10);
        }
        return rows;
    }

    @Override
    public String toString() {
        return name;
    }

    private static int number(Properties properties, String key) {
        return Integer.parseInt(properties.getProperty(key));
    }
}
