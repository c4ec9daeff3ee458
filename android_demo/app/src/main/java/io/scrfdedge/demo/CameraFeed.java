package io.scrfdedge.demo;

import android.annotation.SuppressLint;
import android.graphics.ImageFormat;
import android.graphics.SurfaceTexture;
import android.hardware.camera2.CameraAccessException;
import android.hardware.camera2.CameraCaptureSession;
import android.hardware.camera2.CameraCharacteristics;
import android.hardware.camera2.CameraDevice;
import android.hardware.camera2.CameraManager;
import android.hardware.camera2.CameraMetadata;
import android.hardware.camera2.CaptureRequest;
import android.hardware.camera2.params.StreamConfigurationMap;
import android.media.Image;
import android.media.ImageReader;
import android.os.Handler;
import android.os.HandlerThread;
import android.os.Looper;
import android.util.Size;
import android.view.Display;
import android.view.Surface;
import io.scrfdedge.facecore.LatestFrame;
import io.scrfdedge.facecore.SensorFrame;
import io.scrfdedge.facecore.Settings;
import io.scrfdedge.facecore.StreamSizes;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * One camera from opening to closing: its preview goes to a SurfaceTexture, its pictures to a queue of one. Everything
 * of Camera2 happens on a thread of its own, which ends when the camera has really closed.
 */
final class CameraFeed implements AutoCloseable {
    /** Called on the main thread, never after close. */
    interface Listener {
        void cameraStarted(SensorFrame frame);

        void cameraLost(String why);
    }

    private static final int IMAGES = 3; // one that is read, one that waits, one that is being filled
    private static final long CLOSE_MILLISECONDS = 2000;

    /** Held while an image's memory is read, and to free it. */
    final Object imagesLock = new Object();

    /** Once set, no image may be read. */
    volatile boolean closed;

    /** Whether images are stamped in elapsedRealtimeNanos instead of nanoTime. */
    volatile boolean realtimeStamps;

    private final CameraManager manager;
    private final String id;
    private final SurfaceTexture texture;
    private final Display display;
    private final LatestFrame<Frame> frames;
    private final Listener listener;
    private final Handler main = new Handler(Looper.getMainLooper());
    private final HandlerThread thread = new HandlerThread("camera");
    private final Handler handler;

    // Of the camera's thread.
    private boolean opening;
    private CameraDevice device;
    private ImageReader reader;
    private Surface preview;
    private StreamSizes sizes;
    private SensorFrame sensor;

    /** Opens the camera; needs the permission CAMERA. The listener hears how it went. */
    CameraFeed(
            CameraManager manager, String id, SurfaceTexture texture, Display display, LatestFrame<Frame> frames,
            Listener listener) {
        this.manager = manager;
        this.id = id;
        this.texture = texture;
        this.display = display;
        this.frames = frames;
        this.listener = listener;
        thread.start();
        handler = new Handler(thread.getLooper());
        handler.post(this::open);
    }

    /**
     * A camera that faces the wanted way, else any camera, else null.
     *
     * @throws CameraAccessException where the camera service is down
     * @throws IllegalArgumentException where a camera was unplugged meanwhile
     */
    static String find(CameraManager manager, Settings.Camera wanted) throws CameraAccessException {
        int facing = wanted == Settings.Camera.FRONT
                ? CameraMetadata.LENS_FACING_FRONT
                : CameraMetadata.LENS_FACING_BACK;
        String[] ids = manager.getCameraIdList();
        for (String id : ids) {
            Integer found = manager.getCameraCharacteristics(id).get(CameraCharacteristics.LENS_FACING);
            if (found != null && found == facing) {
                return id;
            }
        }
        return ids.length == 0 ? null : ids[0];
    }

