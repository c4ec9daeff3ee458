#include "scrfd/letterbox.hpp"

#include <algorithm>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

#include "check.hpp"
#include "filter.hpp"
#include "kernels.hpp"

namespace scrfd {
namespace {

template <typename T>
Affine affine_of(const Normalization& n, double input_scale) {
    const double factor = 1.0 / (double{n.std} * n.scale);
    return {static_cast<float>(factor * input_scale), static_cast<float>(-n.mean * factor + n.zero_point),
            static_cast<float>(std::numeric_limits<T>::lowest()), static_cast<float>(std::numeric_limits<T>::max())};
}

template <typename T>
T padding_of(const Normalization& n) {
    const Affine affine = affine_of<T>(n, 1.0);
    const float value = n.pad * affine.factor + affine.offset;
    if constexpr (std::is_floating_point_v<T>) {
        return value;
    } else {
        return static_cast<T>(std::lrintf(std::clamp(value, affine.low, affine.high)));
    }
}

void check(const Image& image, const Placement& placement, const Normalization& n) {
    require(image.data != nullptr, "image must have pixels, got a null pointer");
    require(image.channels == 1 || image.channels == 3 || image.channels == 4,
            "image must have 1, 3 or 4 channels, got ", image.channels);
    require(image.size == placement.image, "placement is for an image of ", placement.image, ", got one of ",
            image.size);
    require(image.size.width * image.channels <= std::numeric_limits<std::int32_t>::max(), "image rows of ",
            image.size.width, " pixels are too long to resize");
    require(std::isfinite(n.std) && n.std > 0, "std must be a finite number above 0, got ", n.std);
    require(std::isfinite(n.scale) && n.scale > 0, "scale must be a finite number above 0, got ", n.scale);
    require(std::isfinite(n.mean) && std::isfinite(n.pad), "mean and pad must be finite, got ", n.mean, " and ", n.pad);
    require(n.zero_point >= -128 && n.zero_point <= 255, "zero_point must be -128 to 255, got ", n.zero_point);
}

// Source rows one after another as the network's rows ask for them: rows are mixed first, as whole vectors, then
// pixels within the one mixed row.
class Resizer {
 public:
    Resizer(const Image& image, Size content)
        : image_(image),
          elements_(image.size.width * image.channels),
          down_(image.size.height, content.height, 1 << (area_averaged(image.size.height, content.height) ? 8 : 14)),
          across_(image.size.width, content.width, 1 << 14),
          offsets_(across_.first),
          row_(static_cast<std::size_t>(elements_ + across_.pairs * 2 * image.channels + row_slack)) {
        for (std::int32_t& offset : offsets_) {
            offset *= image.channels;
        }
    }

    template <typename T>
    void row(std::int64_t y, Affine affine, const Planes<T>& out) {
        mix(static_cast<std::size_t>(y));
        const Taps taps{offsets_.data(), across_.weights.data(), across_.pairs,
                        static_cast<std::int64_t>(offsets_.size())};
        kernels().pixels<T>().sample(row_.data(), image_.channels, taps, affine, out);
    }

 private:
    void mix(std::size_t y) {
        const std::uint8_t* top = image_.data + down_.first[y] * image_.row_stride;
        const std::int16_t* weights = down_.weights.data() + y * 2 * static_cast<std::size_t>(down_.pairs);
        if (down_.averaged) {
            kernels().average(top, image_.row_stride, weights, down_.used(y), elements_, row_.data());
        } else {
            const std::uint8_t* bottom = weights[1] > 0 ? top + image_.row_stride : top;
            // From 2^14 to 2^15, where 1 itself does not fit.
            const auto weight = static_cast<std::int16_t>(std::min(2 * weights[1], 32767));
            kernels().blend(top, bottom, weight, elements_, row_.data());
        }
    }

    const Image& image_;
    std::int64_t elements_;
    Filter down_;
    Filter across_;
    std::vector<std::int32_t> offsets_;
    std::vector<std::int16_t> row_;
};

template <typename T>
Planes<T> planes_at(T* out, Size tensor, Layout layout, bool swap, std::int64_t y) {
    Planes<T> planes{};
    planes.step = layout == Layout::chw ? 1 : 3;
    for (std::int64_t c = 0; c < 3; ++c) {
        planes.channel[c] =
            layout == Layout::chw ? out + (c * tensor.height + y) * tensor.width : out + y * tensor.width * 3 + c;
    }
    if (swap) {
        std::swap(planes.channel[0], planes.channel[2]);
    }
    return planes;
}

template <typename T>
void fill(const Planes<T>& planes, std::int64_t from, std::int64_t to, T value) {
    for (T* channel : planes.channel) {
        for (std::int64_t x = from; x < to; ++x) {
            channel[x * planes.step] = value;
        }
    }
}

}  // namespace

template <typename T>
void letterbox(const Image& image, const Placement& placement, Layout layout, const Normalization& normalization,
               T* out) {
    check(image, placement, normalization);
    require(out != nullptr, "out must hold the tensor, got a null pointer");
    const Size content = placement.content;
    const Size tensor = placement.tensor;
    const T padding = padding_of<T>(normalization);
    const bool same_size = content == image.size;
    const Affine from_pixels = affine_of<T>(normalization, 1.0);
    // A mixed and sampled value counts 2^-6 * 2^-14 gray levels.
    const Affine from_samples = affine_of<T>(normalization, 1.0 / (1 << 20));
    Resizer resizer(image, content);
    for (std::int64_t y = 0; y < tensor.height; ++y) {
        const Planes<T> planes = planes_at(out, tensor, layout, normalization.swap, y);
        if (y >= content.height) {
            fill(planes, 0, tensor.width, padding);
            continue;
        }
        if (same_size) {
            kernels().pixels<T>().normalize(image.data + y * image.row_stride, image.channels, content.width,
                                            from_pixels, planes);
        } else {
            resizer.row(y, from_samples, planes);
        }
        fill(planes, content.width, tensor.width, padding);
    }
}

template void letterbox(const Image&, const Placement&, Layout, const Normalization&, float*);
template void letterbox(const Image&, const Placement&, Layout, const Normalization&, std::uint8_t*);
template void letterbox(const Image&, const Placement&, Layout, const Normalization&, std::int8_t*);

}  // namespace scrfd
