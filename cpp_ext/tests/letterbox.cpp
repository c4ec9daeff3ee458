#include "scrfd/letterbox.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <stdexcept>
#include <vector>

using scrfd::Image;
using scrfd::Layout;
using scrfd::letterbox;
using scrfd::Normalization;
using scrfd::Placement;
using scrfd::Size;

namespace {

struct Picture {
    Size size;
    int channels;
    std::vector<std::uint8_t> pixels;

    Picture(Size shape, int count) : size(shape), channels(count) {
        std::mt19937 random(static_cast<unsigned>(shape.height * 31 + shape.width));
        pixels.resize(static_cast<std::size_t>(shape.height * shape.width * count));
        for (std::uint8_t& pixel : pixels) {
            pixel = static_cast<std::uint8_t>(random() & 255U);
        }
    }

    Image view() const { return {pixels.data(), size, channels, static_cast<std::ptrdiff_t>(size.width * channels)}; }

    int at(std::int64_t y, std::int64_t x, std::int64_t channel) const {
        const std::int64_t c = channels == 1 ? 0 : channel;
        return pixels[static_cast<std::size_t>((y * size.width + x) * channels + c)];
    }
};

// The textbook version: one value at a time, in double.
double along(std::int64_t i, std::int64_t source, std::int64_t target, std::int64_t k) {
    const double scale = static_cast<double>(source) / static_cast<double>(target);
    if (source > 2 * target) {
        const double low = std::max(static_cast<double>(k), static_cast<double>(i) * scale);
        const double high = std::min(static_cast<double>(k + 1), static_cast<double>(i + 1) * scale);
        return std::max(0.0, high - low) / scale;
    }
    const double at = std::clamp((static_cast<double>(i) + 0.5) * scale - 0.5, 0.0, static_cast<double>(source - 1));
    return std::max(0.0, 1 - std::abs(at - static_cast<double>(k)));
}

double resized(const Picture& picture, Size content, std::int64_t y, std::int64_t x, std::int64_t c) {
    double sum = 0;
    for (std::int64_t sy = 0; sy < picture.size.height; ++sy) {
        const double down = along(y, picture.size.height, content.height, sy);
        for (std::int64_t sx = 0; down > 0 && sx < picture.size.width; ++sx) {
            sum += down * along(x, picture.size.width, content.width, sx) * picture.at(sy, sx, c);
        }
    }
    return sum;
}

template <typename T>
std::vector<T> run(const Picture& picture, const Placement& placement, Layout layout, const Normalization& n) {
    std::vector<T> out(static_cast<std::size_t>(3 * placement.tensor.height * placement.tensor.width), T{77});
    letterbox(picture.view(), placement, layout, n, out.data());
    return out;
}

const Normalization gray_levels{false, 0, 1, 127.5F, 1, 0};

}  // namespace

TEST_CASE("letterbox equals the textbook resize within one gray level, two where it shrinks by more than 16") {
    const Size sizes[] = {{1, 1}, {2, 3}, {17, 5}, {40, 64}, {33, 31}, {90, 70}, {3, 200}, {200, 3}, {64, 64}};
    for (const Size size : sizes) {
        for (const int channels : {1, 3, 4}) {
            const Picture picture(size, channels);
            for (const std::int64_t side : {5, 31, 64}) {
                const Placement placement = Placement::fit(size, side);
                const std::vector<float> out = run<float>(picture, placement, Layout::chw, gray_levels);
                double worst = 0;
                for (std::int64_t c = 0; c < 3; ++c) {
                    for (std::int64_t y = 0; y < placement.tensor.height; ++y) {
                        for (std::int64_t x = 0; x < placement.tensor.width; ++x) {
                            const bool inside = y < placement.content.height && x < placement.content.width;
                            const double expected = inside ? resized(picture, placement.content, y, x, c) : 127.5;
                            const auto at = (c * placement.tensor.height + y) * placement.tensor.width + x;
                            worst = std::max(worst, std::abs(expected - out[static_cast<std::size_t>(at)]));
                        }
                    }
                }
                CAPTURE(size.height);
                CAPTURE(size.width);
                CAPTURE(side);
                CHECK(worst < (std::max(size.height, size.width) > 16 * side ? 2.0 : 1.0));
            }
        }
    }
}

