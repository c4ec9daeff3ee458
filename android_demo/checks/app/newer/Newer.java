package newer;

import android.os.Build;
import android.os.PowerManager;

/** Calls that a check for API 24 must find, and some that it must let pass. */
final class Newer {
    private Newer() {}

    static int unchecked(PowerManager power) {
        return power.getCurrentThermalStatus(); // API 29
    }

    static int checkedForTooLittle(PowerManager power) {
        if (Build.VERSION.SDK_INT >= 28) {
            return power.getCurrentThermalStatus();
        }
        return 0;
    }

    static int afterTheCheck(PowerManager power) {
        if (Build.VERSION.SDK_INT >= 29) {
            power.isPowerSaveMode();
        }
        return power.getCurrentThermalStatus();
    }

    static java.util.List<String> ofTheLanguage() {
        return java.util.List.of("a"); // API 30
    }

    static int checked(PowerManager power) {
        if (Build.VERSION.SDK_INT >= 29) {
            return power.getCurrentThermalStatus();
        }
        return power.isPowerSaveMode() ? 1 : 0;
    }
}
