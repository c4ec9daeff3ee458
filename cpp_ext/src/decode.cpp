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

void decode_level(const Level& level, Size grid, std::int64_t anchors, float threshold, const Mapping& mapping,
                  Faces& faces) {
    const auto stride = static_cast<float>(level.stride);
    const std::int64_t rows = grid.height * grid.width * anchors;
    const auto add = [&](std::int64_t row) {
        const float score = level.scores[row];
        // Written so that NaN fails; an infinite score is no score either.
        if (!(score >= threshold && score <= std::numeric_limits<float>::max())) {
            return;
        }
        const std::int64_t cell = row / anchors;
        const auto x = static_cast<float>(cell % grid.width * level.stride);
        const auto y = static_cast<float>(cell / grid.width * level.stride);
        Box box;
        if (!mapping.box(x, y, stride, level.boxes + row * 4, box)) {
            return;
        }
        if (faces.has_landmarks) {
            Landmarks points;
            if (!mapping.landmarks(x, y, stride, level.landmarks + row * 10, points)) {
                return;
            }
            faces.landmarks.push_back(points);
        }
        faces.boxes.push_back(box);
        faces.scores.push_back(score);
    };
    std::int64_t row = 0;
    for (; row + block <= rows; row += block) {
        if (any_reaches(level.scores + row, threshold)) {
            for (std::int64_t i = row; i < row + block; ++i) {
                add(i);
            }
        }
    }
    for (; row < rows; ++row) {
        add(row);
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
        const Size grid{placement.tensor.height / level.stride, placement.tensor.width / level.stride};
        decode_level(level, grid, anchors, score_threshold, mapping, faces);
    }
}

}  // namespace scrfd
