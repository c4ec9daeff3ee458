// Which source positions make one output position when a side is resized, and with which weights.
#pragma once

#include <cstdint>
#include <vector>

namespace scrfd {

// A side that shrinks by more than 2 is averaged over areas, since bilinear sampling would skip source pixels; at
// exactly 2 both are the same. benchmarks/letterbox.py measures what it is worth.
inline bool area_averaged(std::int64_t source, std::int64_t target) { return source > 2 * target; }

// Output i is the sum over k of weights[i * 2 * pairs + k] * source[first[i] + k]; its weights add up to `unit`.
struct Filter {
    bool averaged;
    std::int64_t pairs;
    std::vector<std::int32_t> first;
    std::vector<std::int16_t> weights;

    Filter(std::int64_t source, std::int64_t target, int unit);

    // How many source positions output i uses at most: none of them lies outside the source.
    std::int64_t used(std::size_t i) const;

 private:
    void sample(std::int64_t source, std::int64_t target, int unit);
    void average(std::int64_t source, std::int64_t target, int unit);

    std::int64_t source_;
};

}  // namespace scrfd
