// The kernels, written once and compiled once per instruction set: define SCRFD_KERNELS and SCRFD_KERNELS_NAME, then
// include. No std templates here: see simd.hpp on linkage.
#include "kernels.hpp"
#include "simd.hpp"

namespace scrfd {
namespace {

void blend(const std::uint8_t* top, const std::uint8_t* bottom, std::int16_t weight, std::int64_t count,
           std::int16_t* out) {
    for (std::int64_t i = 0; i < count; ++i) {
        // The upper half of a 16-bit product: one instruction even in SSE2.
        const auto difference = static_cast<std::int16_t>((bottom[i] - top[i]) * 128);
        const auto step = static_cast<std::int16_t>((difference * weight) >> 16);
        out[i] = static_cast<std::int16_t>(top[i] * 64 + step);
    }
}

void average(const std::uint8_t* top, std::ptrdiff_t row_stride, const std::int16_t* weights, std::int64_t rows,
             std::int64_t count, std::int16_t* out) {
    std::int64_t i = 0;
    for (; i + 16 <= count; i += 16) {
        const std::uint8_t* p = top + i;
        Words16 sum = zero_words();
        for (std::int64_t row = 0; row < rows; ++row, p += row_stride) {
            add_weighted(sum, p, weights[row]);
        }
        store_quarter(out + i, sum);
    }
    for (; i < count; ++i) {
        int sum = 0;
        for (std::int64_t row = 0; row < rows; ++row) {
            sum += top[row * row_stride + i] * weights[row];
        }
        out[i] = static_cast<std::int16_t>(sum >> 2);
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

#ifdef __AVX2__
// Eight pixels at a time straight from bytes to planes; returns how many pixels were done.
inline std::int64_t normalize_wide(const std::uint8_t* row, int channels, std::int64_t count, Affine affine,
                                   const Planes<float>& out) {
    // Each 128-bit half holds four pixels: byte channels * i + c becomes lane i of channel c.
    __m256i pick[3];
    for (int c = 0; c < 3; ++c) {
        const int first = channels == 1 ? 0 : c;
        const __m128i lanes = _mm_setr_epi32(first, first + channels, first + 2 * channels, first + 3 * channels);
        pick[c] = _mm256_broadcastsi128_si256(_mm_or_si128(lanes, _mm_set1_epi32(-256)));
    }
    const __m256 factor = _mm256_set1_ps(affine.factor);
    const __m256 offset = _mm256_set1_ps(affine.offset);
    std::int64_t x = 0;
    for (; (x + 4) * channels + 16 <= count * channels; x += 8) {
        const std::uint8_t* p = row + x * channels;
        const __m128i low = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
        const __m128i high = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 4 * channels));
        const __m256i bytes = _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
        for (int c = 0; c < 3; ++c) {
            const __m256 value = _mm256_cvtepi32_ps(_mm256_shuffle_epi8(bytes, pick[c]));
            _mm256_storeu_ps(out.channel[c] + x, _mm256_add_ps(_mm256_mul_ps(value, factor), offset));
        }
    }
    return x;
}

// Eight pixels at a time: a register's halves hold pixels x and x + 4. Returns how many pixels were done.
template <int Pairs>
inline std::int64_t sample_wide(const std::int16_t* row, int channels, const Taps& taps, Affine affine,
                                const Planes<float>& out) {
    const std::int64_t pairs = Pairs == 0 ? taps.pairs : Pairs;
    // Left and right neighbour lie in one load; lane c gets both of channel c.
    const int right = 2 * channels;
    const auto lane = [&](int channel) {
        const int low = channels == 1 ? 0 : 2 * channel;
        return low | (low + 1) << 8 | (low + right) << 16 | (low + right + 1) << 24;
    };
    const __m256i pick = _mm256_broadcastsi128_si256(_mm_setr_epi32(lane(0), lane(1), lane(2), lane(0)));
    const __m256 factor = _mm256_set1_ps(affine.factor);
    const __m256 offset = _mm256_set1_ps(affine.offset);
    const auto weighed = [&](std::int64_t x) {
        const std::int16_t* pixel_x = row + taps.first[x];
        const std::int16_t* pixel_x4 = row + taps.first[x + 4];
        const std::int16_t* weights_x = taps.weights + x * 2 * pairs;
        const std::int16_t* weights_x4 = weights_x + 8 * pairs;
        __m256i sum = _mm256_setzero_si256();
        for (std::int64_t pair = 0; pair < pairs; ++pair) {
            int both[2];
            std::memcpy(&both[0], weights_x + 2 * pair, sizeof(int));
            std::memcpy(&both[1], weights_x4 + 2 * pair, sizeof(int));
            const __m256i weights = _mm256_blend_epi32(_mm256_set1_epi32(both[0]), _mm256_set1_epi32(both[1]), 0xF0);
            const __m128i low = _mm_loadu_si128(reinterpret_cast<const __m128i*>(pixel_x + pair * right));
            const __m128i high = _mm_loadu_si128(reinterpret_cast<const __m128i*>(pixel_x4 + pair * right));
            const __m256i pixels = _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
            sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_shuffle_epi8(pixels, pick), weights));
        }
        return sum;
    };
    std::int64_t x = 0;
    for (; x + 8 <= taps.count; x += 8) {
        const __m256i a = weighed(x), b = weighed(x + 1), c = weighed(x + 2), d = weighed(x + 3);
        const __m256i ab = _mm256_unpacklo_epi32(a, b);
        const __m256i cd = _mm256_unpacklo_epi32(c, d);
        const __m256i channel[3] = {_mm256_unpacklo_epi64(ab, cd), _mm256_unpackhi_epi64(ab, cd),
                                    _mm256_unpacklo_epi64(_mm256_unpackhi_epi32(a, b), _mm256_unpackhi_epi32(c, d))};
        for (int i = 0; i < 3; ++i) {
            const __m256 value = _mm256_mul_ps(_mm256_cvtepi32_ps(channel[i]), factor);
            _mm256_storeu_ps(out.channel[i] + x, _mm256_add_ps(value, offset));
        }
    }
    return x;
}
#else
inline std::int64_t normalize_wide(const std::uint8_t*, int, std::int64_t, Affine, const Planes<float>&) { return 0; }

