package io.scrfdedge.demo;

import android.Manifest;
import android.app.Activity;
import android.content.ActivityNotFoundException;
import android.content.Intent;
import android.content.pm.PackageManager;
import android.net.Uri;
import android.os.Build;
import android.os.Bundle;
import android.os.PowerManager;
import io.scrfdedge.facecore.LatestFrame;
import io.scrfdedge.facecore.Settings;
import io.scrfdedge.facecore.StageTimes;
import java.io.IOException;
import java.util.SortedMap;

/**
 * The screen and its life: from start to stop there is one thread for faces, and a camera or a picture that feeds it.
 * {@link Viewfinder} has the camera, {@link Controls} the buttons.
 */
public final class DemoActivity extends Activity
        implements Viewfinder.Listener, FaceThread.Listener, Controls.Listener {
    private static final int ASK_CAMERA = 1;
    private static final int PICK_PICTURE = 2;

    private final StageTimes times = new StageTimes();
    private Viewfinder viewfinder;
    private FaceOverlay overlay;
    private Controls controls;

    private Settings settings; // null where the package holds no network
    private boolean asked; // for the camera, once
    private Photograph photograph; // null while the camera is shown

    // From start to stop.
    private LatestFrame<Frame> frames;
    private FaceThread faces;
    private Thermal thermal;

    @Override
    protected void onCreate(Bundle state) {
        super.onCreate(state);
        setContentView(R.layout.demo);
        viewfinder = new Viewfinder(findViewById(R.id.preview), this);
        overlay = findViewById(R.id.overlay);
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
        viewfinder.close();
        if (faces != null) {
            if (Build.VERSION.SDK_INT >= 29) {
                thermal.close();
            }
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
            viewfinder.close();
            controls.askPermission(false);
            frames.put(photograph);
        } else if (checkSelfPermission(Manifest.permission.CAMERA) == PackageManager.PERMISSION_GRANTED) {
            controls.askPermission(false);
            viewfinder.open(settings.camera, frames);
        } else if (!asked) {
            allowCamera();
        } else {
            controls.askPermission(true);
        }
    }

    /** Of what was shown neither faces nor figures go over to what comes next. */
    private void showNothing() {
        overlay.show(null, false, times);
        times.reset();
    }

    // --- camera ---

    @Override
    public void cameraClosed() {
        showNothing();
    }

    @Override
    public void cameraFailed(String message) {
        controls.say(message);
    }

    // --- faces ---

    @Override
    public void found(Detection detection) {
        boolean current = photograph == null
                ? viewfinder.shows(detection.frame)
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
            viewfinder.close();
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
