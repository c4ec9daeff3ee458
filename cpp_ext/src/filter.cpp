#include "filter.hpp"

#include <algorithm>
#include <cmath>

namespace scrfd {

Filter::Filter(std::int64_t source, std::int64_t target, int unit)
    // An area reaches over at most ceil(source / target) + 1 positions.
    : averaged(area_averaged(source, target)),
      pairs(averaged ? ((source + target - 1) / target + 2) / 2 : 1),
      first(static_cast<std::size_t>(target)),
      weights(static_cast<std::size_t>(target * pairs * 2)),
      source_(source) {
    if (averaged) {
        average(source, target, unit);
    } else {
        sample(source, target, unit);
    }
}

std::int64_t Filter::used(std::size_t i) const { return std::min(2 * pairs, source_ - first[i]); }

// Half-pixel centres; beyond the edges the outermost pixel is repeated.
void Filter::sample(std::int64_t source, std::int64_t target, int unit) {
    for (std::int64_t i = 0; i < target; ++i) {
        const double exact =
            (static_cast<double>(i) + 0.5) * static_cast<double>(source) / static_cast<double>(target) - 0.5;
        const double inside = std::clamp(exact, 0.0, static_cast<double>(source - 1));
        const auto left = static_cast<std::int64_t>(inside);
        const long right_weight = std::lrint((inside - static_cast<double>(left)) * unit);
        first[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(left);
        weights[static_cast<std::size_t>(2 * i)] = static_cast<std::int16_t>(unit - right_weight);
        weights[static_cast<std::size_t>(2 * i + 1)] = static_cast<std::int16_t>(right_weight);
    }
}

// Output i covers the source from i * source / target to (i + 1) * source / target.
void Filter::average(std::int64_t source, std::int64_t target, int unit) {
    for (std::int64_t i = 0; i < target; ++i) {
        const std::int64_t start = i * source / target;
        first[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(start);
        // Rounding the running sum, not each weight, makes them add up.
        long before = 0;
        for (std::int64_t k = 0; k < 2 * pairs; ++k) {
            const std::int64_t covered = std::clamp((start + k + 1) * target - i * source, std::int64_t{0}, source);
            const long sum = std::lrint(static_cast<double>(covered) * unit / static_cast<double>(source));
            weights[static_cast<std::size_t>(i * 2 * pairs + k)] = static_cast<std::int16_t>(sum - before);
            before = sum;
        }
    }
}

}  // namespace scrfd
