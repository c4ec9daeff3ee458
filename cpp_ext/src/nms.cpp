#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "check.hpp"
#include "kernels.hpp"
#include "scrfd/faces.hpp"

namespace scrfd {
namespace {

// One candidate: where it comes from, and which of all it is.
struct Ranked {
    std::uint32_t key;       // rises as the score falls
    std::uint32_t position;  // breaks ties
    std::uint32_t set;
    std::uint32_t row;
};

// Rises as the score falls; equal for -0 and 0.
std::uint32_t sort_key(float score) {
    score += 0.0F;
    std::uint32_t bits;
    std::memcpy(&bits, &score, sizeof bits);
    return (bits & 0x80000000U) != 0 ? bits : ~bits & 0x7FFFFFFFU;
}

void rank(const std::vector<const Faces*>& candidates, std::vector<Ranked>& ranking) {
    ranking.clear();
    for (std::size_t set = 0; set < candidates.size(); ++set) {
        for (std::size_t row = 0; row < candidates[set]->size(); ++row) {
            ranking.push_back({sort_key(candidates[set]->scores[row]), static_cast<std::uint32_t>(ranking.size()),
                               static_cast<std::uint32_t>(set), static_cast<std::uint32_t>(row)});
        }
    }
    std::sort(ranking.begin(), ranking.end(), [](const Ranked& a, const Ranked& b) {
        return a.key != b.key ? a.key < b.key : a.position < b.position;
    });
}

// The kept boxes, in vertical strips of the picture by their centres: a box is compared only with those that are near
// enough, so that a crowd of thousands costs little more than a group.
class Kept {
 public:
    void reset(const std::vector<const Faces*>& candidates, std::size_t count, float iou_threshold) {
        threshold_ = iou_threshold;
        // Boxes b and k with IoU > t overlap by more than t * max(width), and their widths differ by less than 1 / t.
        // So their centres are nearer than (1 - t) * width of b, or (1 / t - 1) / 2 of it if k is the wider one.
        reach_ = std::max(1 - threshold_, 0.5F / threshold_ - 0.5F) * 1.001F;
        left_ = std::numeric_limits<float>::max();
        float right = std::numeric_limits<float>::lowest();
        for_each(candidates, [&](const Box& box) {
            left_ = std::min(left_, centre(box));
            right = std::max(right, centre(box));
        });
        // One strip where all centres are one: there an infinite reach (threshold 0) times 0 says nothing.
        const bool spread = right > left_;
        strips_.assign(spread ? std::clamp<std::size_t>(count / 128, 1, 128) : 1, Strip{});
        per_pixel_ = spread ? static_cast<float>(strips_.size()) / (right - left_) : 0.0F;
        for_each(candidates, [&](const Box& box) { ++strips_[strip_at(centre(box))].room; });
        std::int64_t first = 0;
        for (Strip& strip : strips_) {
            strip.first = first;
            first += (strip.room + box_block - 1) / box_block * box_block;
        }
        for (std::vector<float>& column : columns_) {
            column.assign(static_cast<std::size_t>(first), 0.0F);
        }
    }

    bool overlaps(const Box& box, float area) const {
        const float middle = centre(box);
        const float reach = (box.x2 - box.x1) * reach_ + std::abs(middle) * 1e-6F;
        const std::size_t last = strip_at(middle + reach);
        for (std::size_t i = strip_at(middle - reach); i <= last; ++i) {
            const Strip& strip = strips_[i];
            const BoxColumns kept{
                columns_[0].data() + strip.first, columns_[1].data() + strip.first,
                columns_[2].data() + strip.first, columns_[3].data() + strip.first,
                columns_[4].data() + strip.first, (strip.count + box_block - 1) / box_block * box_block};
            if (overlaps_(kept, box, area, threshold_)) {
                return true;
            }
        }
        return false;
    }

    void add(const Box& box, float area) {
        Strip& strip = strips_[strip_at(centre(box))];
        const auto at = static_cast<std::size_t>(strip.first + strip.count++);
        const float values[5] = {box.x1, box.y1, box.x2, box.y2, area};
        for (std::size_t i = 0; i < 5; ++i) {
            columns_[i][at] = values[i];
        }
    }

 private:
    struct Strip {
        std::int64_t first = 0;
        std::int64_t room = 0;
        std::int64_t count = 0;
    };

    template <typename Visit>
    static void for_each(const std::vector<const Faces*>& candidates, const Visit& visit) {
        for (const Faces* set : candidates) {
            for (const Box& box : set->boxes) {
                visit(box);
            }
        }
    }

    static float centre(const Box& box) { return box.x1 * 0.5F + box.x2 * 0.5F; }

    std::size_t strip_at(float x) const {
        // Infinite or NaN (threshold 0: everything is near) ends at one of the outermost strips.
        const float exact = (x - left_) * per_pixel_;
        const auto last = static_cast<float>(strips_.size() - 1);
        return static_cast<std::size_t>(exact < last ? std::max(exact, 0.0F) : last);
    }

    decltype(Kernels::overlaps) overlaps_ = kernels().overlaps;
    float threshold_ = 0;
    float reach_ = 0;
    float left_ = 0;
    float per_pixel_ = 0;
    std::vector<Strip> strips_;
    std::vector<float> columns_[5];
};

}  // namespace

Faces nms(const std::vector<const Faces*>& candidates, float iou_threshold, std::int64_t max_faces) {
    require(iou_threshold >= 0 && iou_threshold <= 1, "iou_threshold must be 0 to 1, got ", iou_threshold);
    require(max_faces >= 1, "max_faces must be at least 1, got ", max_faces);
    Faces faces;
    faces.has_landmarks = !candidates.empty() && candidates.front()->has_landmarks;
    std::size_t count = 0;
    for (const Faces* set : candidates) {
        require(set->has_landmarks == faces.has_landmarks, "candidates with and without landmarks cannot be merged");
        count += set->size();
    }
    require(count <= std::numeric_limits<std::uint32_t>::max(), "at most 2^32 candidates can be merged, got ", count);

    // Kept between calls, one pair per thread, so that a warm frame allocates only its result.
    thread_local std::vector<Ranked> ranking;
    thread_local Kept kept;
    rank(candidates, ranking);
    kept.reset(candidates, count, iou_threshold);
    for (const Ranked& candidate : ranking) {
        if (static_cast<std::int64_t>(faces.size()) >= max_faces) {
            break;
        }
        const Faces& set = *candidates[candidate.set];
        const Box& box = set.boxes[candidate.row];
        const float area = (box.x2 - box.x1) * (box.y2 - box.y1);
        if (kept.overlaps(box, area)) {
            continue;
        }
        kept.add(box, area);
        faces.boxes.push_back(box);
        faces.scores.push_back(set.scores[candidate.row]);
        if (faces.has_landmarks) {
            faces.landmarks.push_back(set.landmarks[candidate.row]);
        }
    }
    return faces;
}

}  // namespace scrfd
