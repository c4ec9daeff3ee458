// Pixel to tensor: FaceCore.letterbox.
#include "scrfd/letterbox.hpp"

#include <stdexcept>
#include <string>

#include "buffers.hpp"
#include "exceptions.hpp"
#include "model.hpp"
#include "placement.hpp"

extern "C" JNIEXPORT void JNICALL Java_io_scrfdedge_facecore_CoreLibrary_letterbox(JNIEnv* env, jclass, jlong handle,
                                                                                   jobject pixels, jint channels,
                                                                                   jintArray sides, jobject tensor) {
    using namespace facecore;
    guarded(env, [&] {
        const Model& model = model_of(handle);
        const scrfd::Placement placement = placement_of(env, sides);
        if (channels != 3 && channels != 4) {
            throw std::invalid_argument("a frame has 3 or 4 channels, got " + std::to_string(channels));
        }
        const auto [height, width] = placement.image;
        const Bytes frame = direct_bytes(env, pixels, "the frame", height * width * channels);
        const scrfd::Image image{frame.data, placement.image, channels, static_cast<std::ptrdiff_t>(width * channels)};
        const std::int64_t size = size_of(model.type);
        std::uint8_t* const out =
            direct_bytes(env, tensor, "the input tensor", 3 * placement.tensor.height * placement.tensor.width * size,
                         static_cast<std::size_t>(size))
                .data;
        const auto fill = [&](auto* elements) {
            scrfd::letterbox(image, placement, model.layout, model.normalization, elements);
        };
        switch (model.type) {
            case Type::float32:
                return fill(reinterpret_cast<float*>(out));
            case Type::uint8:
                return fill(out);
            case Type::int8:
                return fill(reinterpret_cast<std::int8_t*>(out));
        }
    });
}
