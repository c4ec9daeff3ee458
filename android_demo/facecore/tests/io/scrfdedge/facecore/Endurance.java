package io.scrfdedge.facecore;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * 100,000 camera frames through every native function, each with a FaceCore of its own. Resident memory may grow by
 * 2 MiB, 21 bytes a frame. To be run with a Java heap that is touched from the start and of one size (-Xms, -Xmx,
 * AlwaysPreTouch), so that only native memory can grow.
 */
final class Endurance {
    private static final int WARM = 20_000;
    private static final int FRAMES = 100_000;
    private static final long ALLOWED_KIB = 2 * 1024;

    private Endurance() {}

    public static void main(String[] arguments) throws Exception {
        Golden golden = Golden.of("int8_integer_outputs");
        YuvFrame camera = gray(160, 120);
        RgbFrame rgb = camera.toRgb(90, null);
        Placement placement = Placement.fit(rgb.width, rgb.height, 64);
        ByteBuffer tensor = golden.newTensor(placement);
        ByteBuffer[] outputs = new ByteBuffer[golden.outputs.length];
        for (int i = 0; i < outputs.length; i++) {
            // The first rows of a real frame's outputs, so that some candidates pass the threshold.
            outputs[i] = Golden.direct(
                    Arrays.copyOf(Golden.bytes(golden.outputs[i]), golden.model.outputBytes(i, placement)));
        }
        long faces = 0;
        long before = 0;
        for (int i = 0; i < WARM + FRAMES; i++) {
            if (i == WARM) {
                before = residentKib();
            }
            try (FaceCore core = new FaceCore(golden.model)) {
                rgb = camera.toRgb(90, rgb);
                core.letterbox(rgb, placement, tensor);
                faces += core.decode(outputs, placement, 0.01F, 0.4F).size();
            }
        }
        long grown = residentKib() - before;
        System.out.println(FRAMES + " frames, " + faces / (WARM + FRAMES) + " faces each: grew by " + grown + " KiB");
        if (faces == 0 || grown > ALLOWED_KIB) {
            throw new AssertionError("expected faces, and growth of at most " + ALLOWED_KIB + " KiB");
        }
    }

    private static long residentKib() throws Exception {
        System.gc();
        String status = new String(Files.readAllBytes(Path.of("/proc/self/status")), StandardCharsets.UTF_8);
        return Long.parseLong(status.replaceAll("(?s).*VmRSS:\\s*(\\d+) kB.*", "$1"));
    }

    private static YuvFrame gray(int width, int height) {
        byte[] luma = new byte[width * height];
        byte[] chroma = new byte[width * height / 4];
        Arrays.fill(luma, (byte) 90);
        Arrays.fill(chroma, (byte) 128);
        YuvFrame.Plane uv = new YuvFrame.Plane(Golden.direct(chroma), width / 2, 1);
        return new YuvFrame(width, height, new YuvFrame.Plane(Golden.direct(luma), width, 1), uv, uv);
    }
}
