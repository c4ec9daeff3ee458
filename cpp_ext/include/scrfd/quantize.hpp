// Integer network outputs become floats.
#pragma once

#include <cstdint>

namespace scrfd {

// out[i] = (in[i] - zero_point) * scale. T is std::uint8_t or std::int8_t.
template <typename T>
void dequantize(const T* in, std::int64_t count, float scale, int zero_point, float* out);

}  // namespace scrfd
