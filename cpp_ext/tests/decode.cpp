#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

#include "scrfd/faces.hpp"

using scrfd::decode;
using scrfd::Faces;
using scrfd::Level;
using scrfd::level_rows;
using scrfd::Placement;

namespace {

// One stride's outputs, all zero: no face.
struct Outputs {
    std::vector<float> scores, boxes, landmarks;
    std::int64_t stride;

    Outputs(const Placement& placement, std::int64_t step, std::int64_t anchors) : stride(step) {
        const auto rows = static_cast<std::size_t>(level_rows(placement.tensor, step, anchors));
        scores.resize(rows);
        boxes.resize(rows * 4);
        landmarks.resize(rows * 10);
    }

    void put(std::size_t row, float score, std::vector<float> distances) {
        scores[row] = score;
        std::copy(distances.begin(), distances.end(), boxes.begin() + static_cast<std::ptrdiff_t>(row * 4));
    }

    Level level(bool points = true) const {
        return {stride, scores.data(), boxes.data(), points ? landmarks.data() : nullptr};
    }
};

const float not_a_number = std::numeric_limits<float>::quiet_NaN();
const float infinite = std::numeric_limits<float>::infinity();

}  // namespace

TEST_CASE("rows run over y, x, anchor; distances and offsets count strides") {
    const Placement placement({100, 120}, {100, 120}, {128, 128});
    Outputs outputs(placement, 8, 2);
    // Cell y 2, x 3, anchor 1: centre (24, 16).
    const std::size_t row = (2 * 16 + 3) * 2 + 1;
    outputs.put(row, 0.75F, {1, 0.5F, 2, 1.5F});
    for (std::size_t i = 0; i < 10; ++i) {
        outputs.landmarks[row * 10 + i] = static_cast<float>(i) / 8;
    }
    Faces faces;
    decode({outputs.level()}, 2, 0.5F, placement, faces);
    REQUIRE(faces.size() == 1);
    CHECK(faces.scores[0] == 0.75F);
    CHECK(faces.boxes[0].x1 == 16);
    CHECK(faces.boxes[0].y1 == 12);
    CHECK(faces.boxes[0].x2 == 40);
    CHECK(faces.boxes[0].y2 == 28);
    CHECK(faces.landmarks[0][0] == 24);
    CHECK(faces.landmarks[0][1] == 17);
    CHECK(faces.landmarks[0][9] == 25);
}

TEST_CASE("x and y are mapped back by their own factor, boxes clipped to the picture") {
    // 240 x 90 shown as 120 x 30: factors 2 and 3.
    const Placement placement({90, 240}, {30, 120}, {32, 128});
    Outputs outputs(placement, 16, 1);
    outputs.put(1, 0.9F, {0.25F, 1, 0.5F, 0.25F});  // centre (16, 0)
    outputs.put(15, 0.8F, {1, 0.5F, 100, 100});     // centre (112, 16)
    Faces faces;
    decode({outputs.level(false)}, 1, 0.5F, placement, faces);
    REQUIRE(faces.size() == 2);
    CHECK_FALSE(faces.has_landmarks);
    CHECK(faces.boxes[0].x1 == 24);
    CHECK(faces.boxes[0].y1 == 0);
    CHECK(faces.boxes[0].x2 == 48);
    CHECK(faces.boxes[0].y2 == 12);
    CHECK(faces.boxes[1].x1 == 192);
    CHECK(faces.boxes[1].y1 == 24);
    CHECK(faces.boxes[1].x2 == 240);
    CHECK(faces.boxes[1].y2 == 90);
}

TEST_CASE("score at the threshold counts, below does not") {
    const Placement placement = Placement::fit({32, 32}, 32);
    Outputs outputs(placement, 8, 2);
    outputs.put(0, 0.5F, {1, 1, 1, 1});
    outputs.put(31, std::nextafter(0.5F, 0.0F), {1, 1, 1, 1});
    Faces faces;
    decode({outputs.level()}, 2, 0.5F, placement, faces);
    CHECK(faces.size() == 1);
}

