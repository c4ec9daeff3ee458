#include "placement.hpp"

#include <stdexcept>
#include <string>

#include "buffers.hpp"
#include "exceptions.hpp"

namespace facecore {
namespace {

void require_side(std::int64_t side, const char* name) {
    if (side < 1 || side > max_side) {
        throw std::invalid_argument(std::string(name) + " must be 1 to " + std::to_string(max_side) + " pixels, got " +
                                    std::to_string(side));
    }
}

void require_size(scrfd::Size size, const char* name) {
    require_side(size.width, name);
    require_side(size.height, name);
}

jintArray sides_of(JNIEnv* env, const scrfd::Placement& p) {
    const jint sides[6] = {static_cast<jint>(p.image.width),   static_cast<jint>(p.image.height),
                           static_cast<jint>(p.content.width), static_cast<jint>(p.content.height),
                           static_cast<jint>(p.tensor.width),  static_cast<jint>(p.tensor.height)};
    const jintArray array = env->NewIntArray(6);
    if (array == nullptr) {
        throw JavaException();
    }
    env->SetIntArrayRegion(array, 0, 6, sides);
    return array;
}

}  // namespace

scrfd::Placement placement_of(JNIEnv* env, jintArray array) {
    const std::vector<std::int32_t> sides = ints(env, array, "placement");
    if (sides.size() != 6) {
        throw std::invalid_argument("a placement has six sides, got " + std::to_string(sides.size()));
    }
    const scrfd::Placement placement({sides[1], sides[0]}, {sides[3], sides[2]}, {sides[5], sides[4]});
    require_size(placement.image, "a picture's side");
    require_size(placement.tensor, "a tensor's side");
    return placement;
}

}  // namespace facecore

using namespace facecore;

extern "C" JNIEXPORT jintArray JNICALL Java_io_scrfdedge_facecore_CoreLibrary_fit(JNIEnv* env, jclass, jint width,
                                                                                  jint height, jint long_side) {
    return guarded(env, [&] {
        require_size({height, width}, "a picture's side");
        require_side(long_side, "the long side");
        return sides_of(env, scrfd::Placement::fit({height, width}, long_side));
    });
}

extern "C" JNIEXPORT jintArray JNICALL Java_io_scrfdedge_facecore_CoreLibrary_fitShape(JNIEnv* env, jclass, jint width,
                                                                                       jint height, jint tensor_width,
                                                                                       jint tensor_height) {
    return guarded(env, [&] {
        require_size({height, width}, "a picture's side");
        require_size({tensor_height, tensor_width}, "a tensor's side");
        return sides_of(env, scrfd::Placement::fit_shape({height, width}, {tensor_height, tensor_width}));
    });
}
