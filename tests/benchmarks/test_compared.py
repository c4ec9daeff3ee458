import pytest
import torch
from compared import COMPARED
from compared.resnet import DeformableConv
from compared.tinaface import by_component, scaled
from counter import count
from torch import nn
from torch.nn import functional

from scrfd_edge.cost import Count
from scrfd_edge.networks.folding import folded

VGA = (480, 640)

# Level strides, and channels of each output of one level.
OUTPUTS: dict[str, tuple[tuple[int, ...], list[tuple[int, ...]]]] = {
    "DSFD": ((4, 8, 16, 32, 64, 128), [(2, 4)] * 6),
    "RetinaFace": ((8, 16, 32), [(4, 8, 20)] * 3),
    "HAMBox": ((4, 8, 16, 32, 64), [(1, 4)] * 5),
    "TinaFace": ((4, 8, 16, 32, 64, 128), [(3, 12, 3)] * 6),
    "RetinaFace-M0.25": ((8, 16, 32), [(4, 8, 20)] * 3),
    "FaceBoxes": ((32, 64, 128), [(42, 84), (2, 4), (2, 4)]),
}
# How far parameters and multiply-adds are from Table 4, in percent; the docstrings say why where it is above 2.
TOLERANCES = {
    "DSFD": (0.01, 0.01),
    "RetinaFace": (0.5, 1),
    "HAMBox": (0.5, 1),
    "TinaFace": (0.01, 0.01),
    "RetinaFace-M0.25": (3, 5),
    "FaceBoxes": (0.5, 1),
}


def unallocated(name: str) -> nn.Module:
    with torch.device("meta"):
        return COMPARED[name].make()


def total(name: str) -> Count:
    return sum(count(unallocated(name), VGA).values(), Count())


@pytest.mark.parametrize("name", COMPARED)
def test_counts_are_those_of_table_4(name: str) -> None:
    params, macs = TOLERANCES[name]
    counted = total(name)
    assert counted.params / 1e6 == pytest.approx(COMPARED[name].params, rel=params / 100)
    assert counted.macs / 1e9 == pytest.approx(COMPARED[name].macs, rel=macs / 100)


def test_retinaface_r50_differs_from_the_paper_by_the_terms_its_docstring_names() -> None:
    net = unallocated("RetinaFace")
    running = sum(b.numel() for name, b in net.named_buffers() if "running" in name)
    assert f"{(total('RetinaFace').params + running) / 1e6:.2f}" == "29.50"
    counts = count(net, VGA)
    convolutions = sum(one.conv_macs for name, one in counts.items() if not name.startswith("landmarks"))
    assert f"{convolutions / 1e9:.2f}" == "37.59"


@pytest.mark.parametrize("name", COMPARED)
def test_shapes_at_vga(name: str) -> None:
    strides, channels = OUTPUTS[name]
    with torch.device("meta"), torch.no_grad():
        levels = unallocated(name).eval()(torch.zeros(2, 3, *VGA))
    shapes = [[tuple(out.shape) for out in level] for level in levels]
    cells = [(-(-VGA[0] // s), -(-VGA[1] // s)) for s in strides]
    assert shapes == [[(2, c, *cell) for c in per_level] for cell, per_level in zip(cells, channels, strict=True)]


@pytest.mark.parametrize("name", COMPARED)
def test_forward_gives_numbers_that_depend_on_the_input(name: str) -> None:
    torch.manual_seed(0)
    net = COMPARED[name].make().eval()
    with torch.no_grad():
        dark, bright = net(torch.stack([torch.zeros(3, 64, 96), torch.rand(3, 64, 96)]))[0][0]
    assert torch.isfinite(dark).all() and torch.isfinite(bright).all()
    assert not torch.allclose(dark, bright, rtol=1e-6, atol=0)


def test_norms_that_latency_cannot_fold() -> None:
    left = {name: sum(isinstance(m, nn.BatchNorm2d) for m in folded(unallocated(name)).modules()) for name in COMPARED}
    assert left == {**dict.fromkeys(COMPARED, 0), "RetinaFace": 18}  # of its pre-activated ResNet-50


def test_folding_takes_a_convolution_with_a_bias() -> None:
    torch.manual_seed(0)
    net = COMPARED["RetinaFace-M0.25"].make().eval()
    for norm in net.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.uniform_(norm.weight, 0.5, 1.5)
            for values in (norm.bias, norm.running_mean):
                assert values is not None
                nn.init.normal_(values, std=0.1)
    x = torch.randn(1, 3, 64, 96)
    with torch.inference_mode():
        for ours, theirs in zip(folded(net)(x)[0], net(x)[0], strict=True):
            torch.testing.assert_close(ours, theirs, atol=1e-4 * float(theirs.abs().max()), rtol=0)


@pytest.mark.parametrize(("size", "paper"), [(VGA, 172.95), ((882, 1024), 508.47), ((1100, 1650), 1021.82)])
def test_tinaface_at_the_scales_of_table_1(size: tuple[int, int], paper: float) -> None:
    assert round(scaled(size) / 1e9, 2) == paper


def test_tinaface_computes_where_figure_2b_says() -> None:
    shares = by_component()
    whole = sum(shares.values())
    assert whole == pytest.approx(total("TinaFace").macs, abs=len(shares))
    at_stride_4 = sum(macs for (_, stride), macs in shares.items() if stride == 4) / whole
    in_head = sum(macs for (part, _), macs in shares.items() if part == "head") / whole
    assert at_stride_4 == pytest.approx(0.68, abs=0.01)
    assert in_head == pytest.approx(0.79, abs=0.005)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("shift", [(0, 0), (0, 1), (-1, 0), (2, -1)])
def test_deformable_convolution_with_whole_offsets_is_one_of_the_moved_input(
    stride: int, shift: tuple[int, int]
) -> None:
    torch.manual_seed(0)
    layer = DeformableConv(4, 6, stride)
    x = torch.zeros(2, 4, 12, 14)
    x[:, :, 3:-3, 3:-3] = torch.rand(2, 4, 6, 8)  # nothing is lost when it moves
    assert layer.offsets.bias is not None
    with torch.no_grad():
        layer.offsets.bias.copy_(torch.tensor(shift * 9))
        moved = torch.roll(x, (-shift[0], -shift[1]), (2, 3))
        expected = functional.conv2d(moved, layer.weight.view(6, 4, 3, 3), stride=stride, padding=1)
        torch.testing.assert_close(layer(x), expected, rtol=1e-4, atol=1e-5)
