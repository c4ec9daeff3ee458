#include "scrfd/quantize.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <stdexcept>

TEST_CASE("dequantize covers the range of both types") {
    const std::int8_t signed_in[] = {-128, -1, 0, 127};
    const std::uint8_t unsigned_in[] = {0, 1, 128, 255};
    float out[4];
    scrfd::dequantize(signed_in, 4, 0.5F, -128, out);
    CHECK(out[0] == 0);
    CHECK(out[3] == 127.5F);
    scrfd::dequantize(unsigned_in, 4, 0.25F, 128, out);
    CHECK(out[0] == -32);
    CHECK(out[2] == 0);
    CHECK(out[3] == 31.75F);
    scrfd::dequantize(unsigned_in, 0, 1.0F, 0, static_cast<float*>(nullptr));
}

TEST_CASE("a wrong scale or zero point is refused") {
    const std::int8_t in[] = {1};
    float out[1];
    for (const float scale : {0.0F, -1.0F, std::numeric_limits<float>::quiet_NaN()}) {
        CHECK_THROWS_AS(scrfd::dequantize(in, 1, scale, 0, out), std::invalid_argument);
    }
    CHECK_THROWS_AS(scrfd::dequantize(in, 1, 1.0F, 256, out), std::invalid_argument);
}