TEST_CASE("what is not finite never comes out") {
    const Placement placement = Placement::fit({64, 64}, 64);
    const auto decoded_with = [&](float bad, std::size_t place) {
        Outputs outputs(placement, 16, 2);
        outputs.put(10, 0.9F, {1, 1, 1, 1});
        outputs.put(11, 0.9F, {1, 1, 1, 1});
        (place == 0  ? outputs.scores[10]
         : place < 5 ? outputs.boxes[40 + place - 1]
                     : outputs.landmarks[100 + place - 5]) = bad;
        Faces faces;
        decode({outputs.level()}, 2, 0.02F, placement, faces);
        CHECK(faces.landmarks.size() == faces.size());
        return faces.size();
    };
    for (std::size_t place = 0; place < 15; ++place) {
        for (const float bad : {not_a_number, infinite, -infinite}) {
            CHECK(decoded_with(bad, place) == 1);
        }
        // Finite, but times the stride it is not; as a score it is one.
        CHECK(decoded_with(3e38F, place) == (place == 0 ? 2 : 1));
    }
}

TEST_CASE("boxes without area inside the picture are left out") {
    const Placement placement({64, 40}, {64, 40}, {64, 64});
    Outputs outputs(placement, 8, 1);
    outputs.put(0, 0.9F, {1, 1, 0, 0});    // ends at the corner of the picture
    outputs.put(9, 0.9F, {-1, 0, 1, 1});   // no width
    outputs.put(10, 0.9F, {0, -2, 1, 1});  // upside down
    outputs.put(15, 0.9F, {1, 1, 1, 1});   // in the padding at the right
    Faces faces;
    decode({outputs.level()}, 1, 0.5F, placement, faces);
    CHECK(faces.size() == 0);
}

TEST_CASE("levels are appended in order, and decoding into a filled result adds to it") {
    const Placement placement = Placement::fit({64, 64}, 64);
    Outputs fine(placement, 8, 2), coarse(placement, 32, 2);
    fine.put(127, 0.6F, {1, 1, 1, 1});
    coarse.put(0, 0.9F, {0, 0, 1, 1});
    Faces faces;
    for (std::size_t round = 1; round <= 2; ++round) {
        decode({fine.level(), coarse.level()}, 2, 0.5F, placement, faces);
        REQUIRE(faces.size() == 2 * round);
        CHECK(faces.scores[2 * round - 2] == 0.6F);
        CHECK(faces.scores[2 * round - 1] == 0.9F);
    }
    CHECK_THROWS_AS(decode({fine.level(false)}, 2, 0.5F, placement, faces), std::invalid_argument);
}

TEST_CASE("a wrong call is refused") {
    const Placement placement = Placement::fit({64, 64}, 64);
    const Outputs outputs(placement, 8, 2);
    Faces faces;
    CHECK(level_rows({640, 640}, 8, 2) == 12800);
    CHECK_THROWS_AS(level_rows({640, 648}, 16, 2), std::invalid_argument);
    CHECK_THROWS_AS(level_rows({640, 640}, 0, 2), std::invalid_argument);
    CHECK_THROWS_AS(level_rows({640, 640}, 8, 0), std::invalid_argument);
    CHECK_THROWS_AS(level_rows({1 << 30, 1 << 30}, 1, 64), std::invalid_argument);
    CHECK_THROWS_AS(decode({}, 2, 0.5F, placement, faces), std::invalid_argument);
    CHECK_THROWS_AS(decode({outputs.level()}, 2, not_a_number, placement, faces), std::invalid_argument);
    CHECK_THROWS_AS(decode({outputs.level(), outputs.level(false)}, 2, 0.5F, placement, faces), std::invalid_argument);
    CHECK_THROWS_AS(decode({{8, nullptr, nullptr, nullptr}}, 2, 0.5F, placement, faces), std::invalid_argument);
    CHECK(faces.size() == 0);
}