    @SuppressLint("MissingPermission") // the activity asked; a permission taken back since is a SecurityException
    private void open() {
        if (closed) {
            return;
        }
        try {
            CameraCharacteristics camera = manager.getCameraCharacteristics(id);
            StreamConfigurationMap map = camera.get(CameraCharacteristics.SCALER_STREAM_CONFIGURATION_MAP);
            Integer degrees = camera.get(CameraCharacteristics.SENSOR_ORIENTATION);
            Integer facing = camera.get(CameraCharacteristics.LENS_FACING);
            Integer stamps = camera.get(CameraCharacteristics.SENSOR_INFO_TIMESTAMP_SOURCE);
            if (map == null || !map.isOutputSupportedFor(ImageFormat.YUV_420_888)) {
                lose("it delivers no YUV_420_888");
                return;
            }
            Display.Mode screen = display.getMode();
            sizes = StreamSizes.choose(
                    sizesOf(map.getOutputSizes(ImageFormat.YUV_420_888)),
                    sizesOf(map.getOutputSizes(SurfaceTexture.class)),
                    Math.min(screen.getPhysicalWidth(), screen.getPhysicalHeight()));
            realtimeStamps = stamps != null && stamps == CameraMetadata.SENSOR_INFO_TIMESTAMP_SOURCE_REALTIME;
            sensor = new SensorFrame(
                    sizes.analysed.width, sizes.analysed.height, degrees == null ? 0 : degrees,
                    facing != null && facing == CameraMetadata.LENS_FACING_FRONT);
            reader = ImageReader.newInstance(sensor.width, sensor.height, ImageFormat.YUV_420_888, IMAGES);
            reader.setOnImageAvailableListener(this::deliver, handler);
            preview = new Surface(texture);
            opening = true;
            manager.openCamera(id, state, handler);
        } catch (CameraAccessException | SecurityException | IllegalArgumentException e) {
            opening = false;
            lose(e.getMessage());
        }
    }

    private static List<StreamSizes.Size> sizesOf(Size[] sizes) {
        List<StreamSizes.Size> converted = new ArrayList<>();
        for (Size size : sizes) {
            converted.add(new StreamSizes.Size(size.getWidth(), size.getHeight()));
        }
        return converted;
    }

    private final CameraDevice.StateCallback state = new CameraDevice.StateCallback() {
        @Override
        public void onOpened(CameraDevice camera) {
            opening = false;
            if (closed) { // closed while it opened
                camera.close();
                return;
            }
            device = camera;
            try {
                // Only now: a TextureView sets its own size whenever it is laid out, such as when the phone is turned.
                texture.setDefaultBufferSize(sizes.preview.width, sizes.preview.height);
                // Deprecated since API 30; its successor came with API 28.
                camera.createCaptureSession(Arrays.asList(preview, reader.getSurface()), session, handler);
            } catch (CameraAccessException | IllegalStateException | IllegalArgumentException e) {
                lose(e.getMessage());
            }
        }

        @Override
        public void onDisconnected(CameraDevice camera) {
            opening = false;
            camera.close();
            lose("disconnected");
        }

        @Override
        public void onError(CameraDevice camera, int error) {
            opening = false;
            camera.close();
            lose("error " + error);
        }

        @Override
        public void onClosed(CameraDevice camera) {
            device = null;
            if (closed) {
                thread.quitSafely();
            }
        }
    };

    private final CameraCaptureSession.StateCallback session = new CameraCaptureSession.StateCallback() {
        @Override
        public void onConfigured(CameraCaptureSession configured) {
            if (closed || device == null) {
                return;
            }
            try {
                CaptureRequest.Builder request = device.createCaptureRequest(CameraDevice.TEMPLATE_PREVIEW);
                request.addTarget(preview);
                request.addTarget(reader.getSurface());
                configured.setRepeatingRequest(request.build(), null, handler);
                main.post(() -> {
                    if (!closed) {
                        listener.cameraStarted(sensor);
                    }
                });
            } catch (CameraAccessException | IllegalStateException | IllegalArgumentException e) {
                lose(e.getMessage());
            }
        }

        @Override
        public void onConfigureFailed(CameraCaptureSession failed) {
            lose("its streams were refused");
        }
    };

    private void deliver(ImageReader source) {
        Image image = source.acquireNextImage();
        if (image != null) {
            frames.put(new CameraFrame(image, this, sensor, 90 * display.getRotation()));
        }
    }

    private void lose(String why) {
        main.post(() -> {
            if (!closed) {
                listener.cameraLost(why);
            }
        });
    }

    /** Waits until the camera is free for others, or for the next one of this app. May be called again. */
    @Override
    public void close() {
        synchronized (imagesLock) {
            if (closed) {
                return;
            }
            closed = true;
        }
        handler.post(this::release);
        try {
            thread.join(CLOSE_MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void release() {
        if (device != null) {
            device.close(); // the thread ends in onClosed
        } else if (!opening) {
            thread.quitSafely();
        }
        if (reader != null) {
            synchronized (imagesLock) {
                reader.close();
            }
        }
        if (preview != null) {
            preview.release();
        }
    }
}
