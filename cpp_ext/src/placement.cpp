#include "scrfd/placement.hpp"

#include <algorithm>

#include "check.hpp"

namespace scrfd {
namespace {

// round(side * numerator / denominator), half up, at least 1. All under 2^30: the doubled product fits in 64 bits.
std::int64_t scaled(std::int64_t side, std::int64_t numerator, std::int64_t denominator) {
    return std::max<std::int64_t>(1, (2 * side * numerator + denominator) / (2 * denominator));
}

std::int64_t padded(std::int64_t side) { return (side + 31) / 32 * 32; }

}  // namespace

Placement::Placement(Size image_size, Size content_size, Size tensor_size)
    : image(image_size), content(content_size), tensor(tensor_size) {
    require_size(image, "image");
    require_size(content, "content");
    require_size(tensor, "tensor");
    require(content.height <= tensor.height && content.width <= tensor.width, "content ", content,
            " must fit into tensor ", tensor);
}

Placement Placement::fit(Size image, std::int64_t long_side) {
    require_size(image, "image");
    require(long_side >= 1 && long_side <= max_side, "long_side must be 1 to 2^30 pixels, got ", long_side);
    const std::int64_t longest = std::max(image.height, image.width);
    const Size content{scaled(image.height, long_side, longest), scaled(image.width, long_side, longest)};
    return {image, content, {padded(content.height), padded(content.width)}};
}

Placement Placement::fit_shape(Size image, Size tensor) {
    require_size(image, "image");
    require_size(tensor, "tensor");
    // The side that needs the smaller factor fills the tensor.
    const bool by_height = tensor.height * image.width <= tensor.width * image.height;
    const Size content = by_height ? Size{tensor.height, scaled(image.width, tensor.height, image.height)}
                                   : Size{scaled(image.height, tensor.width, image.width), tensor.width};
    return {image, content, tensor};
}

}  // namespace scrfd
