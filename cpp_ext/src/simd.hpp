// Four lanes of integers or floats: SSE2, NEON, or plain arrays where there is neither.
//
// Everything has internal linkage: this file is compiled once per instruction set, and the linker must not choose one
// set's copy for the other.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__) || defined(_M_X64)
#define SCRFD_SSE2
#include <immintrin.h>
#elif defined(__aarch64__) || defined(_M_ARM64)
#define SCRFD_NEON
#include <arm_neon.h>
#endif

namespace scrfd {
namespace {

#if defined(SCRFD_SSE2)

using Int4 = __m128i;
using Float4 = __m128;

// Lane i: left[i] * weights[0] + right[i] * weights[1].
inline Int4 weigh(const std::int16_t* left, const std::int16_t* right, const std::int16_t* weights) {
    const __m128i pairs = _mm_unpacklo_epi16(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(left)),
                                             _mm_loadl_epi64(reinterpret_cast<const __m128i*>(right)));
    int both;
    std::memcpy(&both, weights, sizeof both);
    return _mm_madd_epi16(pairs, _mm_set1_epi32(both));
}

inline Int4 add(Int4 a, Int4 b) { return _mm_add_epi32(a, b); }

// Sixteen unsigned 16-bit sums.
#ifdef __AVX2__

using Words16 = __m256i;

inline Words16 zero_words() { return _mm256_setzero_si256(); }

inline void add_weighted(Words16& sum, const std::uint8_t* p, std::int16_t weight) {
    const __m256i words = _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
    sum = _mm256_add_epi16(sum, _mm256_mullo_epi16(words, _mm256_set1_epi16(weight)));
}

inline void store_quarter(std::int16_t* out, Words16 sum) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), _mm256_srli_epi16(sum, 2));
}

#else

struct Words16 {
    __m128i low, high;
};

inline Words16 zero_words() { return {_mm_setzero_si128(), _mm_setzero_si128()}; }

inline void add_weighted(Words16& sum, const std::uint8_t* p, std::int16_t weight) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const __m128i weights = _mm_set1_epi16(weight);
    const __m128i zero = _mm_setzero_si128();
    sum.low = _mm_add_epi16(sum.low, _mm_mullo_epi16(_mm_unpacklo_epi8(bytes, zero), weights));
    sum.high = _mm_add_epi16(sum.high, _mm_mullo_epi16(_mm_unpackhi_epi8(bytes, zero), weights));
}

inline void store_quarter(std::int16_t* out, const Words16& sum) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm_srli_epi16(sum.low, 2));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + 8), _mm_srli_epi16(sum.high, 2));
}

#endif

inline Int4 load_bytes(const std::uint8_t* p) {
    int word;
    std::memcpy(&word, p, sizeof word);
    const __m128i zero = _mm_setzero_si128();
    return _mm_unpacklo_epi16(_mm_unpacklo_epi8(_mm_cvtsi32_si128(word), zero), zero);
}

// Lane i of rows a, b, c, d becomes row i; the fourth is not needed.
inline void transpose(Int4 a, Int4 b, Int4 c, Int4 d, Int4& row0, Int4& row1, Int4& row2) {
    const __m128i ab_low = _mm_unpacklo_epi32(a, b);
    const __m128i cd_low = _mm_unpacklo_epi32(c, d);
    row0 = _mm_unpacklo_epi64(ab_low, cd_low);
    row1 = _mm_unpackhi_epi64(ab_low, cd_low);
    row2 = _mm_unpacklo_epi64(_mm_unpackhi_epi32(a, b), _mm_unpackhi_epi32(c, d));
}

inline Float4 multiply_add(Int4 value, float factor, float offset) {
    return _mm_add_ps(_mm_mul_ps(_mm_cvtepi32_ps(value), _mm_set1_ps(factor)), _mm_set1_ps(offset));
}

inline Float4 clamp(Float4 value, float low, float high) {
    return _mm_min_ps(_mm_max_ps(value, _mm_set1_ps(low)), _mm_set1_ps(high));
}

inline void store(float* out, Float4 value) { _mm_storeu_ps(out, value); }

inline void store_rounded(std::uint8_t* out, Float4 value) {
    const __m128i words = _mm_packs_epi32(_mm_cvtps_epi32(value), _mm_setzero_si128());
    const int bytes = _mm_cvtsi128_si32(_mm_packus_epi16(words, words));
    std::memcpy(out, &bytes, 4);
}

inline void store_rounded(std::int8_t* out, Float4 value) {
    const __m128i words = _mm_packs_epi32(_mm_cvtps_epi32(value), _mm_setzero_si128());
    const int bytes = _mm_cvtsi128_si32(_mm_packs_epi16(words, words));
    std::memcpy(out, &bytes, 4);
}

#elif defined(SCRFD_NEON)

using Int4 = int32x4_t;
using Float4 = float32x4_t;

inline Int4 weigh(const std::int16_t* left, const std::int16_t* right, const std::int16_t* weights) {
    return vmlal_n_s16(vmull_n_s16(vld1_s16(left), weights[0]), vld1_s16(right), weights[1]);
}

inline Int4 add(Int4 a, Int4 b) { return vaddq_s32(a, b); }

struct Words16 {
    uint16x8_t low, high;
};

inline Words16 zero_words() { return {vdupq_n_u16(0), vdupq_n_u16(0)}; }

