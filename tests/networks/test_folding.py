import pytest
import torch
from torch import nn

from scrfd_edge.description import DESCRIPTIONS
from scrfd_edge.networks import SCRFD
from scrfd_edge.networks.folding import folded


@pytest.mark.parametrize("name", ["scrfd_500m_kps", "scrfd_2.5g", "scrfd_34g"])
def test_computes_the_same(name: str) -> None:
    torch.manual_seed(0)
    net = SCRFD(DESCRIPTIONS[name]).eval()
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                for values in (module.weight, module.running_var):
                    values.uniform_(0.5, 1.5)  # type: ignore[union-attr]
                for values in (module.bias, module.running_mean):
                    values.normal_(0, 0.1)  # type: ignore[union-attr]
    before = {key: value.clone() for key, value in net.state_dict().items()}
    fast = folded(net)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in fast.modules())
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
    x = torch.randn(2, 3, 64, 96)
    with torch.inference_mode():
        for ours, theirs in zip(fast(x), net(x), strict=True):
            for a, b in zip(ours, theirs, strict=True):
                torch.testing.assert_close(a, b, atol=1e-4 * float(b.abs().max()), rtol=0)
