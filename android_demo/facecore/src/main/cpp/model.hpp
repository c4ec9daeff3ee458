// What the handle of FaceCore holds: how one model's tensors are laid out, as its file says.
#pragma once

#include <jni.h>

#include <cstdint>
#include <vector>

#include "scrfd/letterbox.hpp"

namespace facecore {

// In the order of TensorType.java.
enum class Type { float32, uint8, int8 };

constexpr std::int64_t size_of(Type type) { return type == Type::float32 ? 4 : 1; }

// One output tensor: 1 (scores), 4 (boxes) or 10 (landmarks) columns of one stride; integers are
// (stored - zero_point) * scale.
struct Output {
    std::int64_t columns;
    std::size_t level;
    Type type;
    float scale;
    int zero_point;
};

// It never changes after it was made, so any number of threads may use it.
struct Model {
    std::vector<std::int64_t> strides;
    std::int64_t anchors;
    scrfd::Layout layout;
    Type type;
    scrfd::Normalization normalization;
    std::vector<Output> outputs;
    bool landmarks;
};

inline const Model& model_of(jlong handle) { return *reinterpret_cast<const Model*>(handle); }

}  // namespace facecore
