// Java's buffers and arrays as C++ sees them, checked.
#pragma once

#include <jni.h>

#include <array>
#include <cstdint>
#include <vector>

namespace facecore {

// The memory of a direct ByteBuffer from index 0, and its capacity. Throws std::invalid_argument that names it, where
// it is null, on the heap, shorter than `least`, or not aligned to `alignment` bytes.
struct Bytes {
    std::uint8_t* data;
    std::int64_t count;
};
Bytes direct_bytes(JNIEnv* env, jobject buffer, const char* name, std::int64_t least, std::size_t alignment = 1);

// Copies of Java arrays. Throw std::invalid_argument that names it, for null.
std::vector<std::int32_t> ints(JNIEnv* env, jintArray array, const char* name);
std::vector<float> floats(JNIEnv* env, jfloatArray array, const char* name);

}  // namespace facecore
