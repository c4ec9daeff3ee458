// Kernels for training depth-wise networks on a CPU, in bfloat16 with channels last: a tensor is a row of C channels
// per pixel. Sums are float32. Plain vectors of 16 lanes, which GCC and Clang lower to whatever the CPU has.

#include <torch/extension.h>

#include <cstring>
#include <tuple>
#include <type_traits>
#include <vector>
#ifdef __AVX512BF16__
#include <immintrin.h>
#endif

namespace {

constexpr int64_t kLanes = 16;
constexpr int64_t kWidth = 128;      // at least, so that sums of neighbouring rows do not wait for each other
constexpr int64_t kLarge = 1 << 23;  // elements that exceed the caches
constexpr int64_t kRun = 64;         // rows between additions of float sums to double ones

using Half = uint16_t;
typedef float Vec __attribute__((vector_size(64)));
typedef uint32_t Bits __attribute__((vector_size(64)));
typedef uint16_t Halves __attribute__((vector_size(32)));

template <class T>
inline T load(const Half* p) {
    if constexpr (std::is_same_v<T, Vec>) {
#ifdef __AVX512BF16__
        return (Vec)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)p)), 16);
#else
        Halves h;
        std::memcpy(&h, p, sizeof h);
        return (Vec)(__builtin_convertvector(h, Bits) << 16);
#endif
    } else {
        return c10::detail::f32_from_bits(*p);
    }
}

template <class T>
inline T load(const float* p) {
    T v;
    std::memcpy(&v, p, sizeof v);
    return v;
}

inline void store(Half* p, float v) { *p = c10::detail::round_to_nearest_even(v); }

inline void store(Half* p, Vec v) {
#ifdef __AVX512BF16__
    const auto h = _mm512_cvtneps_pbh((__m512)v);
#else
    // To nearest, ties to even. The NaNs that arithmetic makes stay NaN.
    Bits u = (Bits)v;
    u += 0x7fff + ((u >> 16) & 1);
    const Halves h = __builtin_convertvector(u >> 16, Halves);
#endif
    std::memcpy(p, &h, 2 * kLanes);
}

// Past the caches: for tensors so large that nobody finds them there.
inline void stream(Half* p, float v) { store(p, v); }

inline void stream(Half* p, Vec v) {
#ifdef __AVX512BF16__
    if (reinterpret_cast<uintptr_t>(p) % 32 == 0) {
        _mm256_stream_si256(reinterpret_cast<__m256i*>(p), (__m256i)_mm512_cvtneps_pbh((__m512)v));
        return;
    }
#endif
    store(p, v);
}

inline void store(float* p, Vec v) { std::memcpy(p, &v, sizeof v); }

const Half* data(const at::Tensor& t) { return reinterpret_cast<const Half*>(t.const_data_ptr<at::BFloat16>()); }
Half* mutable_data(const at::Tensor& t) { return reinterpret_cast<Half*>(t.mutable_data_ptr<at::BFloat16>()); }

// Pixels side by side until their channels fill several whole vectors: (pixels, C) read as (count, width). `rest`
// elements fill no row and are taken one by one.
struct Rows {
    int64_t channels, width, count, rest;

    explicit Rows(const at::Tensor& x) : channels(x.size(1)), width(channels) {
        while (width % kLanes || width < kWidth) width *= 2;
        count = x.numel() / width;
        rest = x.numel() - count * width;
    }

    // One value per channel, repeated to the width.
    std::vector<float> spread(const at::Tensor& values) const {
        const auto v = values.to(at::kFloat).contiguous();
        std::vector<float> out(width);
        for (int64_t i = 0; i < width; ++i) out[i] = v.const_data_ptr<float>()[i % channels];
        return out;
    }
};

// Writes f(zero, element, lane of the row) for every vector, in parallel; for the rest float by float.
template <class F>
void each(const Rows& rows, const at::Tensor& to, const F& f) {
    Half* out = mutable_data(to);
    const bool large = to.numel() > kLarge;
    at::parallel_for(0, rows.count, kRun, [=, width = rows.width](int64_t begin, int64_t end) {
        const F own = f;  // and not behind a pointer, which every store might change
        for (int64_t row = begin; row < end; ++row)
            for (int64_t lane = 0; lane < width; lane += kLanes) {
                const int64_t at = row * width + lane;
                const Vec v = own(Vec{}, at, lane);
                large ? stream(out + at, v) : store(out + at, v);
            }
    });
    for (int64_t i = 0, at = rows.count * rows.width; i < rows.rest; ++i) store(out + at + i, f(0.f, at + i, i));
}

