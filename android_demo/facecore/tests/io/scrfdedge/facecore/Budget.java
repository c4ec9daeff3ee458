package io.scrfdedge.facecore;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Random;

/**
 * What one frame of 640x480 on its way into a tensor of 320x320 moves, and what that takes on this machine: a line per
 * stage of the core, bytes read and written and the median in milliseconds.
 */
final class Budget {
    private static final int ROUNDS = 300;

    private Budget() {}

    public static void main(String[] arguments) throws Exception {
        Golden golden = Golden.of("fp32");
        YuvFrame camera = noise(640, 480);
        RgbFrame upright = camera.toRgb(0, null);
        RgbFrame rgb = camera.toRgb(90, null);
        Placement placement = Placement.fitShape(rgb.width, rgb.height, 320, 320);
        ByteBuffer tensor = golden.newTensor(placement);
        int outputs = 0;
        for (int i = 0; i < golden.outputs.length; i++) {
            outputs += golden.model.outputBytes(i, placement);
        }
        try (FaceCore core = new FaceCore(golden.model)) {
            int pixels = rgb.pixels.capacity();
            report("YUV to RGB, turned by 0", 640 * 480 * 3 / 2 + pixels, () -> camera.toRgb(0, upright));
            report("YUV to RGB, turned by 90", 640 * 480 * 3 / 2 + pixels, () -> camera.toRgb(90, rgb));
            report("letterbox", pixels + tensor.capacity(), () -> core.letterbox(rgb, placement, tensor));
            report("decode and NMS", outputs, () -> core.decode(golden.outputs, placement, 0.5F, 0.4F));
        }
    }

    private static void report(String stage, int bytes, Runnable run) {
        long[] times = new long[ROUNDS];
        for (int i = -ROUNDS; i < ROUNDS; i++) {
            long start = System.nanoTime();
            run.run();
            times[Math.max(i, 0)] = System.nanoTime() - start;
        }
        Arrays.sort(times);
        System.out.printf("%-26s %8.2f MB %8.3f ms%n", stage, bytes / 1e6, times[ROUNDS / 2] / 1e6);
    }

    private static YuvFrame noise(int width, int height) {
        byte[] luma = new byte[width * height];
        byte[] chroma = new byte[width * height / 2];
        new Random(1).nextBytes(luma);
        new Random(2).nextBytes(chroma);
        ByteBuffer v = Golden.direct(chroma);
        ByteBuffer u = v.duplicate().position(1).slice();
        return new YuvFrame(
                width,
                height,
                new YuvFrame.Plane(Golden.direct(luma), width, 1),
                new YuvFrame.Plane(u, width, 2),
                new YuvFrame.Plane(v, width, 2));
    }
}
