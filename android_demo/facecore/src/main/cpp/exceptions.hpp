// C++ exceptions become Java's: no exception passes a JNI function, and no bad argument is a crash.
#pragma once

#include <jni.h>

namespace facecore {

// Thrown where a JNI call has left a Java exception pending.
struct JavaException {};

// Inside a catch block: std::invalid_argument becomes IllegalArgumentException, std::bad_alloc OutOfMemoryError,
// anything else IllegalStateException; a pending Java exception stays.
void rethrow_in_java(JNIEnv* env);

// The result of `work`, or where it throws, a Java exception and `Result()`.
template <typename Work>
auto guarded(JNIEnv* env, const Work& work) -> decltype(work()) {
    try {
        return work();
    } catch (...) {
        rethrow_in_java(env);
        return decltype(work())();
    }
}

}  // namespace facecore
