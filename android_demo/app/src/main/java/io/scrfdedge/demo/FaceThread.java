package io.scrfdedge.demo;

import android.content.res.AssetManager;
import android.os.Handler;
import android.os.Looper;
import io.scrfdedge.facecore.Faces;
import io.scrfdedge.facecore.LatestFrame;
import io.scrfdedge.facecore.Placement;
import io.scrfdedge.facecore.RgbFrame;
import io.scrfdedge.facecore.Settings;
import io.scrfdedge.facecore.StageTimes;
import io.scrfdedge.facecore.StageTimes.Stage;
import java.io.IOException;
import java.util.HashMap;
import java.util.Map;

/** The one thread of the network: takes the newest frame, finds its faces, tells the screen. Ends with its queue. */
final class FaceThread extends Thread {
    /** Called on the main thread. */
    interface Listener {
        void found(Detection detection);

        void networkFailed(String model, String why);

        void pictureFailed(String why);
    }

    private final AssetManager assets;
    private final LatestFrame<Frame> frames;
    private final StageTimes times;
    private final Listener listener;
    private final Handler main = new Handler(Looper.getMainLooper());

    private volatile Settings settings;
    private volatile int every = 1;

    private Network network;
    private Settings loaded; // what the network was opened with, whether that went well or not
    private RgbFrame reused;
    private long count;
    private final Map<String, Double> milliseconds = new HashMap<>(); // of each network and processor

    FaceThread(
            AssetManager assets, LatestFrame<Frame> frames, Settings settings, StageTimes times, Listener listener) {
        super("faces");
        this.assets = assets;
        this.frames = frames;
        this.settings = settings;
        this.times = times;
        this.listener = listener;
    }

    /** For the next frame; another network or processor is loaded then. */
    void use(Settings value) {
        settings = value;
    }

    /** Searches one frame of so many, to let a hot phone cool down; the others are dropped. */
    void searchEvery(int frameCount) {
        every = frameCount;
    }

    @Override
    public void run() {
        try {
            for (Frame frame = frames.take(); frame != null; frame = frames.take()) {
                try (Frame taken = frame) {
                    search(taken);
                }
            }
        } catch (InterruptedException e) {
            // Asked to end: as when the queue is closed.
        } finally {
            unload();
        }
    }

    private void search(Frame frame) {
        boolean live = frame.feed() != null;
        long age = frame.age();
        if (live && count++ % every != 0) {
            return;
        }
        Settings wanted = settings;
        if (!load(wanted)) {
            return;
        }
        long start = System.nanoTime();
        RgbFrame picture;
        try {
            picture = frame.pixels(reused);
        } catch (IOException | SecurityException e) { // the other app may have taken its permission back
            main.post(() -> listener.pictureFailed(e.getMessage()));
            return;
        }
        if (picture == null) {
            return; // the camera was closed meanwhile
        }
        if (live) {
            reused = picture;
            times.add(Stage.CAMERA, age);
        }
        Placement placement = network.place(picture);
        network.fill(picture, placement);
        long filled = System.nanoTime();
        try {
            network.run();
        } catch (IOException e) {
            fail(wanted, e);
            return;
        }
        long ran = System.nanoTime();
        Faces faces = network.faces(placement, wanted.score, wanted.iou);
        long done = System.nanoTime();
        times.add(Stage.PRE, filled - start);
        times.add(Stage.NETWORK, ran - filled);
        times.add(Stage.POST, done - ran);
        times.frame(done);
        milliseconds.put(key(wanted.model, network.processor), times.milliseconds(Stage.NETWORK));
        Detection detection = new Detection(
                frame, faces, wanted, network, known(wanted.model, Settings.Processor.CPU),
                known(wanted.model, Settings.Processor.GPU));
        main.post(() -> listener.found(detection));
    }

    /** Opens the wanted network unless it is there; what failed is not tried again until something else is wanted. */
    private boolean load(Settings wanted) {
        if (loaded == null || !loaded.model.equals(wanted.model) || loaded.processor != wanted.processor) {
            unload();
            loaded = wanted;
            times.reset();
            try {
                network = new Network(assets, wanted.model, wanted.processor);
            } catch (IOException | IllegalArgumentException e) {
                fail(wanted, e);
            }
        }
        return network != null;
    }

    private void fail(Settings wanted, Exception e) {
        unload();
        main.post(() -> listener.networkFailed(wanted.model, e.getMessage()));
    }

    private void unload() {
        if (network != null) {
            network.close();
            network = null;
        }
    }

    private double known(String model, Settings.Processor processor) {
        Double value = milliseconds.get(key(model, processor));
        return value == null ? Double.NaN : value;
    }

    private static String key(String model, Settings.Processor processor) {
        return model + " " + processor;
    }
}
