// Sensor to pixel: YuvFrame.java.
#include "scrfd/yuv.hpp"

#include <stdexcept>
#include <string>

#include "buffers.hpp"
#include "exceptions.hpp"
#include "placement.hpp"

namespace {

scrfd::Plane plane_of(JNIEnv* env, jobject buffer, const char* name, jint row_stride, jint pixel_stride) {
    const facecore::Bytes bytes = facecore::direct_bytes(env, buffer, name, 1);
    return {bytes.data, bytes.count, row_stride, pixel_stride};
}

scrfd::Turn turn_of(jint degrees) {
    if (degrees < 0 || degrees > 270 || degrees % 90 != 0) {
        throw std::invalid_argument("a picture is turned by 0, 90, 180 or 270 degrees, got " + std::to_string(degrees));
    }
    return static_cast<scrfd::Turn>(degrees / 90);
}

}  // namespace

extern "C" JNIEXPORT void JNICALL Java_io_scrfdedge_facecore_CoreLibrary_yuvToRgb(
    JNIEnv* env, jclass, jobject y, jint y_row_stride, jint y_pixel_stride, jobject u, jint u_row_stride,
    jint u_pixel_stride, jobject v, jint v_row_stride, jint v_pixel_stride, jint width, jint height, jint turn,
    jobject rgb) {
    facecore::guarded(env, [&] {
        if (width < 1 || height < 1 || width > facecore::max_side || height > facecore::max_side) {
            throw std::invalid_argument("a frame's sides must be 1 to " + std::to_string(facecore::max_side) +
                                        " pixels, got " + std::to_string(width) + "x" + std::to_string(height));
        }
        scrfd::yuv420_to_rgb(plane_of(env, y, "the Y plane", y_row_stride, y_pixel_stride),
                             plane_of(env, u, "the U plane", u_row_stride, u_pixel_stride),
                             plane_of(env, v, "the V plane", v_row_stride, v_pixel_stride), {height, width},
                             facecore::direct_bytes(env, rgb, "the RGB frame", std::int64_t{3} * width * height).data,
                             turn_of(turn));
    });
}
