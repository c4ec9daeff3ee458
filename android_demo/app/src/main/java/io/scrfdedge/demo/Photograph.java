package io.scrfdedge.demo;

import android.content.ContentResolver;
import android.graphics.Bitmap;
import android.graphics.BitmapFactory;
import android.graphics.Matrix;
import android.media.ExifInterface;
import android.net.Uri;
import io.scrfdedge.facecore.FrameTransform;
import io.scrfdedge.facecore.RgbFrame;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;

/** A still picture of the gallery, upright, its long side brought under twice {@link #LONG_SIDE} pixels. */
final class Photograph implements Frame {
    private static final int LONG_SIDE = 1280; // three copies of it are in memory at a time

    private final ContentResolver resolver;
    private final Uri uri;
    private volatile Bitmap bitmap;
    private RgbFrame pixels;

    /** Reads nothing yet: that is for the network's thread. */
    Photograph(ContentResolver resolver, Uri uri) {
        this.resolver = resolver;
        this.uri = uri;
    }

    @Override
    public RgbFrame pixels(RgbFrame reused) throws IOException {
        if (pixels == null) {
            Bitmap upright = decode();
            pixels = new RgbFrame(upright.getWidth(), upright.getHeight(), 4);
            upright.copyPixelsToBuffer(pixels.pixels);
            bitmap = upright;
        }
        return pixels;
    }

    private Bitmap decode() throws IOException {
        BitmapFactory.Options options = new BitmapFactory.Options();
        options.inJustDecodeBounds = true;
        try (InputStream stream = open()) {
            BitmapFactory.decodeStream(stream, null, options);
        }
        options.inJustDecodeBounds = false;
        options.inSampleSize = Math.max(1, Math.max(options.outWidth, options.outHeight) / LONG_SIDE);
        Bitmap stored;
        try (InputStream stream = open()) {
            stored = BitmapFactory.decodeStream(stream, null, options);
        }
        if (stored == null) {
            throw new IOException("no picture, or of an unknown kind");
        }
        Matrix turn = exifTurn();
        Bitmap upright = Bitmap.createBitmap(stored, 0, 0, stored.getWidth(), stored.getHeight(), turn, true);
        // RgbFrame takes bytes R, G, B, A: pictures of 16 bits per channel are brought to 8.
        return upright.getConfig() == Bitmap.Config.ARGB_8888 ? upright : upright.copy(Bitmap.Config.ARGB_8888, false);
    }

    private Matrix exifTurn() throws IOException {
        int orientation;
        try (InputStream stream = open()) {
            orientation = new ExifInterface(stream)
                    .getAttributeInt(ExifInterface.TAG_ORIENTATION, ExifInterface.ORIENTATION_NORMAL);
        }
        Matrix turn = new Matrix();
        if (orientation == ExifInterface.ORIENTATION_FLIP_HORIZONTAL
                || orientation == ExifInterface.ORIENTATION_TRANSPOSE
                || orientation == ExifInterface.ORIENTATION_FLIP_VERTICAL
                || orientation == ExifInterface.ORIENTATION_TRANSVERSE) {
            turn.postScale(-1, 1);
        }
        turn.postRotate(exifDegrees(orientation));
        return turn;
    }

    /** Clockwise, after the mirror. */
    private static int exifDegrees(int orientation) {
        switch (orientation) {
            case ExifInterface.ORIENTATION_ROTATE_90:
            case ExifInterface.ORIENTATION_TRANSVERSE:
                return 90;
            case ExifInterface.ORIENTATION_ROTATE_180:
            case ExifInterface.ORIENTATION_FLIP_VERTICAL:
                return 180;
            case ExifInterface.ORIENTATION_ROTATE_270:
            case ExifInterface.ORIENTATION_TRANSPOSE:
                return 270;
            default:
                return 0;
        }
    }

    private InputStream open() throws IOException {
        InputStream stream = resolver.openInputStream(uri);
        if (stream == null) {
            throw new FileNotFoundException(uri.toString());
        }
        return stream;
    }

    @Override
    public CameraFeed feed() {
        return null;
    }

    @Override
    public long age() {
        return 0;
    }

    @Override
    public FrameTransform toView(int viewWidth, int viewHeight) {
        Bitmap shown = bitmap;
        return FrameTransform.photographToView(
                shown.getWidth(), shown.getHeight(), viewWidth, viewHeight, FrameTransform.Scale.FIT);
    }

    @Override
    public Bitmap backdrop() {
        return bitmap;
    }

    /** Keeps the pixels: the same picture is searched again with other settings. */
    @Override
    public void close() {}
}
