package io.scrfdedge.demo;

import android.content.Context;
import android.graphics.Bitmap;
import android.graphics.Canvas;
import android.graphics.Color;
import android.graphics.Matrix;
import android.graphics.Paint;
import android.util.AttributeSet;
import android.view.View;
import io.scrfdedge.facecore.FrameTransform;
import io.scrfdedge.facecore.StageTimes;

/** Face to screen: draws the last detection over the preview, or over its own picture. */
public final class FaceOverlay extends View {
    private final Paint boxes = new Paint(Paint.ANTI_ALIAS_FLAG);
    private final Paint points = new Paint(Paint.ANTI_ALIAS_FLAG);
    private final Paint pictures = new Paint(Paint.FILTER_BITMAP_FLAG);
    private final Matrix matrix = new Matrix();
    private final float pointRadius;

    private Detection detection;
    private boolean landmarks;
    private StageTimes times;

    /** As layouts make it. */
    public FaceOverlay(Context context, AttributeSet attributes) {
        super(context, attributes);
        float dp = context.getResources().getDisplayMetrics().density;
        pointRadius = 2.5F * dp;
        boxes.setStyle(Paint.Style.STROKE);
        boxes.setStrokeWidth(2 * dp);
        boxes.setColor(Color.GREEN);
        points.setColor(Color.YELLOW);
    }

    /** times: hears how long drawing takes. detection: null to draw nothing. */
    void show(Detection shown, boolean withLandmarks, StageTimes timesOfDrawing) {
        detection = shown;
        landmarks = withLandmarks;
        times = timesOfDrawing;
        invalidate();
    }

    @Override
    protected void onDraw(Canvas canvas) {
        if (detection == null) {
            return;
        }
        long start = System.nanoTime();
        FrameTransform transform = detection.frame.toView(getWidth(), getHeight());
        Bitmap backdrop = detection.frame.backdrop();
        if (backdrop != null) {
            matrix.setValues(transform.values());
            canvas.drawColor(Color.BLACK);
            canvas.drawBitmap(backdrop, matrix, pictures);
        }
        float[] corners = transform.mapBoxes(detection.faces.boxes);
        for (int i = 0; i < corners.length; i += 4) {
            canvas.drawRect(corners[i], corners[i + 1], corners[i + 2], corners[i + 3], boxes);
        }
        if (landmarks) {
            float[] shown = transform.mapPoints(detection.faces.landmarks);
            for (int i = 0; i < shown.length; i += 2) {
                canvas.drawCircle(shown[i], shown[i + 1], pointRadius, points);
            }
        }
        times.add(StageTimes.Stage.DRAW, System.nanoTime() - start);
    }
}
