package io.scrfdedge.demo;

import io.scrfdedge.facecore.Faces;
import io.scrfdedge.facecore.Settings;

/** What came of one frame. */
final class Detection {
    final Frame frame;
    final Faces faces;

    /** What the network ran with. */
    final Settings settings;

    /** Where it really ran. */
    final Settings.Processor processor;

    /** Why not on the GPU, though it was wanted; else null. */
    final String refusal;

    /** Median milliseconds of this network on the CPU since the screen was opened, NaN where it never ran there. */
    final double cpuMilliseconds;

    /** The same on the GPU. */
    final double gpuMilliseconds;

    Detection(
            Frame frame, Faces faces, Settings settings, Network network, double cpuMilliseconds,
            double gpuMilliseconds) {
        this.frame = frame;
        this.faces = faces;
        this.settings = settings;
        this.processor = network.processor;
        this.refusal = network.refusal;
        this.cpuMilliseconds = cpuMilliseconds;
        this.gpuMilliseconds = gpuMilliseconds;
    }
}