// Two sums per channel, (2, C) double: f(element, lane of the row, first, second) adds one vector or one float.
template <class F>
at::Tensor two_sums(const Rows& rows, const F& f) {
    const int64_t width = rows.width, threads = at::get_num_threads(), share = (rows.count + threads - 1) / threads;
    std::vector<double> sums(threads * 2 * width, 0.0);
    at::parallel_for(0, threads, 1, [=, count = rows.count, total = sums.data()](int64_t begin, int64_t end) {
        const F own = f;
        std::vector<float> memory(2 * width);
        float *first = memory.data(), *second = first + width;
        for (int64_t row = begin * share; row < std::min(count, end * share);) {
            std::fill(memory.begin(), memory.end(), 0.f);
            const int64_t stop = std::min({count, end * share, row + kRun});
            for (; row < stop; ++row)
                for (int64_t lane = 0; lane < width; lane += kLanes) {
                    Vec a = load<Vec>(first + lane), b = load<Vec>(second + lane);
                    own(row * width + lane, lane, a, b);
                    store(first + lane, a), store(second + lane, b);
                }
            for (int64_t i = 0; i < 2 * width; ++i) total[begin * 2 * width + i] += first[i];
        }
    });
    for (int64_t i = 0; i < rows.rest; ++i) {
        float a = 0, b = 0;
        f(rows.count * width + i, i, a, b);
        sums[i] += a, sums[width + i] += b;
    }
    auto out = at::zeros({2, rows.channels}, at::kDouble);
    double* total = out.mutable_data_ptr<double>();
    for (int64_t i = 0; i < threads * 2 * width; ++i)
        total[i / width % 2 * rows.channels + i % width % rows.channels] += sums[i];
    return out;
}

// Batch norm and ReLU with the statistics of the batch. Returns the output and mean, 1 / deviation (C,) double; updates
// the running statistics.
std::tuple<at::Tensor, at::Tensor, at::Tensor> norm_relu(const at::Tensor& x, const at::Tensor& weight,
                                                         const at::Tensor& bias, const at::Tensor& running_mean,
                                                         const at::Tensor& running_var, double momentum, double eps) {
    const Rows rows(x);
    const Half* in = data(x);
    // Sums of differences from the first pixel: a mean far from zero does not swallow the variance.
    const auto origin = x.select(0, 0).select(1, 0).select(1, 0);
    const auto zero = rows.spread(origin);
    const auto sums = two_sums(rows, [in, zero = zero.data()](int64_t at, int64_t lane, auto& a, auto& b) {
        using T = std::remove_reference_t<decltype(a)>;
        const T d = load<T>(in + at) - load<T>(zero + lane);
        a += d, b += d * d;
    });
    const double n = x.numel() / rows.channels;
    const auto shift = sums[0] / n, var = (sums[1] / n - shift * shift).clamp_min(0), mean = shift + origin;
    running_mean.lerp_(mean.to(running_mean.dtype()), momentum);
    running_var.lerp_((var * (n / (n - 1))).to(running_var.dtype()), momentum);
    const auto inverse = (var + eps).rsqrt(), scale = weight * inverse;
    const auto factor = rows.spread(scale), offset = rows.spread(bias - mean * scale);
    const auto y = at::empty_like(x);
    each(rows, y, [in, factor = factor.data(), offset = offset.data()](auto none, int64_t at, int64_t lane) {
        using T = decltype(none);
        const T v = load<T>(in + at) * load<T>(factor + lane) + load<T>(offset + lane);
        return T(v < none ? none : v);  // keeps NaN
    });
    return {y, mean, inverse};
}

