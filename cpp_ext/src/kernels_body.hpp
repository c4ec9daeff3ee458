// The kernels, written once and compiled once per instruction set: define SCRFD_KERNELS and SCRFD_KERNELS_NAME, then
// include. No std templates here: see simd.hpp on linkage.
#include "kernels.hpp"
#include "simd.hpp"

namespace scrfd {
namespace {

void blend(const std::uint8_t* top, const std::uint8_t* bottom, std::int16_t weight, std::int64_t count,
           std::int16_t* out) {
    for (std::int64_t i = 0; i < count; ++i) {
        const auto difference = static_cast<std::int16_t>((bottom[i] - top[i]) * 128);
        // A rounded 16-bit multiply: pmulhrsw where there is one.
        const auto step = static_cast<std::int16_t>((((difference * weight) >> 14) + 1) >> 1);
        out[i] = static_cast<std::int16_t>(top[i] * 128 + step);
    }
}

inline void store_value(float* out, float value, Affine) { *out = value; }

template <typename T>
inline void store_value(T* out, float value, Affine affine) {
    const float clamped = value < affine.low ? affine.low : value > affine.high ? affine.high : value;
    *out = static_cast<T>(std::lrintf(clamped));
}

inline void store_four(float* out, Float4 value, Affine) { store(out, value); }

template <typename T>
inline void store_four(T* out, Float4 value, Affine affine) {
    store_rounded(out, clamp(value, affine.low, affine.high));
}

// One pixel's channels, for the ends of rows.
template <typename T>
inline void put_one(const std::int32_t (&value)[3], Affine affine, const Planes<T>& out, std::int64_t x) {
    for (int c = 0; c < 3; ++c) {
        const float product = static_cast<float>(value[c]) * affine.factor;
        store_value(out.channel[c] + x * out.step, product + affine.offset, affine);
    }
}

// Four pixels, one vector per pixel.
template <typename T>
inline void put_four(Int4 a, Int4 b, Int4 c, Int4 d, bool gray, Affine affine, const Planes<T>& out, std::int64_t x) {
    Int4 rows[3];
    transpose(a, b, c, d, rows[0], rows[1], rows[2]);
    for (int channel = 0; channel < 3; ++channel) {
        const Float4 value = multiply_add(rows[gray ? 0 : channel], affine.factor, affine.offset);
        if (out.step == 1) {
            store_four(out.channel[channel] + x, value, affine);
        } else {
            T four[4];
            store_four(four, value, affine);
            for (int i = 0; i < 4; ++i) {
                out.channel[channel][(x + i) * out.step] = four[i];
            }
        }
    }
}

template <typename T>
void sample(const std::int16_t* row, int channels, const Tap* taps, std::int64_t count, Affine affine,
            const Planes<T>& out) {
    const auto weighed = [&](std::int64_t x) {
        const std::int16_t* left = row + taps[x].offset;
        return weigh(left, left + channels, taps[x].left, taps[x].right);
    };
    std::int64_t x = 0;
    for (; x + 4 <= count; x += 4) {
        put_four(weighed(x), weighed(x + 1), weighed(x + 2), weighed(x + 3), channels == 1, affine, out, x);
    }
    for (; x < count; ++x) {
        const std::int16_t* left = row + taps[x].offset;
        std::int32_t value[3];
        for (int c = 0; c < 3; ++c) {
            const int source = channels == 1 ? 0 : c;
            value[c] = left[source] * taps[x].left + left[channels + source] * taps[x].right;
        }
        put_one(value, affine, out, x);
    }
}

template <typename T>
void normalize(const std::uint8_t* row, int channels, std::int64_t count, Affine affine, const Planes<T>& out) {
    std::int64_t x = 0;
    // A vector load reads four bytes from its pixel on: it must not pass the end of the picture.
    for (; (x + 3) * channels + 4 <= count * channels; x += 4) {
        const std::uint8_t* p = row + x * channels;
        put_four(load_bytes(p), load_bytes(p + channels), load_bytes(p + 2 * channels), load_bytes(p + 3 * channels),
                 channels == 1, affine, out, x);
    }
    for (; x < count; ++x) {
        const std::uint8_t* p = row + x * channels;
        const std::int32_t value[3] = {p[0], p[channels == 1 ? 0 : 1], p[channels == 1 ? 0 : 2]};
        put_one(value, affine, out, x);
    }
}

bool overlaps(const KeptColumns& kept, const Box& box, float area, float threshold) {
    for (std::int64_t start = 0; start < kept.count; start += kept_block) {
        int any = 0;
        for (std::int64_t i = start; i < start + kept_block; ++i) {
            const float left = kept.x1[i] > box.x1 ? kept.x1[i] : box.x1;
            const float top = kept.y1[i] > box.y1 ? kept.y1[i] : box.y1;
            const float right = kept.x2[i] < box.x2 ? kept.x2[i] : box.x2;
            const float bottom = kept.y2[i] < box.y2 ? kept.y2[i] : box.y2;
            const float width = right - left > 0 ? right - left : 0;
            const float height = bottom - top > 0 ? bottom - top : 0;
            const float intersection = width * height;
            // IoU > threshold without a division.
            any |= static_cast<int>(intersection > threshold * (kept.area[i] + area - intersection));
        }
        if (any != 0) {
            return true;
        }
    }
    return false;
}

}  // namespace

extern const Kernels SCRFD_KERNELS;
const Kernels SCRFD_KERNELS = {SCRFD_KERNELS_NAME,
                               blend,
                               {sample<float>, normalize<float>},
                               {sample<std::uint8_t>, normalize<std::uint8_t>},
                               {sample<std::int8_t>, normalize<std::int8_t>},
                               overlaps};

}  // namespace scrfd
