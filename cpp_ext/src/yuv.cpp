#include "scrfd/yuv.hpp"

#include <algorithm>

#include "check.hpp"

namespace scrfd {
namespace {

void require_plane(const Plane& plane, const char* name, Size size) {
    require(plane.data != nullptr && plane.pixel_stride >= 1 && plane.row_stride >= 1 && plane.pixel_stride <= 16 &&
                plane.row_stride <= max_side * 16,
            "plane ", name, " must have data and positive strides, got row stride ", plane.row_stride,
            " and pixel stride ", plane.pixel_stride);
    // rows and row_stride are each under 2^34, yet their product may pass 2^63: compare by division.
    const std::int64_t last_pixel = (size.width - 1) * plane.pixel_stride + 1;
    const std::int64_t room = plane.bytes - last_pixel;
    require(room >= 0 && (size.height - 1) <= room / plane.row_stride, "plane ", name, " holds ", plane.bytes,
            " bytes, too few for ", size, " pixels with row stride ", plane.row_stride, " and pixel stride ",
            plane.pixel_stride);
}

// Where a turned picture's bytes go: the first pixel's, and how far the next pixel and the next row are from it.
struct Steps {
    std::int64_t first, pixel, row;
};

Steps steps_of(Turn turn, Size size) {
    const std::int64_t line = 3 * size.width, turned_line = 3 * size.height;
    switch (turn) {
        case Turn::none:
            return {0, 3, line};
        case Turn::quarter:
            return {turned_line - 3, turned_line, -3};
        case Turn::half:
            return {line * size.height - 3, -3, -line};
        case Turn::three_quarters:
            return {turned_line * (size.width - 1), -turned_line, 3};
    }
    throw std::invalid_argument("turn must be one of the four");
}

std::uint8_t clamped(int value) { return static_cast<std::uint8_t>(std::clamp(value, 0, 255)); }

}  // namespace

void yuv420_to_rgb(const Plane& y, const Plane& u, const Plane& v, Size size, std::uint8_t* rgb, Turn turn) {
    require_size(size, "size");
    const Size chroma{(size.height + 1) / 2, (size.width + 1) / 2};
    require_plane(y, "y", size);
    require_plane(u, "u", chroma);
    require_plane(v, "v", chroma);
    require(rgb != nullptr, "rgb must hold height * width * 3 bytes, got a null pointer");

    const Steps steps = steps_of(turn, size);
    for (std::int64_t row = 0; row < size.height; ++row) {
        const std::uint8_t* y_row = y.data + row * y.row_stride;
        const std::uint8_t* u_row = u.data + row / 2 * u.row_stride;
        const std::uint8_t* v_row = v.data + row / 2 * v.row_stride;
        for (std::int64_t x = 0; x < size.width; ++x) {
            std::uint8_t* out = rgb + steps.first + row * steps.row + x * steps.pixel;
            // BT.601 coefficients 1.402, 0.344136, 0.714136, 1.772 in 16-bit fixed point.
            const int luma = (y_row[x * y.pixel_stride] << 16) + (1 << 15);
            const int cb = u_row[x / 2 * u.pixel_stride] - 128;
            const int cr = v_row[x / 2 * v.pixel_stride] - 128;
            out[0] = clamped((luma + 91881 * cr) >> 16);
            out[1] = clamped((luma - 22554 * cb - 46802 * cr) >> 16);
            out[2] = clamped((luma + 116130 * cb) >> 16);
        }
    }
}

}  // namespace scrfd