// Gradients of `norm_relu` with respect to x, weight and bias.
std::tuple<at::Tensor, at::Tensor, at::Tensor> norm_relu_backward(const at::Tensor& gradient, const at::Tensor& x,
                                                                  const at::Tensor& weight, const at::Tensor& bias,
                                                                  const at::Tensor& mean, const at::Tensor& inverse) {
    const Rows rows(x);
    const Half *in = data(x), *g = data(gradient);
    const auto scale = weight * inverse;
    const auto factors = rows.spread(scale), offsets = rows.spread(bias - mean * scale), means = rows.spread(mean);
    const float *factor = factors.data(), *offset = offsets.data(), *centre = means.data();
    const auto passed = [=](auto v, auto dy, int64_t lane) {
        using T = decltype(v);
        return T(v * load<T>(factor + lane) + load<T>(offset + lane) > T{} ? dy : T{});
    };
    const auto sums = two_sums(rows, [=](int64_t at, int64_t lane, auto& a, auto& b) {
        using T = std::remove_reference_t<decltype(a)>;
        const T v = load<T>(in + at), dy = passed(v, load<T>(g + at), lane);
        a += dy, b += dy * (v - load<T>(centre + lane));
    });
    const double n = x.numel() / rows.channels;
    const auto slope = -scale * inverse * inverse * sums[1] / n, constant = -scale * sums[0] / n - slope * mean;
    const auto slopes = rows.spread(slope), constants = rows.spread(constant);
    const auto dx = at::empty_like(x);
    each(rows, dx, [=, by_x = slopes.data(), by_one = constants.data()](auto none, int64_t at, int64_t lane) {
        using T = decltype(none);
        const T v = load<T>(in + at), dy = passed(v, load<T>(g + at), lane);
        return T(dy * load<T>(factor + lane) + v * load<T>(by_x + lane) + load<T>(by_one + lane));
    });
    return {dx, (sums[1] * inverse).to(weight.dtype()), sums[0].to(bias.dtype())};
}

// Blocks of 16 channels; the last one overlaps its neighbour where C is no multiple of 16.
struct Blocks {
    int64_t channels, count;
    explicit Blocks(int64_t c) : channels(c), count((c + kLanes - 1) / kLanes) {}
    int64_t first(int64_t block) const { return std::min(block * kLanes, channels - kLanes); }
};

// Kernels (C, 1, 3, 3) as (9, C).
std::vector<float> taps(const at::Tensor& weight) {
    const auto t = weight.reshape({-1, 9}).t().contiguous();
    const float* p = t.const_data_ptr<float>();
    return {p, p + t.numel()};
}

// One output row of one block. rows: the three input rows; width: their pixels.
template <int S>
void convolve(const Half* const (&rows)[3], const float* weight, Half* out, int64_t width, int64_t c) {
    Vec k[9];
    for (int i = 0; i < 9; ++i) k[i] = load<Vec>(weight + i * c);
    const auto pixel = [&](int64_t x, int left, int right) __attribute__((always_inline)) {
        Vec sum = {};
#pragma GCC unroll 3
        for (int i = 0; i < 3; ++i)
#pragma GCC unroll 3
            for (int j = left; j < right; ++j) sum += k[i * 3 + j] * load<Vec>(rows[i] + (x * S + j - 1) * c);
        store(out + x * c, sum);
    };
    const int64_t last = (width - 1) / S;
    const int end = last * S + 1 < width ? 3 : 2;
    pixel(0, 1, last ? 3 : end);
    for (int64_t x = 1; x < last; ++x) pixel(x, 0, 3);
    if (last) pixel(last, 0, end);
}

at::Tensor depthwise(const at::Tensor& x, const at::Tensor& weight, int64_t stride) {
    const int64_t n = x.size(0), c = x.size(1), h = x.size(2), w = x.size(3), s = stride;
    const int64_t oh = (h - 1) / s + 1, ow = (w - 1) / s + 1;
    const auto y = at::empty({n, c, oh, ow}, x.options(), at::MemoryFormat::ChannelsLast);
    const Half* in = data(x);
    Half* out = mutable_data(y);
    const auto k = taps(weight);
    const std::vector<Half> nothing(w * c, 0);
    const Blocks blocks(c);
    at::parallel_for(0, n * oh, 1, [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row)
            for (int64_t b = 0; b < blocks.count; ++b) {
                const int64_t first = blocks.first(b);
                const Half* rows[3];
                for (int i = 0; i < 3; ++i) {
                    const int64_t y_in = row % oh * s + i - 1;
                    rows[i] = (y_in < 0 || y_in >= h ? nothing.data() : in + (row / oh * h + y_in) * w * c) + first;
                }
                (s == 1 ? convolve<1> : convolve<2>)(rows, &k[first], out + row * ow * c + first, w, c);
            }
    });
    return y;
}

