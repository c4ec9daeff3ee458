package io.scrfdedge.demo;

import android.annotation.TargetApi;
import android.os.PowerManager;
import java.util.function.IntConsumer;

/** Says how many frames to leave out as the phone gets hot. For API 29 and later: earlier phones do not tell. */
@TargetApi(29)
final class Thermal implements PowerManager.OnThermalStatusChangedListener, AutoCloseable {
    private final PowerManager power;
    private final IntConsumer searchEvery;

    /** searchEvery: called now and at each change, on the main thread, with n where one frame of n may be searched. */
    Thermal(PowerManager power, IntConsumer searchEvery) {
        this.power = power;
        this.searchEvery = searchEvery;
        power.addThermalStatusListener(this);
    }

    @Override
    public void onThermalStatusChanged(int status) {
        if (status >= PowerManager.THERMAL_STATUS_CRITICAL) {
            searchEvery.accept(8);
        } else if (status >= PowerManager.THERMAL_STATUS_SEVERE) {
            searchEvery.accept(4);
        } else if (status >= PowerManager.THERMAL_STATUS_MODERATE) {
            searchEvery.accept(2);
        } else {
            searchEvery.accept(1);
        }
    }

    @Override
    public void close() {
        power.removeThermalStatusListener(this);
    }
}