TEST_CASE("layouts, swap and integers tell the same story") {
    for (const Size size : {Size{45, 61}, Size{64, 64}}) {
        const Picture picture(size, 3);
        const Placement placement = Placement::fit(size, 64);
        const std::int64_t area = placement.tensor.height * placement.tensor.width;
        Normalization n;
        const std::vector<float> chw = run<float>(picture, placement, Layout::chw, n);
        const std::vector<float> hwc = run<float>(picture, placement, Layout::hwc, n);
        n.swap = true;
        const std::vector<float> swapped = run<float>(picture, placement, Layout::chw, n);
        n.swap = false;
        n.scale = 1 / 64.0F;
        n.zero_point = 3;
        const std::vector<std::int8_t> chw_int8 = run<std::int8_t>(picture, placement, Layout::chw, n);
        const std::vector<std::int8_t> hwc_int8 = run<std::int8_t>(picture, placement, Layout::hwc, n);
        n.zero_point = 128;
        const std::vector<std::uint8_t> chw_uint8 = run<std::uint8_t>(picture, placement, Layout::chw, n);
        for (std::int64_t i = 0; i < area; ++i) {
            for (std::int64_t c = 0; c < 3; ++c) {
                const auto planar = static_cast<std::size_t>(c * area + i);
                const auto packed = static_cast<std::size_t>(i * 3 + c);
                REQUIRE(chw[planar] == hwc[packed]);
                REQUIRE(chw[planar] == swapped[static_cast<std::size_t>((2 - c) * area + i)]);
                REQUIRE(std::abs(chw_int8[planar] - (chw[planar] * 64 + 3)) <= 0.501);
                REQUIRE(chw_int8[planar] == hwc_int8[packed]);
                REQUIRE(std::abs(chw_uint8[planar] - (chw[planar] * 64 + 128)) <= 0.501);
            }
        }
    }
}

TEST_CASE("integers are clamped, and padding is the gray level asked for") {
    Picture picture({4, 40}, 3);
    const Placement placement = Placement::fit(picture.size, 40);
    std::fill(picture.pixels.begin(), picture.pixels.end(), std::uint8_t{255});
    Normalization n;
    n.scale = 1.0F / 1024;
    const std::vector<std::int8_t> bright = run<std::int8_t>(picture, placement, Layout::chw, n);
    CHECK(bright[0] == 127);
    CHECK(bright.back() == 0);
    std::fill(picture.pixels.begin(), picture.pixels.end(), std::uint8_t{0});
    CHECK(run<std::int8_t>(picture, placement, Layout::chw, n)[0] == -128);
    n.zero_point = 255;
    n.scale = 1e-30F;
    CHECK(run<std::uint8_t>(picture, placement, Layout::hwc, n)[0] == 0);
    // Raw pixels for a network that normalises by itself.
    CHECK(run<std::uint8_t>(picture, placement, Layout::hwc, gray_levels).back() == 128);
    CHECK(run<float>(picture, placement, Layout::chw, Normalization{}).back() == 0.0F);
}

TEST_CASE("rows may lie apart or run upwards") {
    const Picture picture({30, 20}, 3);
    for (const std::int64_t side : {13, 30, 64}) {
        const Placement placement = Placement::fit(picture.size, side);
        const std::vector<float> straight = run<float>(picture, placement, Layout::chw, Normalization{});
        // The same rows in reverse order, 7 bytes apart, read from the last one upwards.
        const std::ptrdiff_t stride = 20 * 3 + 7;
        std::vector<std::uint8_t> reversed(static_cast<std::size_t>(30 * stride - 7));
        for (std::ptrdiff_t y = 0; y < 30; ++y) {
            std::copy_n(picture.pixels.begin() + y * 60, 60, reversed.begin() + (29 - y) * stride);
        }
        const Image view{reversed.data() + 29 * stride, picture.size, 3, -stride};
        std::vector<float> out(straight.size());
        letterbox(view, placement, Layout::chw, Normalization{}, out.data());
        CHECK(out == straight);
    }
}

TEST_CASE("a wrong call is refused") {
    const Picture picture({8, 8}, 3);
    const Placement placement = Placement::fit(picture.size, 32);
    std::vector<float> out(3 * 32 * 32);
    const auto refuse = [&](Image image, Normalization n) {
        CHECK_THROWS_AS(letterbox(image, placement, Layout::chw, n, out.data()), std::invalid_argument);
    };
    Image image = picture.view();
    image.channels = 2;
    refuse(image, {});
    image = picture.view();
    image.size = {8, 7};
    refuse(image, {});
    image = picture.view();
    image.data = nullptr;
    refuse(image, {});
    const float nan = std::numeric_limits<float>::quiet_NaN();
    refuse(picture.view(), {false, nan, 1, 0, 1, 0});
    refuse(picture.view(), {false, 0, 0, 0, 1, 0});
    refuse(picture.view(), {false, 0, 1, nan, 1, 0});
    refuse(picture.view(), {false, 0, 1, 0, -1, 0});
    refuse(picture.view(), {false, 0, 1, 0, 1, 256});
    CHECK_THROWS_AS(letterbox<float>(picture.view(), placement, Layout::chw, {}, nullptr), std::invalid_argument);
}
