// Camera frames in YUV 4:2:0 (Android's YUV_420_888) become RGB.
#pragma once

#include <cstddef>
#include <cstdint>

#include "scrfd/placement.hpp"

namespace scrfd {

// One plane: strides in bytes, `bytes` is what may be read. A pixel stride of 2 is an interleaved chroma plane.
struct Plane {
    const std::uint8_t* data = nullptr;
    std::int64_t bytes = 0;
    std::int64_t row_stride = 0;
    std::int64_t pixel_stride = 1;
};

// Clockwise.
enum class Turn { none, quarter, half, three_quarters };

// Full-range BT.601 (JFIF), each chroma sample serving 2x2 pixels; `rgb` holds size.height * size.width * 3 bytes, and
// the picture turned, as sensors lie across in a phone: after a quarter it is size.height wide. `size` is that of the
// planes. Odd sizes have (n + 1) / 2 chroma samples. Throws std::invalid_argument where a plane is too short.
void yuv420_to_rgb(const Plane& y, const Plane& u, const Plane& v, Size size, std::uint8_t* rgb,
                   Turn turn = Turn::none);

}  // namespace scrfd
