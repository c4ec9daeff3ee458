// Where a picture lies in a network's input tensor.
#pragma once

#include <cstdint>

namespace scrfd {

// Pixels. A side is 1 to 2^30, so that products of two sides and a few channels fit in 64 bits.
struct Size {
    std::int64_t height = 0;
    std::int64_t width = 0;
};

inline bool operator==(Size a, Size b) { return a.height == b.height && a.width == b.width; }
inline bool operator!=(Size a, Size b) { return !(a == b); }

// The picture is resized to `content`, which lies at the top left of `tensor`; the rest is padding.
// The one value that travels from letterbox to decode.
struct Placement {
    Size image;
    Size content;
    Size tensor;

    // Checks that content fits into tensor. Throws std::invalid_argument.
    Placement(Size image, Size content, Size tensor);

    // Long side scaled to `long_side` (enlarging too), aspect kept, never under 1 px, padded to multiples of 32.
    static Placement fit(Size image, std::int64_t long_side);

    // Scaled to fit inside a fixed tensor, aspect kept, never under 1 px.
    static Placement fit_shape(Size image, Size tensor);
};

}  // namespace scrfd
