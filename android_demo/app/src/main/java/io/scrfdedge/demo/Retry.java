package io.scrfdedge.demo;

import android.hardware.camera2.CameraManager;
import android.os.Handler;

/**
 * When to open a camera again that was lost: after a while, longer each time, and then only once nobody else holds it,
 * because opening it takes it away from an app beside this one. For the main thread.
 */
final class Retry extends CameraManager.AvailabilityCallback {
    static final long FIRST_WAIT_MILLISECONDS = 1000;
    static final long LONGEST_WAIT_MILLISECONDS = 16_000;

    private final CameraManager cameras;
    private final Handler main;
    private final Runnable open;
    private final Runnable untilFree = this::awaitFree;
    private long delay = FIRST_WAIT_MILLISECONDS;
    private String awaited; // the camera's id, or null

    /** open: called once for each camera that was lost, unless cancelled before. */
    Retry(CameraManager cameras, Handler main, Runnable open) {
        this.cameras = cameras;
        this.main = main;
        this.open = open;
    }

    /** A camera was lost, or did not open. id: null where there is not even a list of cameras to wait for. */
    void lost(String id) {
        awaited = id;
        main.postDelayed(untilFree, delay);
        delay = Math.min(2 * delay, LONGEST_WAIT_MILLISECONDS);
    }

    private void awaitFree() {
        if (awaited == null) {
            open.run();
        } else {
            cameras.registerAvailabilityCallback(this, main); // says at once which are free
        }
    }

    @Override
    public void onCameraAvailable(String id) {
        if (id.equals(awaited)) { // else it is another one, or the call was on its way when the waiting ended
            cancel();
            open.run();
        }
    }

    /** Nothing is opened until another loss. */
    void cancel() {
        main.removeCallbacks(untilFree);
        cameras.unregisterAvailabilityCallback(this);
        awaited = null;
    }

    /** The next loss is a first one. */
    void reset() {
        delay = FIRST_WAIT_MILLISECONDS;
    }
}
