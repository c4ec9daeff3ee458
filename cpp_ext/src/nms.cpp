#include <algorithm>
#include <cstring>
#include <limits>

#include "check.hpp"
#include "kernels.hpp"
#include "scrfd/faces.hpp"

namespace scrfd {
namespace {

struct Place {
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

// Positions of all candidates by falling score, ties by position.
std::vector<std::uint64_t> ranking(const std::vector<const Faces*>& candidates) {
    std::vector<std::uint64_t> keys;
    std::size_t count = 0;
    for (const Faces* set : candidates) {
        count += set->size();
    }
    require(count <= std::numeric_limits<std::uint32_t>::max(), "at most 2^32 candidates can be merged, got ", count);
    keys.reserve(count);
    std::uint32_t position = 0;
    for (const Faces* set : candidates) {
        for (const float score : set->scores) {
            keys.push_back(std::uint64_t{sort_key(score)} << 32 | position++);
        }
    }
    std::sort(keys.begin(), keys.end());
    return keys;
}

}  // namespace

Faces nms(const std::vector<const Faces*>& candidates, float iou_threshold, std::int64_t max_faces) {
    require(iou_threshold >= 0 && iou_threshold <= 1, "iou_threshold must be 0 to 1, got ", iou_threshold);
    require(max_faces >= 1, "max_faces must be at least 1, got ", max_faces);
    Faces faces;
    faces.has_landmarks = !candidates.empty() && candidates.front()->has_landmarks;
    std::vector<Place> places;
    for (std::uint32_t set = 0; set < candidates.size(); ++set) {
        const Faces& one = *candidates[set];
        require(one.has_landmarks == faces.has_landmarks, "candidates with and without landmarks cannot be merged");
        for (std::uint32_t row = 0; row < one.size(); ++row) {
            places.push_back({set, row});
        }
    }
    Kept kept;
    for (const std::uint64_t key : ranking(candidates)) {
        if (static_cast<std::int64_t>(faces.size()) >= max_faces) {
            break;
        }
        const Place place = places[key & 0xFFFFFFFFU];
        const Faces& set = *candidates[place.set];
        const Box& box = set.boxes[place.row];
        const float area = (box.x2 - box.x1) * (box.y2 - box.y1);
        if (kernels().overlaps(kept.columns(), box, area, iou_threshold)) {
            continue;
        }
        kept.push(box, area);
        faces.boxes.push_back(box);
        faces.scores.push_back(set.scores[place.row]);
        if (faces.has_landmarks) {
            faces.landmarks.push_back(set.landmarks[place.row]);
        }
    }
    return faces;
}

}  // namespace scrfd
