#include "scrfd/quantize.hpp"

#include "check.hpp"

namespace scrfd {

template <typename T>
void dequantize(const T* in, std::int64_t count, float scale, int zero_point, float* out) {
    require(std::isfinite(scale) && scale > 0, "scale must be a finite number above 0, got ", scale);
    require(zero_point >= -128 && zero_point <= 255, "zero_point must be -128 to 255, got ", zero_point);
    for (std::int64_t i = 0; i < count; ++i) {
        out[i] = static_cast<float>(static_cast<int>(in[i]) - zero_point) * scale;
    }
}

template void dequantize(const std::uint8_t*, std::int64_t, float, int, float*);
template void dequantize(const std::int8_t*, std::int64_t, float, int, float*);

}  // namespace scrfd
