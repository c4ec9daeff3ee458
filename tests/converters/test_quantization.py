"""What quantization changes before rounding must not change the network, and what it rounds stays near."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scrfd_edge_converters.calibration import choose_pictures, tensors
from scrfd_edge_converters.graph import read_network
from scrfd_edge_converters.layers import Array, Conv, Network, Rows
from scrfd_edge_converters.quantization import (
    Quantization,
    Statistics,
    equalize,
    normalize_predictions,
    quantize,
    quantize_weight,
    take_pixels,
    wide_maps,
)
from scrfd_edge_converters.ranges import collect
from scrfd_edge_converters.sensitivity import measure_layers
from scrfd_edge_converters.to_onnx import write_onnx

from scrfd_edge.metadata import Metadata

METADATA = Metadata("test", (8, 16, 32), 2, True)


class Case:
    def __init__(self, data: bytes, folder: Path) -> None:
        self.network = read_network(onnx.load_model_from_string(data))
        self.tensors = [t[:, :, :256, :256].copy() for t in tensors(choose_pictures(folder, 4, 0), METADATA)]
        self.statistics, self.spans = collect(self.network, self.tensors, lambda: None)


@pytest.fixture(scope="module", params=["scrfd_500m_kps", "scrfd_500m", "scrfd_2.5g_kps"])
def case(request: pytest.FixtureRequest, random_onnx: Callable[[str], bytes], photographs: Path) -> Case:
    return Case(random_onnx(request.param), photographs)


def run(network: Network, tensor: Array, quantization: Quantization | None = None) -> list[Array]:
    data = write_onnx(network, "{}", quantization=quantization)
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    outputs: list[Array] = session.run(None, {network.input: tensor})
    return outputs


def test_statistics_bound_what_the_network_says(case: Case) -> None:
    for name, (channels, _, _) in case.network.shapes.items():
        s = case.statistics[name]
        assert s.low.shape == s.high.shape == s.mean.shape == (channels,)
        assert (s.low <= s.mean + 1e-4).all() and (s.mean <= s.high + 1e-4).all()
    pixels = case.statistics[case.network.input]
    assert pixels.low.min() >= -1 and pixels.high.max() <= 1
    assert all((low < high).all() for low, high in case.spans.values())


def test_no_map_reaches_beyond_twice_the_median_picture(case: Case) -> None:
    """So that a single loud picture does not take the steps from all others."""
    tensors = [*(tensor * np.float32(0.1) for tensor in case.tensors), case.tensors[0]]
    together, _ = collect(case.network, tensors, lambda: None)
    alone = [collect(case.network, [tensor], lambda: None)[0] for tensor in tensors]
    cut = 0
    for name, found in together.items():
        lows = np.stack([s[name].low for s in alone])
        highs = np.stack([s[name].high for s in alone])
        bottom, top = min(2 * np.median(lows.min(1)), 0), max(2 * np.median(highs.max(1)), 0)
        np.testing.assert_allclose(found.low, lows.min(0).clip(bottom), rtol=1e-5)
        np.testing.assert_allclose(found.high, highs.max(0).clip(max=top), rtol=1e-5)
        cut += highs.max() > top
    assert cut > 1


def test_equal_channels_compute_the_same(case: Case) -> None:
    network, statistics = equalize(case.network, case.statistics)
    for a, b in zip(run(case.network, case.tensors[0]), run(network, case.tensors[0]), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-3, atol=1e-3 * np.abs(a).max())

    def unevenness(of: Network, s: dict[str, Statistics]) -> float:
        convs = [layer.output for layer in of.layers if isinstance(layer, Conv) and layer.relu]
        return float(np.mean([np.log(s[n].high.max() / np.maximum(s[n].high, 1e-3)).mean() for n in convs]))

    assert unevenness(network, statistics) <= unevenness(case.network, dict(case.statistics))


def test_normalised_predictions_compute_the_same(case: Case) -> None:
    network = normalize_predictions(case.network, case.spans)
    for a, b in zip(run(case.network, case.tensors[0]), run(network, case.tensors[0]), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-3, atol=1e-3 * np.abs(a).max())


def test_taking_pixels_moves_half_a_grey_level(case: Case) -> None:
    network = take_pixels(case.network)
    x = case.tensors[0]
    inner = np.s_[:, :, 4:-4, 4:-4]  # zeros of the padding are not moved
    first = case.network.layers[0]
    assert isinstance(first, Conv) and isinstance(network.layers[0], Conv)
    plain, moved = (replace(n, layers=(n.layers[0], *case.network.layers[1:])) for n in (case.network, network))
    data = [write_onnx(n, "{}", statistics=False) for n in (plain, moved)]
    outs = []
    for d, tensor in zip(data, (x, x - np.float32(0.5 / 128)), strict=True):
        model = onnx.load_model_from_string(d)
        model.graph.output.append(onnx.helper.make_empty_tensor_value_info(first.output))
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        outs.append(session.run([first.output], {"image": tensor})[0][inner])
    np.testing.assert_allclose(outs[1], outs[0], atol=1e-4 * np.abs(outs[0]).max())


@pytest.mark.parametrize("target", ["onnx", "openvino"])
def test_rounded_outputs_stay_near(case: Case, target: str) -> None:
    network, quantization = quantize(case.network, case.statistics, case.spans, target)
    exact, rounded = run(case.network, case.tensors[0]), run(network, case.tensors[0], quantization)
    for a, b in zip(exact[:3], rounded[:3], strict=True):
        assert np.abs(a - b).max() < 0.25 and np.abs(a - b).mean() < 0.03
    if target == "openvino":
        for a, b in zip(exact[3:], rounded[3:], strict=True):
            assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.97


def test_zero_is_an_integer_and_no_range_is_empty(case: Case) -> None:
    for target in ("onnx", "openvino", "tflite"):
        _, quantization = quantize(case.network, case.statistics, case.spans, target)
        for name, (low, high) in quantization.ranges.items():
            step = quantization.step(name)
            assert step.scale > 0 and low <= 0 < high
            assert (step.zero == 0) if step.signed else 0 <= step.zero <= 255
            assert step.signed == (target == "openvino" and low < 0)


def test_the_neck_stays_in_floats(case: Case) -> None:
    """Its maps have no ReLU; everything else keeps its integers, in TFLite too, whose integers stay in convolutions."""
    wide = wide_maps(case.network)
    neck = {case.network.shapes[name][0] for name in wide}
    assert len(wide) >= 10 and len(neck) == 1, "one width throughout"
    for target in ("onnx", "openvino", "tflite"):
        network, quantization = quantize(case.network, case.statistics, case.spans, target)
        assert not wide & set(quantization.ranges)
        convs = [layer for layer in network.layers if isinstance(layer, Conv)]
        work = {c.output: c.weight.size * np.prod(network.shapes[c.output][1:]) for c in convs}
        floats = sum(work[c.output] for c in convs if c.output in quantization.floats)
        assert floats < 0.2 * sum(work.values())
    if not case.network.group_norm:
        network, quantization = quantize(case.network, case.statistics, case.spans, "tflite", integer_outputs=True)
        maps = {layer.output for layer in network.layers if not isinstance(layer, Rows)}
        assert not quantization.floats and set(quantization.ranges) == maps | {network.input}


def test_sensitivity_has_a_row_per_convolution(case: Case) -> None:
    rows = measure_layers(case.network, case.statistics, case.spans, case.tensors[:1], lambda i, n: None)
    convs = [layer for layer in case.network.layers if isinstance(layer, Conv)]
    assert sorted(row.layer for row in rows) == sorted(conv.output for conv in convs)
    assert [row.score for row in rows] == sorted((row.score for row in rows), reverse=True)
    assert rows[0].score > 0


@given(arrays.arrays(np.float32, (4, 3, 3, 3), elements=st.floats(-10, 10, width=32)))
def test_weights_are_off_by_half_a_step_at_most(weight: Array) -> None:
    integers, scales = quantize_weight(weight)
    assert integers.dtype == np.int8 and np.abs(integers.astype(int)).max(initial=0) <= 127
    error = np.abs(integers * scales[:, None, None, None] - weight)
    assert (error <= scales[:, None, None, None] * 0.501 + 1e-7).all()