// One input row of one block: its gradient, and its share of the kernel's. rows: the gradient's rows that tap i = 0..2
// reaches, of which F, F + D, ... exist: all at stride 1, at stride 2 the middle one or the outer ones in turn.
template <int S, int F, int D>
void convolve_backward(const Half* const (&rows)[3], const Half* in, const float* weight, Half* out, float* dweight,
                       int64_t width, int64_t c) {
    Vec k[9], d[9];
    for (int i = 0; i < 9; ++i) k[i] = load<Vec>(weight + i * c), d[i] = load<Vec>(dweight + i * kLanes);
    const int64_t reach = (width - 1) / S;
    const auto pixel = [&](int64_t x, auto first, auto step, auto inside) __attribute__((always_inline)) {
        const Vec v = load<Vec>(in + x * c);
        Vec sum = {};
#pragma GCC unroll 3
        for (int i = F; i < 3; i += D)
#pragma GCC unroll 3
            for (int j = first; j < 3; j += step) {
                const int64_t from = (x + 1 - j) / S;
                if (!inside && (x + 1 - j < 0 || from > reach)) continue;
                const Vec g = load<Vec>(rows[i] + from * c);
                sum += k[i * 3 + j] * g, d[i * 3 + j] += v * g;
            }
        store(out + x * c, sum);
    };
    constexpr std::integral_constant<int, 0> zero;
    constexpr std::integral_constant<int, 1> one;
    constexpr std::integral_constant<int, 2> two;
    if constexpr (S == 1) {
        pixel(0, zero, one, std::false_type());
        for (int64_t x = 1; x < width - 1; ++x) pixel(x, zero, one, std::true_type());
        if (width > 1) pixel(width - 1, zero, one, std::false_type());
    } else {
        int64_t x = 0;
        for (; x < width - 2; x += 2) {
            pixel(x, one, two, std::true_type());
            pixel(x + 1, zero, two, std::true_type());
        }
        pixel(x, one, two, std::false_type());
        if (x + 1 < width) pixel(x + 1, zero, two, std::false_type());
    }
    for (int i = 0; i < 9; ++i) store(dweight + i * kLanes, d[i]);
}

// Gradients of `depthwise` with respect to x and weight.
std::tuple<at::Tensor, at::Tensor> depthwise_backward(const at::Tensor& gradient, const at::Tensor& x,
                                                      const at::Tensor& weight, int64_t stride) {
    const int64_t n = x.size(0), c = x.size(1), h = x.size(2), w = x.size(3), s = stride;
    const int64_t oh = gradient.size(2), ow = gradient.size(3), threads = at::get_num_threads();
    const auto dx = at::empty_like(x), dweight = at::empty_like(weight);
    const Half *in = data(x), *g = data(gradient);
    Half* out = mutable_data(dx);
    const auto k = taps(weight);
    const std::vector<Half> nothing(ow * c, 0);
    const Blocks blocks(c);
    const int64_t size = blocks.count * 9 * kLanes, share = (n * h + threads - 1) / threads;
    std::vector<float> sums(threads * size, 0.f);
    at::parallel_for(0, threads, 1, [&](int64_t begin, int64_t end) {
        for (int64_t row = begin * share; row < std::min(n * h, end * share); ++row)
            for (int64_t b = 0; b < blocks.count; ++b) {
                const int64_t first = blocks.first(b), at = row * w * c + first;
                const Half* rows[3];
                for (int i = 0; i < 3; ++i) {
                    const int64_t reached = row % h + 1 - i, y = reached / s;
                    rows[i] = (reached < 0 || y >= oh ? nothing.data() : g + (row / h * oh + y) * ow * c) + first;
                }
                const auto run = s == 1        ? convolve_backward<1, 0, 1>
                                 : row % h % 2 ? convolve_backward<2, 0, 2>
                                               : convolve_backward<2, 1, 2>;
                run(rows, in + at, &k[first], out + at, &sums[row / share * size + b * 9 * kLanes], w, c);
            }
    });
    float* dk = dweight.mutable_data_ptr<float>();
    for (int64_t b = 0; b < blocks.count; ++b)
        for (int64_t i = 0; i < 9 * kLanes; ++i) {
            float sum = 0;
            for (int64_t t = 0; t < threads; ++t) sum += sums[t * size + b * 9 * kLanes + i];
            dk[(blocks.first(b) + i % kLanes) * 9 + i / kLanes] = sum;
        }
    return {dx, dweight};
}

}  // namespace

PYBIND11_MODULE(TORCH_EXTENSION_NAME, m) {
    const auto free = pybind11::call_guard<pybind11::gil_scoped_release>();
    m.def("norm_relu", &norm_relu, free);
    m.def("norm_relu_backward", &norm_relu_backward, free);
    m.def("depthwise", &depthwise, free);
    m.def("depthwise_backward", &depthwise_backward, free);
}
