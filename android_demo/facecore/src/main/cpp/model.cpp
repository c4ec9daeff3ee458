#include "model.hpp"

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>

#include "buffers.hpp"
#include "exceptions.hpp"

namespace facecore {
namespace {

[[noreturn]] void fail(const std::string& message) { throw std::invalid_argument(message); }

Type type_of(std::int32_t ordinal) {
    if (ordinal < 0 || ordinal > 2) {
        fail("a type must be 0, 1 or 2 (float32, uint8, int8), got " + std::to_string(ordinal));
    }
    return static_cast<Type>(ordinal);
}

// Every stride must have scores and boxes once, and all or none landmarks.
void require_complete(const Model& model) {
    const auto count = [&](std::size_t level, std::int64_t columns) {
        return std::count_if(model.outputs.begin(), model.outputs.end(),
                             [&](const Output& o) { return o.level == level && o.columns == columns; });
    };
    for (std::size_t level = 0; level < model.strides.size(); ++level) {
        if (count(level, 1) != 1 || count(level, 4) != 1 || count(level, 10) != (model.landmarks ? 1 : 0)) {
            fail("the outputs must be scores, boxes and for all strides or none landmarks, once each; stride " +
                 std::to_string(model.strides[level]) + " has others");
        }
    }
    if (model.strides.empty() || model.outputs.size() != model.strides.size() * (model.landmarks ? 3 : 2)) {
        fail("a model must have strides, and two or three outputs for each");
    }
}

}  // namespace
}  // namespace facecore

using namespace facecore;

extern "C" JNIEXPORT jlong JNICALL Java_io_scrfdedge_facecore_CoreLibrary_open(
    JNIEnv* env, jclass, jintArray strides, jint anchors, jboolean bgr, jboolean channels_first, jint type, jfloat mean,
    jfloat std, jintArray output_columns, jintArray output_strides, jintArray output_types, jfloatArray output_scales,
    jintArray output_zero_points) {
    return guarded(env, [&]() -> jlong {
        auto model = std::make_unique<Model>();
        for (const std::int32_t stride : ints(env, strides, "strides")) {
            model->strides.push_back(stride);
        }
        model->anchors = anchors;
        model->layout = channels_first != JNI_FALSE ? scrfd::Layout::chw : scrfd::Layout::hwc;
        model->type = type_of(type);
        model->normalization.swap = bgr != JNI_FALSE;  // frames are RGB
        model->normalization.mean = mean;
        model->normalization.std = std;
        const auto columns = ints(env, output_columns, "output columns");
        const auto of = ints(env, output_strides, "output strides"), types = ints(env, output_types, "output types");
        const auto scales = floats(env, output_scales, "output scales");
        const auto zero_points = ints(env, output_zero_points, "output zero points");
        const std::size_t count = columns.size();
        if (of.size() != count || types.size() != count || scales.size() != count || zero_points.size() != count) {
            fail("every output must have columns, a stride, a type, a scale and a zero point");
        }
        for (std::size_t i = 0; i < count; ++i) {
            const auto level = std::find(model->strides.begin(), model->strides.end(), of[i]);
            if (level == model->strides.end()) {
                fail("output " + std::to_string(i) + " is of stride " + std::to_string(of[i]) +
                     ", which the model has not");
            }
            model->outputs.push_back({columns[i], static_cast<std::size_t>(level - model->strides.begin()),
                                      type_of(types[i]), scales[i], zero_points[i]});
        }
        model->landmarks = std::find(columns.begin(), columns.end(), 10) != columns.end();
        require_complete(*model);
        return reinterpret_cast<jlong>(model.release());
    });
}

extern "C" JNIEXPORT void JNICALL Java_io_scrfdedge_facecore_CoreLibrary_close(JNIEnv*, jclass, jlong handle) {
    delete reinterpret_cast<Model*>(handle);
}
