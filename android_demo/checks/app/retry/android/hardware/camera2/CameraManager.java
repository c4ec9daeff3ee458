package android.hardware.camera2;

import android.os.Handler;
import java.util.HashMap;
import java.util.Map;

/** Says of cameras whether they are free, at once and at each change, by calls through the handler as Android's does. */
public final class CameraManager {
    public abstract static class AvailabilityCallback {
        public void onCameraAvailable(String id) {}
    }

    private final Map<String, Boolean> free = new HashMap<>();
    private final Map<AvailabilityCallback, Handler> heard = new HashMap<>();

    public void registerAvailabilityCallback(AvailabilityCallback callback, Handler handler) {
        heard.put(callback, handler);
        free.keySet().forEach(id -> say(callback, id));
    }

    public void unregisterAvailabilityCallback(AvailabilityCallback callback) {
        heard.remove(callback); // calls on their way still arrive
    }

    public boolean idle() {
        return heard.isEmpty();
    }

    public void set(String id, boolean isFree) {
        free.put(id, isFree);
        heard.keySet().forEach(callback -> say(callback, id));
    }

    private void say(AvailabilityCallback callback, String id) {
        if (free.get(id)) {
            heard.get(callback).postDelayed(() -> callback.onCameraAvailable(id), 0);
        }
    }
}
