#include "scrfd/placement.hpp"

#include <doctest/doctest.h>

#include <stdexcept>

using scrfd::Placement;
using scrfd::Size;

namespace doctest {
template <>
struct StringMaker<Size> {
    static String convert(Size size) { return toString(size.height) + " x " + toString(size.width); }
};
}  // namespace doctest

TEST_CASE("fit scales the long side and pads to multiples of 32") {
    struct Case {
        Size image;
        std::int64_t side;
        Size content, tensor;
    };
    const Case cases[] = {
        {{720, 1280}, 640, {360, 640}, {384, 640}}, {{1280, 720}, 640, {640, 360}, {640, 384}},
        {{640, 640}, 640, {640, 640}, {640, 640}},  {{100, 75}, 640, {640, 480}, {640, 480}},
        {{1, 1}, 640, {640, 640}, {640, 640}},      {{10, 20000}, 640, {1, 640}, {32, 640}},
        {{20000, 10}, 640, {640, 1}, {640, 32}},    {{768, 1024}, 100, {75, 100}, {96, 128}},
        {{3, 1 << 30}, 64, {1, 64}, {32, 64}},      {{1 << 30, 1 << 30}, 640, {640, 640}, {640, 640}},
        {{427, 640}, 640, {427, 640}, {448, 640}},  {{1, 2}, 1, {1, 1}, {32, 32}},
    };
    for (const Case& one : cases) {
        const Placement placement = Placement::fit(one.image, one.side);
        CHECK(placement.image == one.image);
        CHECK(placement.content == one.content);
        CHECK(placement.tensor == one.tensor);
    }
}

TEST_CASE("fit_shape fills one side of a fixed tensor") {
    struct Case {
        Size image, tensor, content;
    };
    const Case cases[] = {
        {{720, 1280}, {640, 640}, {360, 640}}, {{1280, 720}, {640, 640}, {640, 360}},
        {{720, 1280}, {384, 640}, {360, 640}}, {{720, 1280}, {320, 640}, {320, 569}},
        {{1, 20000}, {640, 640}, {1, 640}},    {{20000, 1}, {640, 640}, {640, 1}},
        {{1 << 30, 1}, {640, 640}, {640, 1}},  {{480, 640}, {480, 640}, {480, 640}},
    };
    for (const Case& one : cases) {
        const Placement placement = Placement::fit_shape(one.image, one.tensor);
        CHECK(placement.content == one.content);
        CHECK(placement.tensor == one.tensor);
    }
}

TEST_CASE("content always fits into the tensor") {
    for (std::int64_t height = 1; height < 60; height += 3) {
        for (std::int64_t width = 1; width < 3000; width = width * 3 + 1) {
            const Placement placement = Placement::fit_shape({height, width}, {97, 33});
            CHECK(placement.content.height >= 1);
            CHECK(placement.content.width >= 1);
            CHECK((placement.content.height == 97 || placement.content.width == 33));
        }
    }
}

TEST_CASE("impossible sizes are refused") {
    CHECK_THROWS_AS(Placement({0, 5}, {1, 1}, {32, 32}), std::invalid_argument);
    CHECK_THROWS_AS(Placement({5, 5}, {33, 1}, {32, 32}), std::invalid_argument);
    CHECK_THROWS_AS(Placement::fit({-1, 5}, 640), std::invalid_argument);
    CHECK_THROWS_AS(Placement::fit({5, 5}, 0), std::invalid_argument);
    CHECK_THROWS_AS(Placement::fit({5, (std::int64_t{1} << 30) + 1}, 640), std::invalid_argument);
    CHECK_THROWS_WITH(Placement::fit({5, 0}, 640), "image must be (height, width), each 1 to 2^30 pixels, got (5, 0)");
}
