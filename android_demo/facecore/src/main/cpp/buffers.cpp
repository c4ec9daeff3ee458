#include "buffers.hpp"

#include <stdexcept>
#include <string>

namespace facecore {
namespace {

[[noreturn]] void fail(const std::string& message) { throw std::invalid_argument(message); }

}  // namespace

Bytes direct_bytes(JNIEnv* env, jobject buffer, const char* name, std::int64_t least, std::size_t alignment) {
    const std::string label(name);
    if (buffer == nullptr) {
        fail(label + " must be a direct ByteBuffer, got null");
    }
    void* const data = env->GetDirectBufferAddress(buffer);
    const std::int64_t count = env->GetDirectBufferCapacity(buffer);
    if (data == nullptr || count < 0) {
        fail(label + " must be a direct ByteBuffer: use ByteBuffer.allocateDirect");
    }
    if (count < least) {
        fail(label + " must hold " + std::to_string(least) + " bytes, got " + std::to_string(count));
    }
    if (reinterpret_cast<std::uintptr_t>(data) % alignment != 0) {
        fail(label + " must be aligned to " + std::to_string(alignment) + " bytes: give a whole buffer, not a slice");
    }
    return {static_cast<std::uint8_t*>(data), count};
}

std::vector<std::int32_t> ints(JNIEnv* env, jintArray array, const char* name) {
    if (array == nullptr) {
        fail(std::string(name) + " must be an int[], got null");
    }
    std::vector<std::int32_t> values(static_cast<std::size_t>(env->GetArrayLength(array)));
    env->GetIntArrayRegion(array, 0, static_cast<jsize>(values.size()), values.data());
    return values;
}

std::vector<float> floats(JNIEnv* env, jfloatArray array, const char* name) {
    if (array == nullptr) {
        fail(std::string(name) + " must be a float[], got null");
    }
    std::vector<float> values(static_cast<std::size_t>(env->GetArrayLength(array)));
    env->GetFloatArrayRegion(array, 0, static_cast<jsize>(values.size()), values.data());
    return values;
}

}  // namespace facecore
