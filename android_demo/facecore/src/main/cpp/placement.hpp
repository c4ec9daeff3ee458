// scrfd::Placement as the six ints of Placement.java.
#pragma once

#include <jni.h>

#include "scrfd/placement.hpp"

namespace facecore {

// Longest side of a picture or tensor, that of RgbFrame.java: products of two sides and 64 anchors stay far from 2^63.
constexpr std::int64_t max_side = 16384;

// Throws std::invalid_argument for what is no placement, or has a side over `max_side`.
scrfd::Placement placement_of(JNIEnv* env, jintArray sides);

}  // namespace facecore
