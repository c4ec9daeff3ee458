// The inner loops, one table of them per instruction set; the best that this CPU has is chosen at run time.
#pragma once

#include <cstddef>
#include <cstdint>

#include "scrfd/faces.hpp"

namespace scrfd {

// Elements that a kernel may read beyond the last one that a tap names.
constexpr std::int64_t row_slack = 8;

// What each output pixel is made of: `pairs` pairs of neighbouring source pixels, from element `first` on, with two
// weights per pair; all weights of a pixel add up to 2^14.
struct Taps {
    const std::int32_t* first;
    const std::int16_t* weights;
    std::int64_t pairs;
    std::int64_t count;
};

// value * factor + offset, for integers then clamped to low..high and rounded (ties to even).
struct Affine {
    float factor;
    float offset;
    float low;
    float high;
};

// Where output pixels go: channel c of pixel x is planes[c][x * step]; step is 1 or 3.
template <typename T>
struct Planes {
    T* channel[3];
    std::int64_t step;
};

// Columns of boxes, padded to whole blocks with boxes that overlap nothing.
struct BoxColumns {
    const float* x1;
    const float* y1;
    const float* x2;
    const float* y2;
    const float* area;
    std::int64_t count;  // a multiple of box_block
};
constexpr std::int64_t box_block = 8;

template <typename T>
struct PixelKernels {
    // One output row from a mixed row.
    void (*sample)(const std::int16_t* row, int channels, const Taps& taps, Affine affine, const Planes<T>& out);
    // One output row from a picture's row of the same width.
    void (*normalize)(const std::uint8_t* row, int channels, std::int64_t count, Affine affine, const Planes<T>& out);
};

struct Kernels {
    const char* name;
    // Two rows mixed, bottom with weight / 2^15, in 1/64 gray levels.
    void (*blend)(const std::uint8_t* top, const std::uint8_t* bottom, std::int16_t weight, std::int64_t count,
                  std::int16_t* out);
    // Weighted sum of `rows` rows, row_stride bytes apart, weights adding up to 2^8, each under 2^8; in 1/64 gray
    // levels.
    void (*average)(const std::uint8_t* top, std::ptrdiff_t row_stride, const std::int16_t* weights, std::int64_t rows,
                    std::int64_t count, std::int16_t* out);
    PixelKernels<float> float32;
    PixelKernels<std::uint8_t> uint8;
    PixelKernels<std::int8_t> int8;
    // Whether any of `kept` has IoU > threshold with `box`.
    bool (*overlaps)(const BoxColumns& kept, const Box& box, float area, float threshold);

    template <typename T>
    const PixelKernels<T>& pixels() const;
};

template <>
inline const PixelKernels<float>& Kernels::pixels<float>() const {
    return float32;
}
template <>
inline const PixelKernels<std::uint8_t>& Kernels::pixels<std::uint8_t>() const {
    return uint8;
}
template <>
inline const PixelKernels<std::int8_t>& Kernels::pixels<std::int8_t>() const {
    return int8;
}

// Those that run everywhere this library was built for, and those of the best instruction set of this CPU.
const Kernels& baseline_kernels();
const Kernels& kernels();

}  // namespace scrfd
