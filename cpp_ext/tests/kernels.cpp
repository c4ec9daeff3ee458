// The kernels of the best instruction set against those of the baseline, bit by bit.
#include "kernels.hpp"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

using namespace scrfd;

namespace {

std::vector<std::uint8_t> random_bytes(std::size_t count) {
    std::mt19937 random(7);
    std::vector<std::uint8_t> bytes(count);
    for (std::uint8_t& byte : bytes) {
        byte = static_cast<std::uint8_t>(random() & 255U);
    }
    return bytes;
}

template <typename T>
std::vector<T> sampled(const Kernels& kernels, int channels, std::int64_t count, std::int64_t pairs) {
    std::mt19937 random(3);
    const std::int64_t source = 3 * count + 2 * pairs;
    std::vector<std::int16_t> row(static_cast<std::size_t>(source * channels + row_slack));
    for (std::int16_t& value : row) {
        value = static_cast<std::int16_t>(random() % 16321U);
    }
    std::vector<std::int32_t> first;
    std::vector<std::int16_t> weights;
    for (std::int64_t x = 0; x < count; ++x) {
        first.push_back(static_cast<std::int32_t>(3 * x * channels));
        for (std::int64_t k = 0; k < 2 * pairs; ++k) {
            weights.push_back(static_cast<std::int16_t>(16384 / (2 * pairs)));
        }
    }
    std::vector<T> out(static_cast<std::size_t>(3 * count), T{9});
    for (const std::int64_t step : {1, 3}) {
        const std::int64_t apart = step == 1 ? count : 1;
        const Planes<T> planes{{out.data(), out.data() + apart, out.data() + 2 * apart}, step};
        const Affine affine{1.0F / (1 << 20), -100, -128, 127};
        kernels.pixels<T>().sample(row.data(), channels, {first.data(), weights.data(), pairs, count}, affine, planes);
    }
    return out;
}

template <typename T>
std::vector<T> normalized(const Kernels& kernels, int channels, std::int64_t count) {
    // Exactly as long as the pixels: a sanitizer sees every read beyond.
    const std::vector<std::uint8_t> row = random_bytes(static_cast<std::size_t>(count * channels));
    std::vector<T> out(static_cast<std::size_t>(3 * count), T{9});
    const Planes<T> planes{{out.data(), out.data() + count, out.data() + 2 * count}, 1};
    kernels.pixels<T>().normalize(row.data(), channels, count, {0.37F, -17.3F, -128, 127}, planes);
    return out;
}

}  // namespace

TEST_CASE("every instruction set gives the same bits") {
    const Kernels& best = kernels();
    const Kernels& plain = baseline_kernels();
    MESSAGE("comparing ", std::string(best.name), " with ", std::string(plain.name));
    for (const std::int64_t count : {1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 101}) {
        for (const int channels : {1, 3, 4}) {
            CHECK(normalized<float>(best, channels, count) == normalized<float>(plain, channels, count));
            CHECK(normalized<std::int8_t>(best, channels, count) == normalized<std::int8_t>(plain, channels, count));
            CHECK(normalized<std::uint8_t>(best, channels, count) == normalized<std::uint8_t>(plain, channels, count));
            for (const std::int64_t pairs : {1, 2, 5}) {
                CHECK(sampled<float>(best, channels, count, pairs) == sampled<float>(plain, channels, count, pairs));
                CHECK(sampled<std::int8_t>(best, channels, count, pairs) ==
                      sampled<std::int8_t>(plain, channels, count, pairs));
            }
        }
        const auto length = static_cast<std::size_t>(count);
        const std::vector<std::uint8_t> rows = random_bytes(3 * length);
        const std::int16_t weights[] = {100, 56, 100};
        std::vector<std::int16_t> a(length), b(length);
        best.blend(rows.data(), rows.data() + count, 12345, count, a.data());
        plain.blend(rows.data(), rows.data() + count, 12345, count, b.data());
        CHECK(a == b);
        best.average(rows.data(), count, weights, 3, count, a.data());
        plain.average(rows.data(), count, weights, 3, count, b.data());
        CHECK(a == b);
        CHECK(a[0] == (rows[0] * 100 + rows[length] * 56 + rows[2 * length] * 100) / 4);
    }
}

TEST_CASE("blend mixes two rows in 1/64 gray levels") {
    const std::uint8_t top[] = {0, 255, 10, 200};
    const std::uint8_t bottom[] = {255, 0, 10, 100};
    std::int16_t out[4];
    kernels().blend(top, bottom, 0, 4, out);
    CHECK(out[1] == 255 * 64);
    kernels().blend(top, bottom, 16384, 4, out);
    CHECK(out[0] == 255 * 32);
    CHECK(out[2] == 640);
    CHECK(out[3] == 150 * 64);
}

TEST_CASE("overlaps agrees between instruction sets around the threshold") {
    std::mt19937 random(5);
    std::uniform_real_distribution<float> uniform(0, 10);
    std::vector<float> columns[5];
    for (int i = 0; i < 32; ++i) {
        const float x = uniform(random), y = uniform(random), w = uniform(random), h = uniform(random);
        const float values[] = {x, y, x + w, y + h, w * h};
        for (std::size_t c = 0; c < 5; ++c) {
            columns[c].push_back(values[c]);
        }
    }
    for (int i = 0; i < 2000; ++i) {
        const float x = uniform(random), y = uniform(random), w = uniform(random), h = uniform(random);
        const std::int64_t count = box_block * (i % 4 + 1);
        const BoxColumns kept{columns[0].data(), columns[1].data(), columns[2].data(),
                              columns[3].data(), columns[4].data(), count};
        const Box box{x, y, x + w, y + h};
        const float threshold = uniform(random) / 10;
        CHECK(kernels().overlaps(kept, box, w * h, threshold) ==
              baseline_kernels().overlaps(kept, box, w * h, threshold));
    }
}
