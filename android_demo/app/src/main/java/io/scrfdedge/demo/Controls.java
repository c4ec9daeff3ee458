package io.scrfdedge.demo;

import android.app.Activity;
import android.content.res.Resources;
import android.view.View;
import android.widget.AdapterView;
import android.widget.ArrayAdapter;
import android.widget.Button;
import android.widget.CheckBox;
import android.widget.SeekBar;
import android.widget.Spinner;
import android.widget.Switch;
import android.widget.TextView;
import io.scrfdedge.facecore.Settings;
import io.scrfdedge.facecore.Settings.Processor;
import io.scrfdedge.facecore.StageTimes;
import io.scrfdedge.facecore.StageTimes.Stage;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;

/** What the user touches and reads: buttons, sliders, the list of networks, the lines of status. */
final class Controls {
    interface Listener {
        void changed(Settings settings);

        /** The other camera, or back from a picture to the camera. */
        void nextCamera();

        void pickPicture();

        void allowCamera();

        void openSystemSettings();
    }

    private final Activity activity;
    private final Resources resources;
    private final Listener listener;
    private final TextView status;
    private final View permission;
    private final Button camera;
    private Settings settings;
    private int searchedEvery = 1;

    Controls(Activity activity, Listener listener) {
        this.activity = activity;
        this.listener = listener;
        resources = activity.getResources();
        status = activity.findViewById(R.id.status);
        permission = activity.findViewById(R.id.permission);
        camera = activity.findViewById(R.id.camera);
    }

    /** Shows the settings and listens to what changes them. models: the score at which each is to run. */
    void show(SortedMap<String, Float> models, Settings initial) {
        settings = initial;
        camera.setOnClickListener(view -> listener.nextCamera());
        activity.findViewById(R.id.picture).setOnClickListener(view -> listener.pickPicture());
        activity.findViewById(R.id.allow).setOnClickListener(view -> listener.allowCamera());
        activity.findViewById(R.id.system_settings).setOnClickListener(view -> listener.openSystemSettings());
        SeekBar score = activity.findViewById(R.id.score);
        Spinner spinner = activity.findViewById(R.id.models);
        List<String> names = new ArrayList<>(models.keySet());
        ArrayAdapter<String> lines = new ArrayAdapter<>(activity, android.R.layout.simple_spinner_item, names);
        lines.setDropDownViewResource(android.R.layout.simple_spinner_dropdown_item);
        spinner.setAdapter(lines);
        spinner.setOnItemSelectedListener(new AdapterView.OnItemSelectedListener() {
            @Override
            public void onItemSelected(AdapterView<?> parent, View view, int position, long id) {
                String model = names.get(position);
                if (!model.equals(settings.model)) { // also called as the list appears
                    float point = models.get(model);
                    score.setProgress(hundredths(point)); // its listener hears a rounded score, so before the exact one
                    change(settings.withModel(model, point));
                }
            }

            @Override
            public void onNothingSelected(AdapterView<?> parent) {}
        });
        CheckBox landmarks = activity.findViewById(R.id.landmarks);
        landmarks.setChecked(initial.landmarks);
        landmarks.setOnCheckedChangeListener((button, checked) -> change(settings.withLandmarks(checked)));
        Switch gpu = activity.findViewById(R.id.gpu);
        gpu.setChecked(initial.processor == Processor.GPU);
        gpu.setOnCheckedChangeListener(
                (button, checked) -> change(settings.withProcessor(checked ? Processor.GPU : Processor.CPU)));
        slide(score, R.id.score_text, R.string.score, initial.score, share -> settings.withScore(share));
        slide(activity.findViewById(R.id.iou), R.id.iou_text, R.string.iou, initial.iou,
                share -> settings.withIou(share));
    }

    private interface Setter {
        Settings with(float share);
    }

    private void slide(SeekBar seekBar, int label, int text, float initial, Setter setter) {
        TextView labelled = activity.findViewById(label);
        seekBar.setProgress(hundredths(initial));
        labelled.setText(resources.getString(text, initial));
        seekBar.setOnSeekBarChangeListener(new SeekBar.OnSeekBarChangeListener() {
            @Override
            public void onProgressChanged(SeekBar changed, int progress, boolean byUser) {
                labelled.setText(resources.getString(text, progress / 100F));
                change(setter.with(progress / 100F));
            }

            @Override
            public void onStartTrackingTouch(SeekBar touched) {}

            @Override
            public void onStopTrackingTouch(SeekBar touched) {}
        });
    }

    private static int hundredths(float share) {
        return Math.round(100 * share);
    }

    /** What the next change starts from, and the listener hears of. */
    void change(Settings value) {
        settings = value;
        listener.changed(value);
    }

    /** One message instead of figures. */
    void say(String message) {
        status.setText(message);
    }

    void askPermission(boolean visible) {
        permission.setVisibility(visible ? View.VISIBLE : View.GONE);
    }

    /** Whether the camera is shown, or a picture. */
    void live(boolean camerasTurn) {
        camera.setText(camerasTurn ? R.string.switch_camera : R.string.live);
    }

    /** One frame of so many is searched. */
    void hot(int frameCount) {
        searchedEvery = frameCount;
    }

    /** Figures of the last frame. */
    void report(Detection detection, StageTimes times, long dropped) {
        int count = detection.faces.size();
        StringBuilder text = new StringBuilder(resources.getQuantityString(
                R.plurals.summary, count, count, detection.settings.model, detection.processor));
        text.append('\n').append(resources.getString(
                R.string.times, figure(times.milliseconds(Stage.PRE)), figure(times.milliseconds(Stage.NETWORK)),
                figure(times.milliseconds(Stage.POST)), figure(times.milliseconds(Stage.DRAW))));
        if (detection.frame.backdrop() == null) {
            text.append('\n').append(resources.getString(
                    R.string.rate, figure(times.framesPerSecond()), dropped,
                    figure(times.milliseconds(Stage.CAMERA))));
        }
        if (detection.refusal != null) {
            text.append('\n').append(resources.getString(R.string.gpu_refused, detection.refusal));
        }
        double gpu = detection.gpuMilliseconds;
        double cpu = detection.cpuMilliseconds;
        if (gpu > 0 && cpu > 0) {
            text.append('\n').append(
                    resources.getString(gpu > cpu ? R.string.gpu_slower : R.string.gpu_faster, gpu, cpu));
        }
        if (searchedEvery > 1) {
            text.append('\n').append(resources.getString(R.string.hot, searchedEvery));
        }
        status.setText(text);
    }

    /** NaN is what was not measured yet. */
    private static String figure(double value) {
        return Double.isNaN(value) ? "-" : String.format("%.1f", value);
    }
}
