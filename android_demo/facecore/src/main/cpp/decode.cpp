// Tensor to face: FaceCore.decode.
#include <cstring>
#include <limits>
#include <stdexcept>
#include <string>

#include "buffers.hpp"
#include "exceptions.hpp"
#include "model.hpp"
#include "placement.hpp"
#include "scrfd/faces.hpp"
#include "scrfd/quantize.hpp"

namespace facecore {
namespace {

// An output as floats: its own memory, or `converted` filled from its integers.
const float* floats_of(JNIEnv* env, jobjectArray outputs, std::size_t index, const Output& output, std::int64_t count,
                       std::vector<float>& converted) {
    const std::int64_t size = size_of(output.type);
    const jobject buffer = env->GetObjectArrayElement(outputs, static_cast<jsize>(index));
    const std::string name = "output " + std::to_string(index);
    const Bytes bytes = direct_bytes(env, buffer, name.c_str(), count * size, static_cast<std::size_t>(size));
    env->DeleteLocalRef(buffer);  // the caller's array keeps it alive
    if (output.type == Type::float32) {
        return reinterpret_cast<const float*>(bytes.data);
    }
    converted.resize(static_cast<std::size_t>(count));
    if (output.type == Type::uint8) {
        scrfd::dequantize(bytes.data, count, output.scale, output.zero_point, converted.data());
    } else {
        scrfd::dequantize(reinterpret_cast<const std::int8_t*>(bytes.data), count, output.scale, output.zero_point,
                          converted.data());
    }
    return converted.data();
}

std::vector<scrfd::Level> levels_of(JNIEnv* env, const Model& model, jobjectArray outputs, scrfd::Size tensor) {
    if (outputs == nullptr || static_cast<std::size_t>(env->GetArrayLength(outputs)) != model.outputs.size()) {
        throw std::invalid_argument("expected the model's " + std::to_string(model.outputs.size()) + " outputs");
    }
    // Kept between calls, one set per thread, so that a warm frame allocates only its result.
    thread_local std::vector<std::vector<float>> converted;
    if (converted.size() < model.outputs.size()) {
        converted.resize(model.outputs.size());
    }
    std::vector<scrfd::Level> levels(model.strides.size());
    for (std::size_t i = 0; i < model.outputs.size(); ++i) {
        const Output& output = model.outputs[i];
        scrfd::Level& level = levels[output.level];
        level.stride = model.strides[output.level];
        const std::int64_t count = scrfd::level_rows(tensor, level.stride, model.anchors) * output.columns;
        const float* values = floats_of(env, outputs, i, output, count, converted[i]);
        (output.columns == 1 ? level.scores : output.columns == 4 ? level.boxes : level.landmarks) = values;
    }
    return levels;
}

jfloatArray rows_of(JNIEnv* env, const scrfd::Faces& faces) {
    const std::size_t columns = faces.has_landmarks ? 15 : 5;
    if (faces.size() > static_cast<std::size_t>(std::numeric_limits<jsize>::max()) / columns) {
        throw std::invalid_argument("too many faces for a Java array: raise the score threshold");
    }
    std::vector<float> rows(faces.size() * columns);
    for (std::size_t i = 0; i < faces.size(); ++i) {
        float* const row = rows.data() + i * columns;
        std::memcpy(row, &faces.boxes[i], sizeof(scrfd::Box));
        row[4] = faces.scores[i];
        if (faces.has_landmarks) {
            std::memcpy(row + 5, faces.landmarks[i].data(), sizeof(scrfd::Landmarks));
        }
    }
    const jfloatArray array = env->NewFloatArray(static_cast<jsize>(rows.size()));
    if (array == nullptr) {
        throw JavaException();
    }
    env->SetFloatArrayRegion(array, 0, static_cast<jsize>(rows.size()), rows.data());
    return array;
}

}  // namespace
}  // namespace facecore

extern "C" JNIEXPORT jfloatArray JNICALL
Java_io_scrfdedge_facecore_CoreLibrary_decode(JNIEnv* env, jclass, jlong handle, jobjectArray outputs, jintArray sides,
                                              jfloat score_threshold, jfloat iou_threshold) {
    using namespace facecore;
    return guarded(env, [&] {
        const Model& model = model_of(handle);
        const scrfd::Placement placement = placement_of(env, sides);
        scrfd::Faces candidates;
        scrfd::decode(levels_of(env, model, outputs, placement.tensor), model.anchors, score_threshold, placement,
                      candidates);
        return rows_of(env, scrfd::nms({&candidates}, iou_threshold));
    });
}
