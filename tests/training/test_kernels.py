"""The C++ kernels against torch's own operations in float32."""

import copy
import shutil
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from scrfd_edge.description import DESCRIPTIONS
from scrfd_edge.networks import SCRFD
from scrfd_edge.training import kernels

_ROUNDING = 2.0**-8  # half a unit in the last place of bfloat16, relative
_SHAPES = [
    (2, 16, 9, 7),
    (1, 16, 1, 1),
    (3, 17, 2, 3),
    (1, 24, 1, 5),
    (1, 40, 6, 1),
    (2, 72, 5, 8),
    (4, 30, 33, 31),
    (1, 288, 20, 20),
]


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    if not shutil.which("ninja") or not (shutil.which("c++") or shutil.which("g++")):
        pytest.skip("the training kernels need a C++ compiler and ninja")
    kernels.compiled()


def _random(*shape: int, seed: int = 0) -> Tensor:
    """Values that bfloat16 holds, so that only the kernels round."""
    values = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    return values.bfloat16().contiguous(memory_format=torch.channels_last)


def _run(function: Callable[..., Tensor], *inputs: Tensor, seed: int = 9) -> list[Tensor]:
    """Output and the gradients of all inputs for a random gradient of the output."""
    leaves = [x.detach().clone().requires_grad_() for x in inputs]
    y = function(*leaves)
    gradient = _random(*y.shape, seed=seed)
    return [y.detach(), *torch.autograd.grad(y, leaves, gradient.to(y.dtype))]


def _assert_close(ours: list[Tensor], wanted: list[Tensor], relative: float = _ROUNDING) -> None:
    for a, b in zip(ours, wanted, strict=True):
        assert a.shape == b.shape
        torch.testing.assert_close(a.float(), b, rtol=relative, atol=2e-5 * float(b.abs().max()) + 1e-6)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("shape", _SHAPES, ids=str)
def test_depthwise(shape: tuple[int, ...], stride: int) -> None:
    x, weight = _random(*shape), _random(shape[1], 1, 3, 3, seed=1).float()
    ours = _run(lambda x, w: kernels.Depthwise.apply(x, w, stride), x, weight)
    assert ours[0].dtype == ours[1].dtype == torch.bfloat16 and ours[2].dtype == torch.float32
    assert ours[0].is_contiguous(memory_format=torch.channels_last)
    wanted = _run(lambda x, w: functional.conv2d(x, w, None, stride, 1, groups=shape[1]), x.float(), weight)
    _assert_close(ours, wanted)


@pytest.mark.parametrize(
    "shape", [(2, 1, 3, 3), (2, 8, 5, 7), (3, 20, 1, 1), *(s for s in _SHAPES if s[2] > 1)], ids=str
)
def test_norm_relu(shape: tuple[int, ...]) -> None:
    norm = nn.BatchNorm2d(shape[1])
    nn.init.uniform_(norm.weight, 0.5, 2)
    nn.init.normal_(norm.bias)
    reference = copy.deepcopy(norm)
    # A mean of many deviations: the variance must not drown in it.
    x = (_random(*shape).float() / 8 + 10).bfloat16().contiguous(memory_format=torch.channels_last)

    def wanted(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        means, variances = reference.running_mean, reference.running_var
        return functional.batch_norm(x, means, variances, weight, bias, True, reference.momentum, reference.eps).relu()

    ours = _run(lambda x, w, b: kernels.NormReLU.apply(x, norm, w, b), x, norm.weight, norm.bias)
    _assert_close(ours, _run(wanted, x.float(), norm.weight, norm.bias), 2 * _ROUNDING)
    torch.testing.assert_close(norm.running_mean, reference.running_mean)
    torch.testing.assert_close(norm.running_var, reference.running_var)


def test_not_a_number_passes() -> None:
    x = _random(2, 16, 4, 4)
    x[0, 3, 1, 1] = torch.nan
    y = kernels.NormReLU.apply(x, nn.BatchNorm2d(16), torch.ones(16), torch.zeros(16))
    assert y.isnan().any() and not y[:, :3].isnan().any()
    z = kernels.Depthwise.apply(x, torch.ones(16, 1, 3, 3), 1)
    assert int(z.isnan().sum()) == 9


@pytest.mark.parametrize("name", ["scrfd_500m_kps", "scrfd_500m", "scrfd_2.5g_kps"])
def test_installed_network_trains_alike(name: str) -> None:
    torch.manual_seed(0)
    plain = SCRFD(DESCRIPTIONS[name], "short").to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    fast = copy.deepcopy(plain)
    parameters = dict(fast.named_parameters())
    kernels.install(fast)
    assert any(type(m) is kernels.ConvNormReLU for m in fast.modules())
    assert list(fast.state_dict()) == list(plain.state_dict())
    assert all(p is parameters[key] for key, p in fast.named_parameters())
    exact = copy.deepcopy(plain)
    x = _random(4, 3, 96, 64)
    results = []
    for net in (exact, plain, fast):
        with torch.autocast("cpu", torch.bfloat16, enabled=net is not exact):
            maps = net.train()(x.float() if net is exact else x)
        sum(m.float().square().mean() for part in maps for m in part).backward()
        running = [v.flatten() for key, v in net.state_dict().items() if "running" in key]
        results.append((torch.cat(running), torch.cat([p.grad.flatten() for p in net.parameters()])))
    # bfloat16 is coarse for so deep a network: the kernels may be as far from float32 as torch's own operations.
    for wanted, torchs, ours in zip(*results, strict=True):
        assert (ours - wanted).norm() < 1.3 * (torchs - wanted).norm()
    assert all(int(v) == 1 for key, v in fast.state_dict().items() if "tracked" in key)
    plain.load_state_dict(fast.state_dict())


def test_all_else_is_torch() -> None:
    plain = nn.Sequential(nn.Conv2d(16, 16, 3, padding=1, groups=16, bias=False), nn.BatchNorm2d(16), nn.ReLU(True))
    fast = copy.deepcopy(plain)
    fast.__class__ = kernels.ConvNormReLU
    x = torch.randn(2, 16, 5, 5, generator=torch.Generator().manual_seed(0))
    for net in (plain, fast):
        net.train()
    assert torch.equal(fast(x), plain(x))  # float32
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(fast(x), plain(x))  # not channels last at first
    assert torch.equal(fast[1].running_var, plain[1].running_var)
    assert torch.equal(fast.eval()(x), plain.eval()(x))
