#include "exceptions.hpp"

#include <exception>
#include <new>
#include <stdexcept>

namespace facecore {
namespace {

void throw_new(JNIEnv* env, const char* name, const char* message) {
    if (const jclass type = env->FindClass(name); type != nullptr) {  // else NoClassDefFoundError is pending
        env->ThrowNew(type, message);
        env->DeleteLocalRef(type);
    }
}

}  // namespace

void rethrow_in_java(JNIEnv* env) {
    try {
        throw;
    } catch (const JavaException&) {
    } catch (const std::invalid_argument& error) {
        throw_new(env, "java/lang/IllegalArgumentException", error.what());
    } catch (const std::bad_alloc&) {
        throw_new(env, "java/lang/OutOfMemoryError", "no native memory for this picture");
    } catch (const std::exception& error) {
        throw_new(env, "java/lang/IllegalStateException", error.what());
    }
}

}  // namespace facecore
