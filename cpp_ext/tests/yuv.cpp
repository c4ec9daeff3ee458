#include "scrfd/yuv.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <stdexcept>
#include <vector>

using scrfd::Plane;
using scrfd::Size;
using scrfd::yuv420_to_rgb;

namespace {

Plane plane_of(const std::vector<std::uint8_t>& bytes, std::int64_t row_stride, std::int64_t pixel_stride) {
    return {bytes.data(), static_cast<std::int64_t>(bytes.size()), row_stride, pixel_stride};
}

std::uint8_t level(double value) { return static_cast<std::uint8_t>(std::clamp(std::floor(value + 0.5), 0.0, 255.0)); }

}  // namespace

TEST_CASE("strides and odd sizes: every pixel equals the formula within one level") {
    std::mt19937 random(2);
    for (const Size size : {Size{1, 1}, Size{2, 2}, Size{5, 7}, Size{6, 9}}) {
        for (const std::int64_t pixel_stride : {1, 2}) {
            const Size chroma{(size.height + 1) / 2, (size.width + 1) / 2};
            const std::int64_t y_stride = size.width + 3, c_stride = chroma.width * pixel_stride + 5;
            // The last row ends at its last pixel, as Android hands it over.
            std::vector<std::uint8_t> y(static_cast<std::size_t>((size.height - 1) * y_stride + size.width));
            std::vector<std::uint8_t> u(
                static_cast<std::size_t>((chroma.height - 1) * c_stride + (chroma.width - 1) * pixel_stride + 1));
            std::vector<std::uint8_t> v(u.size());
            for (auto* plane : {&y, &u, &v}) {
                for (std::uint8_t& byte : *plane) {
                    byte = static_cast<std::uint8_t>(random() & 255U);
                }
            }
            std::vector<std::uint8_t> rgb(static_cast<std::size_t>(size.height * size.width * 3));
            yuv420_to_rgb(plane_of(y, y_stride, 1), plane_of(u, c_stride, pixel_stride),
                          plane_of(v, c_stride, pixel_stride), size, rgb.data());
            for (std::int64_t row = 0; row < size.height; ++row) {
                for (std::int64_t x = 0; x < size.width; ++x) {
                    const double luma = y[static_cast<std::size_t>(row * y_stride + x)];
                    const auto at = static_cast<std::size_t>(row / 2 * c_stride + x / 2 * pixel_stride);
                    const double cb = u[at] - 128.0, cr = v[at] - 128.0;
                    const auto pixel = static_cast<std::size_t>((row * size.width + x) * 3);
                    CHECK(std::abs(rgb[pixel] - level(luma + 1.402 * cr)) <= 1);
                    CHECK(std::abs(rgb[pixel + 1] - level(luma - 0.344136 * cb - 0.714136 * cr)) <= 1);
                    CHECK(std::abs(rgb[pixel + 2] - level(luma + 1.772 * cb)) <= 1);
                }
            }
        }
    }
}

TEST_CASE("gray stays gray, and primary colours come out right") {
    const auto convert = [](std::uint8_t y, std::uint8_t u, std::uint8_t v) {
        std::vector<std::uint8_t> rgb(3);
        yuv420_to_rgb(plane_of({y}, 1, 1), plane_of({u}, 1, 1), plane_of({v}, 1, 1), {1, 1}, rgb.data());
        return rgb;
    };
    for (int gray = 0; gray < 256; ++gray) {
        const auto byte = static_cast<std::uint8_t>(gray);
        CHECK(convert(byte, 128, 128) == std::vector<std::uint8_t>{byte, byte, byte});
    }
    CHECK(convert(76, 85, 255) == std::vector<std::uint8_t>{254, 0, 0});
}

TEST_CASE("a turned picture has the same pixels, each where a clockwise turn takes it") {
    using scrfd::Turn;
    const Size size{3, 5};
    std::vector<std::uint8_t> y(15), u(6), v(6);
    for (auto* plane : {&y, &u, &v}) {
        for (std::size_t i = 0; i < plane->size(); ++i) {
            (*plane)[i] = static_cast<std::uint8_t>(90 + 5 * i + plane->size());
        }
    }
    const auto convert = [&](Turn turn) {
        std::vector<std::uint8_t> rgb(45);
        yuv420_to_rgb(plane_of(y, 5, 1), plane_of(u, 3, 1), plane_of(v, 3, 1), size, rgb.data(), turn);
        return rgb;
    };
    const std::vector<std::uint8_t> upright = convert(Turn::none);
    const std::vector<std::uint8_t> quarter = convert(Turn::quarter), half = convert(Turn::half),
                                    three = convert(Turn::three_quarters);
    for (std::size_t row = 0; row < 3; ++row) {
        for (std::size_t x = 0; x < 5; ++x) {
            for (std::size_t c = 0; c < 3; ++c) {
                const std::uint8_t expected = upright[(row * 5 + x) * 3 + c];
                CHECK(quarter[(x * 3 + 2 - row) * 3 + c] == expected);
                CHECK(half[((2 - row) * 5 + 4 - x) * 3 + c] == expected);
                CHECK(three[((4 - x) * 3 + row) * 3 + c] == expected);
            }
        }
    }
}

TEST_CASE("planes that are too short are refused") {
    const std::vector<std::uint8_t> y(16), c(4);
    std::vector<std::uint8_t> rgb(48);
    const Plane luma = plane_of(y, 4, 1), chroma = plane_of(c, 2, 1);
    yuv420_to_rgb(luma, chroma, chroma, {4, 4}, rgb.data());
    const auto refuse = [&](Plane y_plane, Plane u_plane, Plane v_plane, Size size) {
        CHECK_THROWS_AS(yuv420_to_rgb(y_plane, u_plane, v_plane, size, rgb.data()), std::invalid_argument);
    };
    Plane wrong = luma;
    wrong.bytes = 15;
    refuse(wrong, chroma, chroma, {4, 4});
    wrong = chroma;
    wrong.pixel_stride = 2;
    refuse(luma, wrong, chroma, {4, 4});
    refuse(luma, chroma, wrong, {4, 4});
    wrong = chroma;
    wrong.row_stride = 0;
    refuse(luma, wrong, chroma, {4, 4});
    wrong.data = nullptr;
    refuse(luma, wrong, chroma, {4, 4});
    refuse(luma, chroma, chroma, {0, 4});
    refuse(luma, chroma, chroma, {std::int64_t{1} << 30, std::int64_t{1} << 30});
}
