// A picture becomes a tensor: resize, pad, reorder, normalise, in one pass over the rows.
#pragma once

#include <cstddef>
#include <cstdint>

#include "scrfd/placement.hpp"

namespace scrfd {

// A uint8 picture of 1 (gray), 3 or 4 interleaved channels; the fourth is ignored. `row_stride` is in bytes and may
// be larger than a row, or negative.
struct Image {
    const std::uint8_t* data = nullptr;
    Size size;
    int channels = 3;
    std::ptrdiff_t row_stride = 0;
};

enum class Layout { chw, hwc };

// float tensors: (v - mean) / std.  Integer tensors: round(((v - mean) / std) / scale) + zero_point, ties to even,
// clamped to the type. `pad` is the gray level of the padding.
struct Normalization {
    bool swap = false;  // exchange channels 0 and 2: a BGR picture for an RGB network, or the reverse
    float mean = 127.5F;
    float std = 128.0F;
    float pad = 127.5F;
    float scale = 1.0F;
    int zero_point = 0;
};

// `out` holds 3 * placement.tensor.height * placement.tensor.width elements. A side that shrinks by 2 or less, or
// grows, is sampled bilinearly as by cv2.INTER_LINEAR (half-pixel centres, edges repeated), within one gray level of
// it; one that shrinks by more is averaged over areas, as by cv2.INTER_AREA, which finds more faces
// (benchmarks/letterbox.py). T is float, std::uint8_t or std::int8_t. Throws std::invalid_argument.
template <typename T>
void letterbox(const Image& image, const Placement& placement, Layout layout, const Normalization& normalization,
               T* out);

}  // namespace scrfd
