#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <stdexcept>
#include <vector>

#include "scrfd/faces.hpp"

using scrfd::Box;
using scrfd::Faces;
using scrfd::nms;

namespace {

Faces faces_of(const std::vector<Box>& boxes, const std::vector<float>& scores) {
    Faces faces;
    faces.boxes = boxes;
    faces.scores = scores;
    return faces;
}

// The textbook version: all pairs.
std::vector<std::size_t> slow_nms(const Faces& faces, float threshold) {
    std::vector<std::size_t> order(faces.size()), kept;
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return faces.scores[a] > faces.scores[b]; });
    for (const std::size_t i : order) {
        const Box& a = faces.boxes[i];
        const bool suppressed = std::any_of(kept.begin(), kept.end(), [&](std::size_t k) {
            const Box& b = faces.boxes[k];
            const float width = std::max(0.0F, std::min(a.x2, b.x2) - std::max(a.x1, b.x1));
            const float height = std::max(0.0F, std::min(a.y2, b.y2) - std::max(a.y1, b.y1));
            const float both = width * height;
            const float areas = (b.x2 - b.x1) * (b.y2 - b.y1) + (a.x2 - a.x1) * (a.y2 - a.y1);
            return both > threshold * (areas - both);
        });
        if (!suppressed) {
            kept.push_back(i);
        }
    }
    return kept;
}

}  // namespace

TEST_CASE("a box goes only when its IoU is above the threshold") {
    // IoU of the first two is exactly 1/3; no +1 in the areas.
    const Faces faces = faces_of({{0, 0, 10, 10}, {5, 0, 15, 10}, {20, 0, 30, 10}}, {0.9F, 0.8F, 0.7F});
    CHECK(nms({&faces}, 0.34F).size() == 3);
    CHECK(nms({&faces}, 0.33F).size() == 2);
    CHECK(nms({&faces}, 0).size() == 2);
    CHECK(nms({&faces}, 1).size() == 3);
}

TEST_CASE("equal scores: the earlier candidate wins, across several sets too") {
    const Faces first = faces_of({{0, 0, 10, 10}, {1, 0, 11, 10}}, {0.5F, 0.5F});
    const Faces second = faces_of({{0, 1, 10, 11}, {50, 50, 60, 60}}, {0.5F, 0.9F});
    const Faces merged = nms({&first, &second}, 0.4F);
    REQUIRE(merged.size() == 2);
    CHECK(merged.scores == std::vector<float>{0.9F, 0.5F});
    CHECK(merged.boxes[1].x1 == 0);
    CHECK(merged.boxes[1].y1 == 0);
}

TEST_CASE("max_faces keeps the best") {
    const Faces faces = faces_of({{0, 0, 9, 9}, {20, 0, 29, 9}, {40, 0, 49, 9}}, {0.3F, 0.9F, 0.6F});
    CHECK(nms({&faces}, 0.4F, 2).scores == std::vector<float>{0.9F, 0.6F});
    CHECK(nms({&faces}, 0.4F, 1).scores == std::vector<float>{0.9F});
    CHECK(nms({&faces}, 0.4F, 100).size() == 3);
}

TEST_CASE("landmarks follow their boxes") {
    Faces faces = faces_of({{0, 0, 9, 9}, {20, 0, 29, 9}}, {0.3F, 0.9F});
    faces.has_landmarks = true;
    faces.landmarks = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, {11, 12, 13, 14, 15, 16, 17, 18, 19, 20}};
    const Faces kept = nms({&faces}, 0.4F);
    REQUIRE(kept.landmarks.size() == 2);
    CHECK(kept.landmarks[0][0] == 11);
    CHECK(kept.landmarks[1][9] == 10);
}

TEST_CASE("crowds equal the textbook version, whatever their shape") {
    std::mt19937 random(1);
    for (int round = 0; round < 60; ++round) {
        const std::size_t count = std::size_t{1} << (round % 12);
        // Coarse grids make ties and equal boxes common; the offset tests far coordinates.
        const float grid = round % 3 == 0 ? 8.0F : 0.01F;
        const float offset = round % 5 == 0 ? 1e6F : 0.0F;
        std::uniform_real_distribution<float> place(0, 500), side(1, round % 4 == 0 ? 400.0F : 40.0F), score(0, 1);
        Faces faces;
        for (std::size_t i = 0; i < count; ++i) {
            const auto snap = [&](float v) { return std::floor(v / grid) * grid; };
            const float x = offset + snap(place(random)), y = snap(place(random));
            faces.boxes.push_back({x, y, x + snap(side(random)) + 1, y + snap(side(random)) + 1});
            faces.scores.push_back(std::floor(score(random) * 50) / 50);
        }
        for (const float threshold : {0.0F, 0.2F, 0.45F, 0.9F}) {
            const std::vector<std::size_t> expected = slow_nms(faces, threshold);
            const Faces kept = nms({&faces}, threshold);
            REQUIRE(kept.size() == expected.size());
            for (std::size_t i = 0; i < expected.size(); ++i) {
                REQUIRE(kept.scores[i] == faces.scores[expected[i]]);
                REQUIRE(kept.boxes[i].x1 == faces.boxes[expected[i]].x1);
                REQUIRE(kept.boxes[i].y2 == faces.boxes[expected[i]].y2);
            }
        }
    }
}

TEST_CASE("boxes one above the other are found whatever the threshold") {
    Faces faces;
    for (int i = 0; i < 300; ++i) {
        faces.boxes.push_back({10, 10, 30, 30});
        faces.scores.push_back(0.9F);
    }
    CHECK(nms({&faces}, 0.0F).size() == 1);
    CHECK(nms({&faces}, 0.4F).size() == 1);
}

TEST_CASE("nothing in, nothing out; a wrong call is refused") {
    const Faces empty;
    Faces with_landmarks;
    with_landmarks.has_landmarks = true;
    CHECK(nms({}, 0.4F).size() == 0);
    CHECK(nms({&empty, &empty}, 0.4F).size() == 0);
    CHECK(nms({&with_landmarks}, 0.4F).has_landmarks);
    CHECK_THROWS_AS(nms({&empty, &with_landmarks}, 0.4F), std::invalid_argument);
    CHECK_THROWS_AS(nms({&empty}, -0.1F), std::invalid_argument);
    CHECK_THROWS_AS(nms({&empty}, 1.1F), std::invalid_argument);
    CHECK_THROWS_AS(nms({&empty}, std::numeric_limits<float>::quiet_NaN()), std::invalid_argument);
    CHECK_THROWS_AS(nms({&empty}, 0.4F, 0), std::invalid_argument);
}