inline void add_weighted(Words16& sum, const std::uint8_t* p, std::int16_t weight) {
    const uint8x16_t bytes = vld1q_u8(p);
    const uint8x8_t weights = vdup_n_u8(static_cast<std::uint8_t>(weight));
    sum.low = vmlal_u8(sum.low, vget_low_u8(bytes), weights);
    sum.high = vmlal_u8(sum.high, vget_high_u8(bytes), weights);
}

inline void store_quarter(std::int16_t* out, const Words16& sum) {
    vst1q_s16(out, vreinterpretq_s16_u16(vshrq_n_u16(sum.low, 2)));
    vst1q_s16(out + 8, vreinterpretq_s16_u16(vshrq_n_u16(sum.high, 2)));
}

inline Int4 load_bytes(const std::uint8_t* p) {
    std::uint32_t word;
    std::memcpy(&word, p, sizeof word);
    const uint16x8_t words = vmovl_u8(vreinterpret_u8_u32(vdup_n_u32(word)));
    return vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(words)));
}

inline void transpose(Int4 a, Int4 b, Int4 c, Int4 d, Int4& row0, Int4& row1, Int4& row2) {
    const int32x4x2_t ab = vtrnq_s32(a, b);
    const int32x4x2_t cd = vtrnq_s32(c, d);
    row0 = vcombine_s32(vget_low_s32(ab.val[0]), vget_low_s32(cd.val[0]));
    row1 = vcombine_s32(vget_low_s32(ab.val[1]), vget_low_s32(cd.val[1]));
    row2 = vcombine_s32(vget_high_s32(ab.val[0]), vget_high_s32(cd.val[0]));
}

inline Float4 multiply_add(Int4 value, float factor, float offset) {
    return vaddq_f32(vmulq_n_f32(vcvtq_f32_s32(value), factor), vdupq_n_f32(offset));
}

inline Float4 clamp(Float4 value, float low, float high) {
    return vminq_f32(vmaxq_f32(value, vdupq_n_f32(low)), vdupq_n_f32(high));
}

inline void store(float* out, Float4 value) { vst1q_f32(out, value); }

inline void store_rounded(std::uint8_t* out, Float4 value) {
    const int16x4_t words = vmovn_s32(vcvtnq_s32_f32(value));
    const std::uint32_t bytes = vget_lane_u32(vreinterpret_u32_u8(vqmovun_s16(vcombine_s16(words, words))), 0);
    std::memcpy(out, &bytes, 4);
}

inline void store_rounded(std::int8_t* out, Float4 value) {
    const int16x4_t words = vmovn_s32(vcvtnq_s32_f32(value));
    const std::uint32_t bytes = vget_lane_u32(vreinterpret_u32_s8(vqmovn_s16(vcombine_s16(words, words))), 0);
    std::memcpy(out, &bytes, 4);
}

#else

struct Int4 {
    std::int32_t lane[4];
};
struct Float4 {
    float lane[4];
};

inline Int4 weigh(const std::int16_t* left, const std::int16_t* right, const std::int16_t* weights) {
    Int4 out;
    for (int i = 0; i < 4; ++i) {
        out.lane[i] = left[i] * weights[0] + right[i] * weights[1];
    }
    return out;
}

inline Int4 add(Int4 a, const Int4& b) {
    for (int i = 0; i < 4; ++i) {
        a.lane[i] += b.lane[i];
    }
    return a;
}

struct Words16 {
    std::uint16_t lane[16];
};

inline Words16 zero_words() { return {}; }

inline void add_weighted(Words16& sum, const std::uint8_t* p, std::int16_t weight) {
    for (int i = 0; i < 16; ++i) {
        sum.lane[i] = static_cast<std::uint16_t>(sum.lane[i] + p[i] * weight);
    }
}

inline void store_quarter(std::int16_t* out, const Words16& sum) {
    for (int i = 0; i < 16; ++i) {
        out[i] = static_cast<std::int16_t>(sum.lane[i] >> 2);
    }
}

inline Int4 load_bytes(const std::uint8_t* p) { return {{p[0], p[1], p[2], p[3]}}; }

inline void transpose(const Int4& a, const Int4& b, const Int4& c, const Int4& d, Int4& row0, Int4& row1, Int4& row2) {
    row0 = {{a.lane[0], b.lane[0], c.lane[0], d.lane[0]}};
    row1 = {{a.lane[1], b.lane[1], c.lane[1], d.lane[1]}};
    row2 = {{a.lane[2], b.lane[2], c.lane[2], d.lane[2]}};
}

inline Float4 multiply_add(const Int4& value, float factor, float offset) {
    Float4 out;
    for (int i = 0; i < 4; ++i) {
        const float product = static_cast<float>(value.lane[i]) * factor;
        out.lane[i] = product + offset;
    }
    return out;
}

inline Float4 clamp(Float4 value, float low, float high) {
    for (float& lane : value.lane) {
        lane = lane < low ? low : lane > high ? high : lane;
    }
    return value;
}

inline void store(float* out, const Float4& value) { std::memcpy(out, value.lane, sizeof value.lane); }

template <typename T>
inline void store_rounded(T* out, const Float4& value) {
    for (int i = 0; i < 4; ++i) {
        out[i] = static_cast<T>(std::lrintf(value.lane[i]));
    }
}

#endif

}  // namespace
}  // namespace scrfd
