#include <algorithm>
#include <limits>

#include "check.hpp"
#include "scrfd/faces.hpp"

namespace scrfd {
namespace {

// One anchor's way from distances to a box of the picture. Plain float32 steps in a fixed order, so that the NumPy
// reference beside the tests gives the same bits.
class Mapping {
 public:
    explicit Mapping(const Placement& placement)
        : scale_x_(static_cast<float>(static_cast<double>(placement.image.width) /
                                      static_cast<double>(placement.content.width))),
          scale_y_(static_cast<float>(static_cast<double>(placement.image.height) /
                                      static_cast<double>(placement.content.height))),
          width_(static_cast<float>(placement.image.width)),
          height_(static_cast<float>(placement.image.height)) {}

    // False where the box is not finite or nothing of it lies inside the picture.
    bool box(float x, float y, float stride, const float* distances, Box& box) const {
        const Box raw{(x - distances[0] * stride) * scale_x_, (y - distances[1] * stride) * scale_y_,
                      (x + distances[2] * stride) * scale_x_, (y + distances[3] * stride) * scale_y_};
        if (!(std::isfinite(raw.x1) && std::isfinite(raw.y1) && std::isfinite(raw.x2) && std::isfinite(raw.y2))) {
            return false;
        }
        box = {std::clamp(raw.x1, 0.0F, width_), std::clamp(raw.y1, 0.0F, height_), std::clamp(raw.x2, 0.0F, width_),
               std::clamp(raw.y2, 0.0F, height_)};
        return box.x2 > box.x1 && box.y2 > box.y1;
    }

    bool landmarks(float x, float y, float stride, const float* offsets, Landmarks& points) const {
        bool finite = true;
        for (std::size_t i = 0; i < points.size(); i += 2) {
            points[i] = (x + offsets[i] * stride) * scale_x_;
            points[i + 1] = (y + offsets[i + 1] * stride) * scale_y_;
            finite = finite && std::isfinite(points[i]) && std::isfinite(points[i + 1]);
        }
        return finite;
    }

 private:
    float scale_x_;
    float scale_y_;
    float width_;
    float height_;
};

// Nearly all scores are low: whole blocks are passed over by a loop that compilers vectorise.
constexpr std::int64_t block = 32;

bool any_reaches(const float* scores, float threshold) {
    int any = 0;
    for (std::int64_t i = 0; i < block; ++i) {
        any |= static_cast<int>(scores[i] >= threshold);
    }
    return any != 0;
}

// Rows with threshold <= score < infinity, rising. NaN is not among them.
void select(const float* scores, std::int64_t count, float threshold, std::vector<std::int64_t>& rows) {
    const auto take = [&](std::int64_t row) {
        if (scores[row] >= threshold && scores[row] <= std::numeric_limits<float>::max()) {
            rows.push_back(row);
        }
    };
    rows.clear();
    std::int64_t row = 0;
    for (; row + block <= count; row += block) {
        if (any_reaches(scores + row, threshold)) {
            for (std::int64_t i = row; i < row + block; ++i) {
                take(i);
            }
        }
    }
    for (; row < count; ++row) {
        take(row);
    }
}

void decode_level(const Level& level, Size tensor, std::int64_t anchors, float threshold, const Mapping& mapping,
                  Faces& faces) {
    // Kept between calls, one per thread, so that a warm frame allocates only its result.
    thread_local std::vector<std::int64_t> rows;
    select(level.scores, level_rows(tensor, level.stride, anchors), threshold, rows);
    const std::size_t room = faces.size() + rows.size();
    faces.boxes.reserve(room);
    faces.scores.reserve(room);
    if (faces.has_landmarks) {
        faces.landmarks.reserve(room);
    }
    const std::int64_t columns = tensor.width / level.stride;
    const auto stride = static_cast<float>(level.stride);
    for (const std::int64_t row : rows) {
        const std::int64_t cell = row / anchors;
        const auto x = static_cast<float>(cell % columns * level.stride);
        const auto y = static_cast<float>(cell / columns * level.stride);
        Box box;
        Landmarks points;
        if (!mapping.box(x, y, stride, level.boxes + row * 4, box) ||
            (faces.has_landmarks && !mapping.landmarks(x, y, stride, level.landmarks + row * 10, points))) {
            continue;
        }
        faces.boxes.push_back(box);
        faces.scores.push_back(level.scores[row]);
        if (faces.has_landmarks) {
            faces.landmarks.push_back(points);
        }
    }
}

}  // namespace

std::int64_t level_rows(Size tensor, std::int64_t stride, std::int64_t anchors) {
    require_size(tensor, "tensor");
    require(stride >= 1 && stride <= max_side, "a stride must be 1 to 2^30, got ", stride);
    require(anchors >= 1 && anchors <= 64, "anchors must be 1 to 64 per cell, got ", anchors);
    require(tensor.height % stride == 0 && tensor.width % stride == 0, "tensor ", tensor,
            " must be a multiple of every stride, got stride ", stride);
    const std::int64_t cells = (tensor.height / stride) * (tensor.width / stride);
    require(cells <= std::numeric_limits<std::int64_t>::max() / (anchors * 10), "tensor ", tensor,
            " is too large to decode");
    return cells * anchors;
}

void decode(const std::vector<Level>& levels, std::int64_t anchors, float score_threshold, const Placement& placement,
            Faces& faces) {
    require(std::isfinite(score_threshold), "score_threshold must be finite, got ", score_threshold);
    require(!levels.empty(), "decode needs the outputs of at least one stride, got none");
    const bool has_landmarks = levels.front().landmarks != nullptr;
    require(faces.size() == 0 || faces.has_landmarks == has_landmarks,
            "candidates with and without landmarks cannot be mixed");
    for (const Level& level : levels) {
        level_rows(placement.tensor, level.stride, anchors);
        require(level.scores != nullptr && level.boxes != nullptr, "a level needs scores and boxes");
        require((level.landmarks != nullptr) == has_landmarks, "all strides or none must have landmarks");
    }
    faces.has_landmarks = has_landmarks;
    const Mapping mapping(placement);
    for (const Level& level : levels) {
        decode_level(level, placement.tensor, anchors, score_threshold, mapping, faces);
    }
}

}  // namespace scrfd
