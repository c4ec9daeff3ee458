// Raw network outputs become faces: anchor decoding and non-maximum suppression.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "scrfd/placement.hpp"

namespace scrfd {

struct Box {
    float x1, y1, x2, y2;
};

// x and y of five points: the eye on the left of the picture, the other eye, nose, mouth corner left, right.
using Landmarks = std::array<float, 10>;

// Columns of equal length, in pixels of the picture; `landmarks` is empty where the network has none.
struct Faces {
    std::vector<Box> boxes;
    std::vector<float> scores;
    std::vector<Landmarks> landmarks;
    bool has_landmarks = false;

    std::size_t size() const { return scores.size(); }
};

// One stride's outputs for one picture, rows in the order y, x, anchor: scores (after the sigmoid) [rows], distances
// to the left, top, right, bottom [rows][4], offsets of the points [rows][10] or nullptr; in units of the stride.
struct Level {
    std::int64_t stride = 0;
    const float* scores = nullptr;
    const float* boxes = nullptr;
    const float* landmarks = nullptr;
};

// Rows of a level: anchors * (height / stride) * (width / stride). Throws std::invalid_argument where the stride does
// not divide the tensor.
std::int64_t level_rows(Size tensor, std::int64_t stride, std::int64_t anchors);

// Appends every anchor with score >= threshold to `faces`, in the order of the levels and rows: centre
// (x * stride, y * stride) minus and plus the distances, mapped back to the picture, boxes clipped to it. What is not
// finite, or has no area inside the picture, is left out. Throws std::invalid_argument.
void decode(const std::vector<Level>& levels, std::int64_t anchors, float score_threshold, const Placement& placement,
            Faces& faces);

constexpr std::int64_t all_faces = INT64_MAX;

// Greedy hard NMS over the candidates of one picture (several sets: several input sizes): by falling score, ties by
// position; a box goes when its IoU with a kept one is > iou_threshold. Areas have no +1. At most `max_faces` are
// kept. Throws std::invalid_argument.
Faces nms(const std::vector<const Faces*>& candidates, float iou_threshold, std::int64_t max_faces = all_faces);

}  // namespace scrfd
