// scrfd_edge._core: NumPy arrays in, NumPy arrays out. Everything is checked while the GIL is held, then computed
// without it. The typed stub is scrfd_edge/_core.pyi.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cmath>
#include <cstring>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "scrfd/faces.hpp"
#include "scrfd/letterbox.hpp"
#include "scrfd/placement.hpp"
#include "scrfd/quantize.hpp"

namespace py = pybind11;

namespace {

using Pair = std::pair<std::int64_t, std::int64_t>;
using Floats = py::array_t<float, py::array::c_style>;

scrfd::Size size_of(Pair pair) { return {pair.first, pair.second}; }
Pair pair_of(scrfd::Size size) { return {size.height, size.width}; }

[[noreturn]] void fail(const std::string& message) { throw std::invalid_argument(message); }

std::string shape_text(const py::array& array) {
    return py::str(array.attr("dtype")).cast<std::string>() + " " + py::str(array.attr("shape")).cast<std::string>();
}

template <typename T>
bool holds(const py::array& array) {
    const py::dtype dtype = array.dtype();
    return dtype.normalized_num() == py::dtype::num_of<T>() && (dtype.byteorder() == '=' || dtype.byteorder() == '|');
}

std::string repr(const scrfd::Placement& p) {
    const auto text = [](scrfd::Size s) {
        return "(" + std::to_string(s.height) + ", " + std::to_string(s.width) + ")";
    };
    return "Placement(image=" + text(p.image) + ", content=" + text(p.content) + ", tensor=" + text(p.tensor) + ")";
}

// --- letterbox ---

// Rows may lie anywhere (a crop, a flipped picture); what is not packed within a row is copied.
scrfd::Image image_of(py::array& array) {
    if (!holds<std::uint8_t>(array) || (array.ndim() != 2 && array.ndim() != 3)) {
        fail("image must be a uint8 array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), got " + shape_text(array));
    }
    const py::ssize_t channels = array.ndim() == 3 ? array.shape(2) : 1;
    if (channels != 1 && channels != 3 && channels != 4) {
        fail("image must have 1, 3 or 4 channels, got " + shape_text(array));
    }
    const bool packed = array.strides(1) == channels && (array.ndim() == 2 || channels == 1 || array.strides(2) == 1);
    if (!packed) {
        array = py::array_t<std::uint8_t, py::array::c_style>::ensure(array);
        if (!array) {
            throw py::error_already_set();
        }
    }
    return {static_cast<const std::uint8_t*>(array.data()),
            {array.shape(0), array.shape(1)},
            static_cast<int>(channels),
            array.strides(0)};
}

template <typename T>
void letterbox_into(const scrfd::Image& image, const scrfd::Placement& placement, scrfd::Layout layout,
                    const scrfd::Normalization& normalization, py::array& out) {
    auto* data = static_cast<T*>(out.mutable_data());
    const py::gil_scoped_release release;
    scrfd::letterbox(image, placement, layout, normalization, data);
}

void letterbox(py::array image, const scrfd::Placement& placement, py::array out, const std::string& layout, bool swap,
               float mean, float std, std::optional<float> pad, float scale, int zero_point) {
    if (layout != "chw" && layout != "hwc") {
        fail("layout must be 'chw' or 'hwc', got '" + layout + "'");
    }
    const bool chw = layout == "chw";
    const scrfd::Size tensor = placement.tensor;
    const int rows_axis = chw ? 1 : 0;
    if (out.ndim() != 3 || out.shape(chw ? 0 : 2) != 3 || out.shape(rows_axis) != tensor.height ||
        out.shape(rows_axis + 1) != tensor.width) {
        const std::string sides = std::to_string(tensor.height) + ", " + std::to_string(tensor.width);
        fail("out must be (" + (chw ? "3, " + sides : sides + ", 3") + ") for layout '" + layout + "', got " +
             shape_text(out));
    }
    if ((out.flags() & py::array::c_style) == 0 || !out.writeable()) {
        fail("out must be C-contiguous and writeable; allocate it with numpy.empty");
    }
    const scrfd::Image view = image_of(image);
    const scrfd::Normalization normalization{swap, mean, std, pad.value_or(mean), scale, zero_point};
    const scrfd::Layout order = chw ? scrfd::Layout::chw : scrfd::Layout::hwc;
    if (holds<float>(out)) {
        letterbox_into<float>(view, placement, order, normalization, out);
    } else if (holds<std::uint8_t>(out)) {
        letterbox_into<std::uint8_t>(view, placement, order, normalization, out);
    } else if (holds<std::int8_t>(out)) {
        letterbox_into<std::int8_t>(view, placement, order, normalization, out);
    } else {
        fail("out must be float32, uint8 or int8, got " + shape_text(out));
    }
}

// --- decode and nms ---

// One float32 array of the shape wanted (-1: any length); only what is not contiguous is copied.
Floats floats_of(const py::handle& handle, const std::string& name, std::initializer_list<py::ssize_t> shape) {
    if (!py::isinstance<py::array>(handle)) {
        fail(name + " must be a NumPy array, got " + std::string(py::str(py::type::handle_of(handle))));
    }
    const auto array = py::reinterpret_borrow<py::array>(handle);
    bool good = holds<float>(array) && array.ndim() == static_cast<py::ssize_t>(shape.size());
    for (std::size_t i = 0; good && i < shape.size(); ++i) {
        const py::ssize_t side = shape.begin()[i];
        good = side < 0 || array.shape(static_cast<py::ssize_t>(i)) == side;
    }
    if (!good) {
        std::string wanted;
        for (const py::ssize_t side : shape) {
            wanted += (wanted.empty() ? "" : ", ") + (side < 0 ? std::string("N") : std::to_string(side));
        }
        fail(name + " must be a float32 array (" + wanted + (shape.size() == 1 ? ",)" : ")") + ", got " +
             shape_text(array));
    }
    if ((array.flags() & py::array::c_style) != 0) {
        return py::reinterpret_borrow<Floats>(array);
    }
    return Floats::ensure(array);
}

template <typename Row>
std::vector<Row> rows_of(const Floats& array) {
    std::vector<Row> rows(static_cast<std::size_t>(array.size()) * sizeof(float) / sizeof(Row));
    for (py::ssize_t i = 0; i < array.size(); ++i) {
        if (!std::isfinite(array.data()[i])) {
            fail("candidates must be finite, got NaN or infinity");
        }
    }
    if (!rows.empty()) {
        std::memcpy(rows.data(), array.data(), rows.size() * sizeof(Row));
    }
    return rows;
}

template <typename Row>
py::array_t<float> array_of(const std::vector<Row>& rows, std::vector<py::ssize_t> shape) {
    py::array_t<float> array(std::move(shape));
    if (!rows.empty()) {
        std::memcpy(array.mutable_data(), rows.data(), rows.size() * sizeof(Row));
    }
    return array;
}

std::shared_ptr<scrfd::Faces> candidates_of(const py::object& boxes, const py::object& scores,
                                            const py::object& landmarks) {
    auto faces = std::make_shared<scrfd::Faces>();
    faces->scores = rows_of<float>(floats_of(scores, "scores", {-1}));
    const auto count = static_cast<py::ssize_t>(faces->size());
    faces->boxes = rows_of<scrfd::Box>(floats_of(boxes, "boxes", {count, 4}));
    for (const scrfd::Box& box : faces->boxes) {
        if (box.x2 < box.x1 || box.y2 < box.y1) {
            fail("boxes must have x1 <= x2 and y1 <= y2");
        }
    }
    faces->has_landmarks = !landmarks.is_none();
    if (faces->has_landmarks) {
        faces->landmarks = rows_of<scrfd::Landmarks>(floats_of(landmarks, "landmarks", {count, 5, 2}));
    }
    return faces;
}

std::vector<std::shared_ptr<scrfd::Faces>> decode(const py::sequence& outputs,
                                                  const std::vector<scrfd::Placement>& placements,
                                                  const std::vector<std::int64_t>& strides, std::int64_t anchors,
                                                  float score_threshold) {
    const std::size_t kinds = strides.empty() ? 0 : outputs.size() / strides.size();
    if (strides.empty() || outputs.size() != kinds * strides.size() || (kinds != 2 && kinds != 3)) {
        fail("outputs must be scores and boxes per stride, then landmarks or not: " +
             std::to_string(2 * strides.size()) + " or " + std::to_string(3 * strides.size()) + " arrays for " +
             std::to_string(strides.size()) + " strides, got " + std::to_string(outputs.size()));
    }
    const auto batch = static_cast<py::ssize_t>(placements.size());
    std::vector<Floats> arrays;
    std::vector<std::vector<scrfd::Level>> levels(placements.size());
    for (std::size_t s = 0; s < strides.size() && batch > 0; ++s) {
        const std::int64_t rows = scrfd::level_rows(placements.front().tensor, strides[s], anchors);
        const auto take = [&](std::size_t kind, const char* name, py::ssize_t columns) {
            arrays.push_back(floats_of(outputs[kind * strides.size() + s], name, {batch, rows, columns}));
            return arrays.back().data();
        };
        const float* scores = take(0, "scores of a stride", 1);
        const float* boxes = take(1, "boxes of a stride", 4);
        const float* landmarks = kinds == 3 ? take(2, "landmarks of a stride", 10) : nullptr;
        for (std::size_t i = 0; i < placements.size(); ++i) {
            if (placements[i].tensor != placements.front().tensor) {
                fail("all placements of a batch must have the same tensor size");
            }
            const std::int64_t first = static_cast<std::int64_t>(i) * rows;
            levels[i].push_back({strides[s], scores + first, boxes + first * 4,
                                 landmarks == nullptr ? nullptr : landmarks + first * 10});
        }
    }
    std::vector<std::shared_ptr<scrfd::Faces>> pictures;
    const py::gil_scoped_release release;
    for (std::size_t i = 0; i < placements.size(); ++i) {
        pictures.push_back(std::make_shared<scrfd::Faces>());
        scrfd::decode(levels[i], anchors, score_threshold, placements[i], *pictures.back());
    }
    return pictures;
}

py::tuple nms(const std::vector<std::shared_ptr<scrfd::Faces>>& candidates, float iou_threshold,
              std::optional<std::int64_t> max_faces) {
    std::vector<const scrfd::Faces*> sets;
    for (const auto& set : candidates) {
        if (!set) {
            fail("candidates must not hold None");
        }
        sets.push_back(set.get());
    }
    scrfd::Faces faces;
    {
        const py::gil_scoped_release release;
        faces = scrfd::nms(sets, iou_threshold, max_faces.value_or(scrfd::all_faces));
    }
    const auto count = static_cast<py::ssize_t>(faces.size());
    py::object landmarks = py::none();
    if (faces.has_landmarks) {
        landmarks = array_of(faces.landmarks, {count, 5, 2});
    }
    return py::make_tuple(array_of(faces.boxes, {count, 4}), array_of(faces.scores, {count}), landmarks);
}

// --- dequantize ---

template <typename T>
py::array_t<float> dequantized(const py::array& array, float scale, int zero_point) {
    const auto packed = py::array_t<T, py::array::c_style>::ensure(array);
    py::array_t<float> out(std::vector<py::ssize_t>(array.shape(), array.shape() + array.ndim()));
    const T* in = packed.data();
    float* data = out.mutable_data();
    const py::ssize_t count = packed.size();
    const py::gil_scoped_release release;
    scrfd::dequantize(in, count, scale, zero_point, data);
    return out;
}

py::array_t<float> dequantize(const py::array& array, float scale, int zero_point) {
    if (holds<std::uint8_t>(array)) {
        return dequantized<std::uint8_t>(array, scale, zero_point);
    }
    if (holds<std::int8_t>(array)) {
        return dequantized<std::int8_t>(array, scale, zero_point);
    }
    fail("array must be uint8 or int8, got " + shape_text(array));
}

}  // namespace

