// Turns a broken condition into an error that says what was expected and what came.
#pragma once

#include <cmath>
#include <sstream>
#include <stdexcept>

#include "scrfd/placement.hpp"

namespace scrfd {

template <typename... Parts>
void require(bool condition, const Parts&... parts) {
    if (condition) {
        return;
    }
    std::ostringstream message;
    (message << ... << parts);
    throw std::invalid_argument(message.str());
}

inline std::ostream& operator<<(std::ostream& stream, Size size) {
    return stream << "(" << size.height << ", " << size.width << ")";
}

constexpr std::int64_t max_side = std::int64_t{1} << 30;

inline void require_size(Size size, const char* name) {
    require(size.height >= 1 && size.width >= 1 && size.height <= max_side && size.width <= max_side, name,
            " must be (height, width), each 1 to 2^30 pixels, got ", size);
}

}  // namespace scrfd