template <int Pairs>
inline std::int64_t sample_wide(const std::int16_t*, int, const Taps&, Affine, const Planes<float>&) {
    return 0;
}
#endif

// Pairs is 1 (bilinear) or 0: as many as `taps` says.
template <int Pairs, typename T>
inline void sample_row(const std::int16_t* row, int channels, const Taps& taps, Affine affine, const Planes<T>& out) {
    const std::int64_t pairs = Pairs == 0 ? taps.pairs : Pairs;
    const auto weighed = [&](std::int64_t x) {
        const std::int16_t* left = row + taps.first[x];
        const std::int16_t* weights = taps.weights + x * 2 * pairs;
        Int4 sum = weigh(left, left + channels, weights);
        for (std::int64_t pair = 1; pair < pairs; ++pair) {
            left += 2 * channels;
            weights += 2;
            sum = add(sum, weigh(left, left + channels, weights));
        }
        return sum;
    };
    std::int64_t x = 0;
    if constexpr (sizeof(T) == sizeof(float)) {
        if (out.step == 1) {
            x = sample_wide<Pairs>(row, channels, taps, affine, out);
        }
    }
    for (; x + 4 <= taps.count; x += 4) {
        put_four(weighed(x), weighed(x + 1), weighed(x + 2), weighed(x + 3), channels == 1, affine, out, x);
    }
    for (; x < taps.count; ++x) {
        std::int32_t value[3] = {0, 0, 0};
        for (int c = 0; c < 3; ++c) {
            const std::int16_t* p = row + taps.first[x] + (channels == 1 ? 0 : c);
            for (std::int64_t i = 0; i < 2 * pairs; ++i, p += channels) {
                value[c] += *p * taps.weights[x * 2 * pairs + i];
            }
        }
        put_one(value, affine, out, x);
    }
}

template <typename T>
void sample(const std::int16_t* row, int channels, const Taps& taps, Affine affine, const Planes<T>& out) {
    if (taps.pairs == 1) {
        sample_row<1>(row, channels, taps, affine, out);
    } else {
        sample_row<0>(row, channels, taps, affine, out);
    }
}

template <typename T>
void normalize(const std::uint8_t* row, int channels, std::int64_t count, Affine affine, const Planes<T>& out) {
    std::int64_t x = 0;
    if constexpr (sizeof(T) == sizeof(float)) {
        if (out.step == 1) {
            x = normalize_wide(row, channels, count, affine, out);
        }
    }
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

bool overlaps(const BoxColumns& kept, const Box& box, float area, float threshold) {
    for (std::int64_t start = 0; start < kept.count; start += box_block) {
        int any = 0;
        for (std::int64_t i = start; i < start + box_block; ++i) {
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
                               average,
                               {sample<float>, normalize<float>},
                               {sample<std::uint8_t>, normalize<std::uint8_t>},
                               {sample<std::int8_t>, normalize<std::int8_t>},
                               overlaps};

}  // namespace scrfd
