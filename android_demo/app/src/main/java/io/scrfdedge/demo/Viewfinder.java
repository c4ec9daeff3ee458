package io.scrfdedge.demo;

import android.content.Context;
import android.graphics.Matrix;
import android.graphics.SurfaceTexture;
import android.hardware.camera2.CameraAccessException;
import android.hardware.camera2.CameraManager;
import android.hardware.display.DisplayManager;
import android.os.Handler;
import android.os.Looper;
import android.view.Display;
import android.view.TextureView;
import io.scrfdedge.facecore.FrameTransform;
import io.scrfdedge.facecore.LatestFrame;
import io.scrfdedge.facecore.SensorFrame;
import io.scrfdedge.facecore.Settings;

/**
 * The camera on the screen: opened as soon as there is a surface, and again after it was lost ({@link Retry}); its
 * preview neither stretched nor turned.
 */
final class Viewfinder implements CameraFeed.Listener, TextureView.SurfaceTextureListener, AutoCloseable {
    interface Listener {
        /** Neither its picture nor its faces are to be shown any longer. */
        void cameraClosed();

        /** A message for the user. */
        void cameraFailed(String message);
    }

    private final TextureView preview;
    private final Listener listener;
    private final CameraManager cameras;
    private final DisplayManager displays;
    private final Display display;
    private final Retry retry;

    // From open to close.
    private Settings.Camera wanted;
    private String id; // of the camera that was found last, or null
    private LatestFrame<Frame> frames; // null while closed

    // While the camera is open.
    private CameraFeed feed;
    private SensorFrame sensor;

    Viewfinder(TextureView preview, Listener listener) {
        this.preview = preview;
        this.listener = listener;
        Context context = preview.getContext();
        cameras = context.getSystemService(CameraManager.class);
        displays = context.getSystemService(DisplayManager.class);
        display = displays.getDisplay(Display.DEFAULT_DISPLAY);
        retry = new Retry(cameras, new Handler(Looper.getMainLooper()), this::connect);
        preview.setSurfaceTextureListener(this);
    }

    /** Opens a camera now unless one is open; needs the permission CAMERA. queue: for its pictures. */
    void open(Settings.Camera camera, LatestFrame<Frame> queue) {
        wanted = camera;
        frames = queue;
        retry.reset();
        connect();
    }

    private void connect() {
        retry.cancel();
        SurfaceTexture texture = preview.getSurfaceTexture();
        if (feed != null || frames == null || texture == null) {
            return; // onSurfaceTextureAvailable will call again
        }
        id = null;
        try {
            id = CameraFeed.find(cameras, wanted);
        } catch (CameraAccessException | IllegalArgumentException e) {
            cameraLost(e.getMessage());
            return;
        }
        if (id == null) {
            listener.cameraFailed(preview.getResources().getString(R.string.no_camera));
            return;
        }
        feed = new CameraFeed(cameras, id, texture, display, frames, this);
        displays.registerDisplayListener(turned, null);
    }

    private void disconnect() {
        if (feed != null) {
            displays.unregisterDisplayListener(turned);
            feed.close();
            feed = null;
            sensor = null;
            listener.cameraClosed();
        }
    }

    /** Waits until the camera is free for others. May be called again, and so may open. */
    @Override
    public void close() {
        frames = null;
        retry.cancel();
        disconnect();
    }

    /** Whether a frame comes from the camera that is open now. */
    boolean shows(Frame frame) {
        return feed != null && frame.feed() == feed;
    }

    @Override
    public void cameraStarted(SensorFrame frame) {
        sensor = frame;
        retry.reset();
        placePreview();
    }

    @Override
    public void cameraLost(String why) {
        disconnect();
        listener.cameraFailed(preview.getResources().getString(R.string.camera_lost, why));
        retry.lost(id);
    }

    /** The same matrices as for the faces. */
    private void placePreview() {
        if (sensor != null && preview.getWidth() > 0) {
            FrameTransform transform = FrameTransform.textureToView(
                    sensor, 90 * display.getRotation(), preview.getWidth(), preview.getHeight(),
                    FrameTransform.Scale.FILL);
            Matrix matrix = new Matrix();
            matrix.setValues(transform.values());
            preview.setTransform(matrix);
        }
    }

    /** From 90 to 270 degrees nothing changes its size, so that only the display tells. */
    private final DisplayManager.DisplayListener turned = new DisplayManager.DisplayListener() {
        @Override
        public void onDisplayAdded(int id) {}

        @Override
        public void onDisplayRemoved(int id) {}

        @Override
        public void onDisplayChanged(int id) {
            placePreview();
        }
    };

    @Override
    public void onSurfaceTextureAvailable(SurfaceTexture texture, int width, int height) {
        connect();
    }

    @Override
    public void onSurfaceTextureSizeChanged(SurfaceTexture texture, int width, int height) {
        placePreview();
    }

    @Override
    public boolean onSurfaceTextureDestroyed(SurfaceTexture texture) {
        disconnect();
        return true;
    }

    @Override
    public void onSurfaceTextureUpdated(SurfaceTexture texture) {}
}
