"""Counts against the published numbers, and the closed form against a network that was run."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from counter import count
from hypothesis import given, settings
from hypothesis import strategies as st

from scrfd_edge.cost import Count, backbone_counts, cost, head_count, neck_count
from scrfd_edge.description import DESCRIPTIONS, PAPER_VARIANTS, Backbone, Block, Description, Head
from scrfd_edge.networks import SCRFD

# parameters, 1e9 multiply-adds by the paper's rule, 1e9 multiply-adds of convolution weights, at 640x480
TOTALS = {
    "scrfd_500m": (572_741, 0.508748, 0.477583),
    "scrfd_500m_kps": (631_410, 0.584071, 0.550159),
    "scrfd_1g": (635_565, 0.982342, 0.925867),
    "scrfd_2.5g": (671_761, 2.530565, 2.498515),
    "scrfd_2.5g_kps": (819_809, 2.604880, 2.571091),
    "scrfd_10g": (3_860_225, 9.982109, 9.914794),
    "scrfd_10g_kps": (4_229_905, 10.075979, 10.005514),
    "scrfd_34g": (9_802_737, 34.136931, 33.656755),
    "mobilenet_0.5g": (378_829, 0.506953, 0.481061),
    "resnet_2.5g": (1_624_709, 2.574265, 2.549894),
    "resnet_10g": (6_851_069, 10.182783, 10.134010),
    "resnet_34g": (24_814_189, 37.068044, 36.805171),
}

# 1e6 multiply-adds by the paper's rule of stem, C2..C5, neck, head, and of the max-pool
PARTS = {
    "scrfd_500m": (74.96, 60.52, 77.30, 45.18, 144.84, 31.51, 74.45, 0),
    "scrfd_500m_kps": (74.96, 60.52, 77.30, 45.18, 144.84, 31.51, 149.78, 0),
    "scrfd_1g": (232.24, 174.18, 176.33, 44.55, 143.70, 75.48, 135.84, 0),
    "scrfd_2.5g": (334.54, 605.49, 958.92, 153.45, 63.75, 56.07, 356.49, 1.84),
    "scrfd_2.5g_kps": (334.54, 605.49, 958.92, 153.45, 63.75, 56.07, 430.81, 1.84),
    "scrfd_10g": (1709.57, 3270.76, 2590.39, 345.73, 737.96, 296.69, 1026.71, 4.30),
    "scrfd_10g_kps": (1709.57, 3270.76, 2590.39, 345.73, 737.96, 296.69, 1120.58, 4.30),
    "scrfd_34g": (1709.57, 17799.94, 4602.12, 1066.39, 1604.64, 1627.70, 5722.28, 4.30),
    "mobilenet_0.5g": (39.32, 44.24, 36.86, 121.04, 52.15, 103.41, 109.94, 0),
    "resnet_2.5g": (156.67, 270.95, 338.53, 514.25, 246.60, 206.50, 839.53, 1.23),
    "resnet_10g": (578.76, 1072.74, 1345.54, 2050.87, 984.73, 1442.15, 2705.53, 2.46),
    "resnet_34g": (2219.21, 4166.86, 11743.03, 6321.25, 4966.66, 1923.84, 5722.28, 4.92),
}

PARAMS = {
    "scrfd_500m": (928, 3016, 15704, 37120, 479464, 24480, 12029),
    "scrfd_500m_kps": (928, 3016, 15704, 37120, 479464, 24480, 70698),
    "scrfd_1g": (2912, 8784, 36208, 36752, 475992, 53040, 21877),
    "scrfd_2.5g": (4308, 31392, 199200, 127392, 212000, 40752, 56717),
    "scrfd_2.5g_kps": (4308, 31392, 199200, 127392, 212000, 40752, 204765),
    "scrfd_10g": (22148, 170016, 538736, 287408, 2458176, 220528, 163213),
    "scrfd_10g_kps": (22148, 170016, 538736, 287408, 2458176, 220528, 532893),
    "scrfd_34g": (22148, 921312, 914368, 787968, 5018048, 1230080, 908813),
    "mobilenet_0.5g": (480, 2192, 7456, 99392, 172416, 79168, 17725),
    "resnet_2.5g": (2008, 14016, 70208, 427648, 820992, 156384, 133453),
    "resnet_10g": (7472, 55680, 279680, 1707264, 3280384, 1090816, 429773),
    "resnet_34g": (28768, 215808, 2339840, 4864000, 14964736, 1492224, 908813),
}

COMPONENTS = ["stem", "C2", "C3", "C4", "C5", "neck", "head"]


def counted_parts(net: SCRFD, size: tuple[int, int]) -> dict[str, Count]:
    prefixes = {
        "backbone.stem": "stem",
        **{f"backbone.stages.{i}": f"C{i + 2}" for i in range(4)},
        "neck": "neck",
        "head": "head",
        "backbone.pool": "pool",
    }
    parts = dict.fromkeys([*COMPONENTS, "pool"], Count())
    for name, one in count(net, size).items():
        [part] = [p for prefix, p in prefixes.items() if f"{name}.".startswith(f"{prefix}.")]
        parts[part] += one
    return parts


def test_tables_cover_every_model() -> None:
    assert TOTALS.keys() == PARTS.keys() == PARAMS.keys() == DESCRIPTIONS.keys()


@pytest.mark.parametrize("name", TOTALS)
def test_published_totals(name: str) -> None:
    total = cost(DESCRIPTIONS[name]).total
    params, gmac, conv_gmac = TOTALS[name]
    assert total.params == params
    assert total.macs / 1e9 == pytest.approx(gmac, abs=1e-6)
    assert total.conv_macs / 1e9 == pytest.approx(conv_gmac, abs=1e-6)


@pytest.mark.parametrize("name", TOTALS)
def test_published_components(name: str) -> None:
    one = cost(DESCRIPTIONS[name])
    assert list(one.components) == COMPONENTS
    assert tuple(c.params for c in one.components.values()) == PARAMS[name]
    macs = [c.macs / 1e6 for c in (*one.components.values(), one.pool)]
    assert macs == pytest.approx(PARTS[name], abs=0.0051)


@pytest.mark.parametrize("name", TOTALS)
def test_network_has_the_published_size(name: str) -> None:
    net = SCRFD(DESCRIPTIONS[name])
    total = sum(count(net, (480, 640)).values(), Count())
    assert total == cost(DESCRIPTIONS[name]).total
    assert sum(p.numel() for p in net.parameters()) == TOTALS[name][0]


@pytest.mark.parametrize("name", PAPER_VARIANTS)
def test_variants_of_the_papers_text_are_counted_alike(name: str) -> None:
    one = cost(PAPER_VARIANTS[name])
    assert counted_parts(SCRFD(PAPER_VARIANTS[name]), one.size) == {**one.components, "pool": one.pool}


# Paper's Table 2 and Table 4 print two or three digits, mostly cut off instead of rounded.
@pytest.mark.parametrize(
    ("name", "millions", "giga"),
    [
        ("scrfd_500m", 0.57, 0.508),
        ("scrfd_2.5g", 0.67, 2.53),
        ("scrfd_10g", 3.86, 9.98),
        ("scrfd_34g", 9.80, 34.13),
        ("mobilenet_0.5g", 0.37, 0.507),
        ("resnet_2.5g", 1.62, 2.57),
        ("resnet_10g", 6.85, 10.18),
    ],
)
def test_paper(name: str, millions: float, giga: float) -> None:
    total = cost(DESCRIPTIONS[name]).total
    assert total.params / 1e6 == pytest.approx(millions, abs=0.01)
    assert total.macs / 1e9 == pytest.approx(giga, abs=0.01)


# What the paper's text describes where its release differs. Only of the first are the numbers known elsewhere.
@pytest.mark.parametrize(
    ("name", "params", "gmac"),
    [
        ("resnet_34g_paper", 25_928_301, 34.360997),
        ("mobilenet_0.5g_paper", 309_965, 0.486140),
        ("scrfd_2.5g_paper", 678_613, 3.058642),
        ("scrfd_10g_paper", 3_896_373, 12.762577),
        ("scrfd_34g_paper", 9_838_885, 36.917398),
    ],
)
def test_variants_of_the_papers_text(name: str, params: int, gmac: float) -> None:
    total = cost(PAPER_VARIANTS[name]).total
    assert (total.params, total.macs / 1e9) == (params, pytest.approx(gmac, abs=1e-6))


def test_no_layout_gives_the_papers_row_of_resnet_34g() -> None:
    for description in (DESCRIPTIONS["resnet_34g"], PAPER_VARIANTS["resnet_34g_paper"]):
        total = cost(description).total
        assert (round(total.params / 1e6, 2), round(total.macs / 1e9, 2)) != (24.81, 34.16)


def whole(low: int, high: int) -> st.SearchStrategy[int]:
    return st.integers(low, high)


@st.composite
def descriptions(draw: st.DrawFn) -> Description:
    block: Block = draw(st.sampled_from(["basic", "bottleneck", "depthwise"]))
    depths = draw(st.tuples(*[whole(1, 3)] * 4))
    widths = draw(st.tuples(*[whole(1, 24)] * 4))
    free = st.tuples(*[whole(1, 20)] * (2 if block == "depthwise" else 3))
    w = widths[0]
    # The paper's stem, the release's, or any: with the first two, basic blocks need no projection in C2.
    stem = draw(
        free if block == "depthwise" else st.one_of(st.just((w, w, w)), st.just((-(-w // 2),) * 2 + (w,)), free)
    )
    batch = draw(st.booleans())
    head = Head(
        width=draw(whole(1, 8)) * 4,
        convs=draw(whole(1, 3)),
        depthwise=draw(st.booleans()),
        norm="batch" if batch else "group",
        groups=1 if batch else draw(st.sampled_from([1, 2, 4])),
        shared=draw(st.booleans()),
        scale=draw(st.booleans()),
        landmarks=draw(st.booleans()),
    )
    return Description("drawn", Backbone(block, stem, depths, widths), draw(whole(1, 6)) * 4, head)


@settings(max_examples=60, deadline=None)
@given(descriptions(), whole(33, 200), whole(33, 200))
def test_closed_form_equals_counted(description: Description, height: int, width: int) -> None:
    one = cost(description, (height, width))
    parts = counted_parts(SCRFD(description), (height, width))
    assert parts.pop("pool") == one.pool
    assert parts == one.components


def test_odd_sides_round_as_the_networks_do() -> None:
    # 479x601 at stride 8: 60x76 cells for the mobile model, 60x75 behind the residual stem's max-pool.
    assert head_cells("scrfd_500m") == 60 * 76 + 30 * 38 + 15 * 19
    assert head_cells("scrfd_2.5g") == 60 * 75 + 30 * 38 + 15 * 19


def head_cells(name: str) -> int:
    one = cost(DESCRIPTIONS[name], (479, 601)).components["head"]
    vga = cost(DESCRIPTIONS[name]).components["head"]
    cells, rest = divmod(one.macs * 6300, vga.macs)
    assert rest == 0
    return int(cells)


@pytest.mark.parametrize("block", ["basic", "bottleneck", "depthwise"])
def test_arrays_count_like_single_candidates(block: Block) -> None:
    rng = np.random.default_rng(0)
    draws = 50
    depths = rng.integers(1, 24, (4, draws))
    widths = np.sort(rng.integers(1, 64, (4, draws)) * 8, axis=0)
    # A stem as wide as C2 and one that is not: the projection in C2 comes and goes.
    stem = widths[0] * rng.integers(1, 3, draws)
    neck, width, convs = rng.integers(1, 32, draws) * 8, rng.integers(1, 32, draws) * 8, rng.integers(1, 6, draws)
    head = Head(width, convs, block == "depthwise", "group", 8, True, True, False)  # type: ignore[arg-type]
    stems = (stem // 2, stem) if block == "depthwise" else (stem // 2, stem // 2, stem)
    backbone = Backbone(block, stems, tuple(depths), tuple(widths))
    first, _, stages = backbone_counts(backbone, (480, 640))
    necks = neck_count(backbone.channels[1:], neck, (4800, 1200, 300))
    heads = head_count(neck, head, 2, (4800, 1200, 300))
    for i in range(draws):
        single = cost(
            Description(
                "drawn",
                Backbone(
                    block,
                    tuple(int(s[i]) for s in stems),
                    tuple(int(d[i]) for d in depths),  # type: ignore[arg-type]
                    tuple(int(w[i]) for w in widths),  # type: ignore[arg-type]
                ),
                int(neck[i]),
                replace(head, width=int(width[i]), convs=int(convs[i])),
            )
        )
        many = [first, *stages, necks, heads]
        for a, b in zip(many, single.components.values(), strict=True):
            assert (a.params[i], a.macs[i], a.conv_macs[i]) == (b.params, b.macs, b.conv_macs)


def test_counting_needs_no_torch() -> None:
    code = "import sys; sys.modules['torch'] = None; from scrfd_edge.cost import cost; print(cost.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "cost"
