#include "filter.hpp"

#include <doctest/doctest.h>

using scrfd::Filter;

TEST_CASE("weights add up and stay inside the source") {
    for (const std::int64_t source : {1, 2, 3, 7, 64, 639, 640, 1281, 20000}) {
        for (const std::int64_t target : {1, 2, 5, 32, 320, 640}) {
            for (const int unit : {256, 16384}) {
                const Filter filter(source, target, unit);
                for (std::int64_t i = 0; i < target; ++i) {
                    const auto at = static_cast<std::size_t>(i);
                    int sum = 0;
                    for (std::int64_t k = 0; k < 2 * filter.pairs; ++k) {
                        const int weight =
                            filter
                                .weights[at * 2 * static_cast<std::size_t>(filter.pairs) + static_cast<std::size_t>(k)];
                        REQUIRE(weight >= 0);
                        REQUIRE((weight == 0 || filter.first[at] + k < source));
                        sum += weight;
                    }
                    REQUIRE(sum == unit);
                    REQUIRE(filter.first[at] >= 0);
                    REQUIRE(filter.first[at] < source);
                }
            }
        }
    }
}

TEST_CASE("bilinear up to a reduction by 2, areas beyond") {
    CHECK_FALSE(Filter(1280, 640, 16384).averaged);
    CHECK(Filter(1281, 640, 16384).averaged);
    const Filter half(4, 2, 16384);
    CHECK(half.first == std::vector<std::int32_t>{0, 2});
    CHECK(half.weights == std::vector<std::int16_t>{8192, 8192, 8192, 8192});
    const Filter thirds(6, 2, 256);
    CHECK(thirds.pairs == 2);
    CHECK(thirds.weights == std::vector<std::int16_t>{85, 86, 85, 0, 85, 86, 85, 0});
    // 5 to 2: halves of the middle position belong to both.
    CHECK(Filter(5, 2, 1000).weights == std::vector<std::int16_t>{400, 400, 200, 0, 200, 400, 400, 0});
}

TEST_CASE("edges are repeated when enlarging") {
    const Filter filter(2, 4, 16384);
    CHECK(filter.first == std::vector<std::int32_t>{0, 0, 0, 1});
    CHECK(filter.weights == std::vector<std::int16_t>{16384, 0, 12288, 4096, 4096, 12288, 16384, 0});
}