PYBIND11_MODULE(_core, m, py::mod_gil_not_used()) {
    m.doc() = "The compiled core: letterbox, anchor decoding, NMS. Source in cpp_ext/.";

    py::class_<scrfd::Placement>(m, "Placement")
        .def(py::init([](Pair image, Pair content, Pair tensor) {
                 return scrfd::Placement(size_of(image), size_of(content), size_of(tensor));
             }),
             py::arg("image"), py::arg("content"), py::arg("tensor"))
        .def_static(
            "fit", [](Pair image, std::int64_t side) { return scrfd::Placement::fit(size_of(image), side); },
            py::arg("image"), py::arg("long_side"))
        .def_static(
            "fit_shape",
            [](Pair image, Pair tensor) { return scrfd::Placement::fit_shape(size_of(image), size_of(tensor)); },
            py::arg("image"), py::arg("tensor"))
        .def_property_readonly("image", [](const scrfd::Placement& p) { return pair_of(p.image); })
        .def_property_readonly("content", [](const scrfd::Placement& p) { return pair_of(p.content); })
        .def_property_readonly("tensor", [](const scrfd::Placement& p) { return pair_of(p.tensor); })
        .def("__repr__", repr);

    py::class_<scrfd::Faces, std::shared_ptr<scrfd::Faces>>(m, "Candidates")
        .def(py::init(&candidates_of), py::arg("boxes"), py::arg("scores"), py::arg("landmarks"))
        .def("__len__", &scrfd::Faces::size);

    m.def("letterbox", &letterbox, py::arg("image"), py::arg("placement"), py::arg("out"), py::kw_only(),
          py::arg("layout"), py::arg("swap"), py::arg("mean"), py::arg("std"), py::arg("pad") = py::none(),
          py::arg("scale") = 1.0F, py::arg("zero_point") = 0);
    m.def("decode", &decode, py::arg("outputs"), py::arg("placements"), py::kw_only(), py::arg("strides"),
          py::arg("anchors"), py::arg("score_threshold"));
    m.def("nms", &nms, py::arg("candidates"), py::kw_only(), py::arg("iou_threshold"),
          py::arg("max_faces") = py::none());
    m.def("dequantize", &dequantize, py::arg("array"), py::kw_only(), py::arg("scale"), py::arg("zero_point"));
}
