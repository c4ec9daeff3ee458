package io.scrfdedge.demo;

import android.Manifest;
import android.app.Activity;
import android.content.ActivityNotFoundException;
import android.content.Intent;
import android.content.pm.PackageManager;
import android.graphics.Matrix;
import android.graphics.SurfaceTexture;
import android.hardware.camera2.CameraManager;
import android.hardware.display.DisplayManager;
import android.net.Uri;
import android.os.Build;
import android.os.Bundle;
import android.os.PowerManager;
import android.view.Display;
import android.view.TextureView;
import io.scrfdedge.facecore.FrameTransform;
import io.scrfdedge.facecore.LatestFrame;
import io.scrfdedge.facecore.SensorFrame;
import io.scrfdedge.facecore.Settings;
import io.scrfdedge.facecore.StageTimes;
import java.io.IOException;
import java.util.SortedMap;

/**
 * The screen and its life: from start to stop there is one thread for faces, and a camera or a picture that feeds it.
 * All else is in classes of its own; {@link Controls} has the buttons.
 */
public final class DemoActivity extends Activity
        implements CameraFeed.Listener, FaceThread.Listener, Controls.Listener, TextureView.SurfaceTextureListener {
    private static final int ASK_CAMERA = 1;
    private static final int PICK_PICTURE = 2;

    private final StageTimes times = new StageTimes();
    private TextureView preview;
    private FaceOverlay overlay;
    private Controls controls;
    private Display display;
    private DisplayManager displays;

    private Settings settings; // null where the package holds no network
    private boolean asked; // for the camera, once
    private Photograph photograph; // null while the camera is shown

    // From start to stop.
    private LatestFrame<Frame> frames;
    private FaceThread faces;
    private Thermal thermal;

    // While the camera is open.
    private CameraFeed feed;
    private SensorFrame sensor;

    @Override
    protected void onCreate(Bundle state) {
        super.onCreate(state);
        setContentView(R.layout.demo);
        preview = findViewById(R.id.preview);
        preview.setSurfaceTextureListener(this);
        overlay = findViewById(R.id.overlay);
        displays = getSystemService(DisplayManager.class);
        display = displays.getDisplay(Display.DEFAULT_DISPLAY);
        controls = new Controls(this, this);
        try {
            SortedMap<String, Float> models = Network.operatingPoints(getAssets());
            if (models.isEmpty()) {
                controls.say(getString(R.string.no_model));
                return;
            }
            String first = models.firstKey();
            settings = new Settings(first, models.get(first));
            controls.show(models, settings);
        } catch (IOException e) {
            controls.say(getString(R.string.model_failed, "", e.getMessage()));
        }
    }

    @Override
    protected void onStart() {
        super.onStart();
        if (settings == null) {
            return;
        }
        times.reset();
        frames = new LatestFrame<>(Frame::close);
        faces = new FaceThread(getAssets(), frames, settings, times, this);
        faces.start();
        displays.registerDisplayListener(turned, null);
        if (Build.VERSION.SDK_INT >= 29) {
            thermal = new Thermal(getSystemService(PowerManager.class), this::searchEvery);
        }
    }

    @Override
    protected void onResume() {
        super.onResume();
        feedFaces();
    }

    @Override
    protected void onStop() {
        closeCamera();
        if (faces != null) {
            if (Build.VERSION.SDK_INT >= 29) {
                thermal.close();
            }
            displays.unregisterDisplayListener(turned);
            frames.close(); // the thread ends, and closes its network
            faces = null;
        }
        super.onStop();
    }

    /** Gives the thread the picture, or opens the camera as soon as that can be. */
    private void feedFaces() {
        if (faces == null) {
            return;
        }
        if (photograph != null) {
            closeCamera();
            controls.askPermission(false);
            frames.put(photograph);
        } else if (checkSelfPermission(Manifest.permission.CAMERA) == PackageManager.PERMISSION_GRANTED) {
            controls.askPermission(false);
            openCamera();
        } else if (!asked) {
            allowCamera();
        } else {
            controls.askPermission(true);
        }
    }

    private void openCamera() {
        SurfaceTexture texture = preview.getSurfaceTexture();
        if (feed != null || texture == null) {
            return; // open already, or onSurfaceTextureAvailable will call again
        }
        CameraManager manager = getSystemService(CameraManager.class);
        String id = CameraFeed.find(manager, settings.camera);
        if (id == null) {
            controls.say(getString(R.string.no_camera));
            return;
        }
        feed = new CameraFeed(manager, id, texture, display, frames, this);
    }

    private void closeCamera() {
        if (feed != null) {
            feed.close();
            feed = null;
            sensor = null;
            showNothing();
        }
    }

    /** Of what was shown neither faces nor figures go over to what comes next. */
    private void showNothing() {
        overlay.show(null, false, times);
        times.reset();
    }

    // --- camera ---

    @Override
    public void cameraStarted(SensorFrame frame) {
        sensor = frame;
        placePreview();
    }

    @Override
    public void cameraLost(String why) {
        closeCamera();
        controls.say(getString(R.string.camera_lost, why));
    }

    /** The preview neither stretched nor turned: the same matrices as for the faces. */
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
        feedFaces();
    }

    @Override
    public void onSurfaceTextureSizeChanged(SurfaceTexture texture, int width, int height) {
        placePreview();
    }

    @Override
    public boolean onSurfaceTextureDestroyed(SurfaceTexture texture) {
        closeCamera();
        return true;
    }

    @Override
    public void onSurfaceTextureUpdated(SurfaceTexture texture) {}

    // --- faces ---

    @Override
    public void found(Detection detection) {
        boolean current = photograph == null
                ? feed != null && detection.frame.feed() == feed
                : detection.frame == photograph;
        if (faces != null && current) {
            overlay.show(detection, settings.landmarks, times);
            controls.report(detection, times, frames.dropped());
        }
    }

    @Override
    public void networkFailed(String model, String why) {
        controls.say(getString(R.string.model_failed, model, why));
    }

    @Override
    public void pictureFailed(String why) {
        controls.say(getString(R.string.picture_failed, why));
    }

    private void searchEvery(int frameCount) {
        if (faces != null) { // a call may be on its way when the activity stops
            faces.searchEvery(frameCount);
            controls.hot(frameCount);
        }
    }

    // --- controls ---

    @Override
    public void changed(Settings value) {
        settings = value;
        if (faces != null) {
            faces.use(value);
            if (photograph != null) {
                frames.put(photograph);
            }
        }
    }

    @Override
    public void nextCamera() {
        if (photograph != null) { // back to the camera
            photograph = null;
            showNothing();
            controls.live(true);
        } else {
            boolean back = settings.camera == Settings.Camera.BACK;
            controls.change(settings.withCamera(back ? Settings.Camera.FRONT : Settings.Camera.BACK));
            closeCamera();
        }
        feedFaces();
    }

    @Override
    public void pickPicture() {
        Intent intent = new Intent(Intent.ACTION_GET_CONTENT).addCategory(Intent.CATEGORY_OPENABLE).setType("image/*");
        try {
            startActivityForResult(intent, PICK_PICTURE);
        } catch (ActivityNotFoundException e) {
            controls.say(getString(R.string.picture_failed, e.getMessage()));
        }
    }

    @Override
    protected void onActivityResult(int request, int result, Intent data) {
        super.onActivityResult(request, result, data);
        if (request == PICK_PICTURE && result == RESULT_OK && data != null && data.getData() != null) {
            photograph = new Photograph(getContentResolver(), data.getData()); // onResume comes next
            controls.live(false);
        }
    }

    @Override
    public void allowCamera() {
        asked = true;
        requestPermissions(new String[] {Manifest.permission.CAMERA}, ASK_CAMERA); // onResume comes after the answer
    }

    @Override
    public void openSystemSettings() {
        Uri uri = Uri.fromParts("package", getPackageName(), null);
        startActivity(new Intent(android.provider.Settings.ACTION_APPLICATION_DETAILS_SETTINGS, uri));
    }
}
