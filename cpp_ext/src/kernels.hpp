// The inner loops, one table of them per instruction set; the best that this CPU has is chosen at run time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "scrfd/faces.hpp"

namespace scrfd {

// Elements that a kernel may read beyond the end of a blended row.
constexpr std::int64_t row_slack = 8;

// For each output pixel: index of the left source element and the weights of left and right neighbour, which add up
// to 2^14. The right neighbour lies `channels` elements further.
struct Tap {
    std::int32_t offset;
    std::int16_t left;
    std::int16_t right;
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

// Kept boxes of an NMS as columns, padded to whole blocks with boxes that overlap nothing.
struct KeptColumns {
    const float* x1;
    const float* y1;
    const float* x2;
    const float* y2;
    const float* area;
    std::int64_t count;  // a multiple of kept_block
};
constexpr std::int64_t kept_block = 16;

class Kept {
   public:
    void push(const Box& box, float area) {
        if (count_ % kept_block == 0) {
            for (auto& column : column_) {
                column.resize(static_cast<std::size_t>(count_ + kept_block), 0.0F);
            }
        }
        const float values[5] = {box.x1, box.y1, box.x2, box.y2, area};
        for (std::size_t i = 0; i < 5; ++i) {
            column_[i][static_cast<std::size_t>(count_)] = values[i];
        }
        ++count_;
    }

    KeptColumns columns() const {
        return {column_[0].data(), column_[1].data(), column_[2].data(),
                column_[3].data(), column_[4].data(), static_cast<std::int64_t>(column_[0].size())};
    }

   private:
    std::vector<float> column_[5];
    std::int64_t count_ = 0;
};

template <typename T>
struct PixelKernels {
    // One output row from a blended row.
    void (*sample)(const std::int16_t* row, int channels, const Tap* taps, std::int64_t count, Affine affine,
                   const Planes<T>& out);
    // One output row from a picture's row of the same width.
    void (*normalize)(const std::uint8_t* row, int channels, std::int64_t count, Affine affine, const Planes<T>& out);
};

struct Kernels {
    const char* name;
    // out = (top * (2^15 - weight) + bottom * weight) / 2^8: two rows mixed, in 1/128 gray levels.
    void (*blend)(const std::uint8_t* top, const std::uint8_t* bottom, std::int16_t weight, std::int64_t count,
                  std::int16_t* out);
    PixelKernels<float> float32;
    PixelKernels<std::uint8_t> uint8;
    PixelKernels<std::int8_t> int8;
    // Whether any kept box has IoU > threshold with `box`.
    bool (*overlaps)(const KeptColumns& kept, const Box& box, float area, float threshold);

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
