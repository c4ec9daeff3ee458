/**
 * Face detection on a phone over the C++ core of scrfd-edge, without any android.* import: camera planes to pixels
 * ({@link io.scrfdedge.facecore.YuvFrame}), pixels to a tensor and the network's outputs to faces
 * ({@link io.scrfdedge.facecore.FaceCore}), faces to the screen ({@link io.scrfdedge.facecore.FrameTransform}).
 */
package io.scrfdedge.facecore;
