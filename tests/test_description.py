import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scrfd_edge.description import DESCRIPTIONS, PAPER_VARIANTS, Backbone, Description, Head, find_description
from scrfd_edge.errors import ModelError

SMALL = DESCRIPTIONS["scrfd_500m"]
PLAIN = DESCRIPTIONS["scrfd_2.5g"]


def test_the_twelve_models() -> None:
    assert list(DESCRIPTIONS) == [
        "scrfd_500m",
        "scrfd_500m_kps",
        "scrfd_1g",
        "scrfd_2.5g",
        "scrfd_2.5g_kps",
        "scrfd_10g",
        "scrfd_10g_kps",
        "scrfd_34g",
        "mobilenet_0.5g",
        "resnet_2.5g",
        "resnet_10g",
        "resnet_34g",
    ]
    assert all(name == d.name for name, d in DESCRIPTIONS.items())


# Table 2 of the paper: block, stage widths, neck, head width and convolutions.
@pytest.mark.parametrize(
    ("name", "block", "channels", "neck", "head"),
    [
        ("resnet_34g", "bottleneck", (256, 512, 1024, 2048), 128, (256, 2)),
        ("resnet_10g", "basic", (32, 64, 128, 256), 128, (160, 2)),
        ("resnet_2.5g", "basic", (16, 32, 64, 128), 48, (96, 2)),
        ("mobilenet_0.5g", "depthwise", (32, 64, 128, 256), 32, (80, 2)),
        ("scrfd_34g", "bottleneck", (224, 224, 576, 736), 128, (256, 2)),
        ("scrfd_10g", "basic", (56, 88, 88, 224), 56, (80, 3)),
    ],
)
def test_table_2(name: str, block: str, channels: tuple[int, ...], neck: int, head: tuple[int, int]) -> None:
    d = DESCRIPTIONS[name]
    assert (d.backbone.block, d.backbone.channels, d.neck, (d.head.width, d.head.convs)) == (
        block,
        channels,
        neck,
        head,
    )


def test_models_with_landmarks_differ_in_the_head_alone() -> None:
    for name in ("scrfd_500m", "scrfd_2.5g", "scrfd_10g"):
        plain, kps = DESCRIPTIONS[name], DESCRIPTIONS[f"{name}_kps"]
        assert replace(kps, name=name, head=plain.head) == plain
        assert kps.head.landmarks and kps.head.norm == "batch" and not kps.head.shared
    # The release has no factors on the boxes in its smallest landmark model only.
    assert [name for name, d in DESCRIPTIONS.items() if not d.head.scale] == ["scrfd_500m_kps"]


def test_variants_differ_from_the_release_in_stem_or_depths_alone() -> None:
    for name, variant in PAPER_VARIANTS.items():
        released = DESCRIPTIONS[name.removesuffix("_paper")]
        assert variant.name == name
        b = replace(released.backbone, stem=variant.backbone.stem, depths=variant.backbone.depths)
        assert replace(released, name=name, backbone=b) == variant != replace(released, name=name)
    assert PAPER_VARIANTS["scrfd_2.5g_paper"].backbone.stem == (24, 24, 24)
    assert PAPER_VARIANTS["resnet_34g_paper"].backbone.depths == (3, 4, 6, 3)
    assert PAPER_VARIANTS["mobilenet_0.5g_paper"].backbone.depths == (2, 2, 6, 2)


def test_found_by_name_or_path(tmp_path: Path) -> None:
    assert find_description("scrfd_10g") is DESCRIPTIONS["scrfd_10g"]
    assert find_description("scrfd_10g_paper") is PAPER_VARIANTS["scrfd_10g_paper"]
    path = tmp_path / "net.json"
    path.write_text(json.dumps(replace(PLAIN, name="mine").to_dict()))
    assert find_description(str(path)).name == "mine"
    with pytest.raises(ModelError, match=r"'scrfd_10gg': did you mean scrfd_10g or .*resnet_34g_paper.*\.json"):
        find_description("scrfd_10gg")
    with pytest.raises(ModelError, match="'yolo': expected one of scrfd_500m, "):
        find_description("yolo")


def test_anchors() -> None:
    assert SMALL.strides == (8, 16, 32)
    assert SMALL.anchor_sizes == ((16, 32), (64, 128), (256, 512))
    assert SMALL.anchors == 2


@pytest.mark.parametrize("description", DESCRIPTIONS.values(), ids=str)
def test_round_trip_through_json(tmp_path: Path, description: Description) -> None:
    assert Description.from_dict(description.to_dict()) == description
    path = tmp_path / "net.json"
    path.write_text(json.dumps(description.to_dict()))
    assert Description.load(path) == description


def changed(**changes: Any) -> Description:
    return replace(PLAIN, **changes)


def backbone(**changes: Any) -> Backbone:
    return replace(PLAIN.backbone, **changes)


def head(**changes: Any) -> Head:
    return replace(PLAIN.head, **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"backbone": backbone(block="dense")}, "block 'dense'"),
        ({"backbone": backbone(stem=(8, 8))}, "wrong length for basic"),
        ({"backbone": replace(SMALL.backbone, stem=(8, 8, 8))}, "wrong length for depthwise"),
        ({"backbone": backbone(depths=(1, 2, 3))}, "four stages"),
        ({"backbone": backbone(widths=(8, 8, 8, 8, 8))}, "four stages"),
        ({"backbone": backbone(depths=(1, 0, 1, 1))}, "positive ints"),
        ({"backbone": backbone(widths=(8, 8.0, 8, 8))}, "positive ints"),
        ({"neck": -8}, "positive ints"),
        ({"neck": True}, "positive ints"),
        ({"head": head(convs=0)}, "positive ints"),
        ({"head": head(norm="layer")}, "head norm 'layer'"),
        ({"head": head(groups=7)}, "7 groups in 64 channels"),
        ({"head": head(groups=0)}, "0 groups"),
        ({"head": head(depthwise=True, groups=16)}, "16 groups in 24 neck channels"),
        ({"strides": (4, 8, 16)}, "strides other than 8, 16, 32"),
        ({"anchor_sizes": ((16, 32), (64, 128))}, "one entry per stride"),
        ({"anchor_sizes": ((16, 32), (64, 128), (256,))}, "same number of anchors"),
    ],
)
def test_impossible_networks(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        changed(**changes)


def edited(path: tuple[str, ...], value: Any) -> Any:
    data: Any = json.loads(json.dumps(PLAIN.to_dict()))
    inner = data
    for key in path[:-1]:
        inner = inner[key]
    if value is None:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return data


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "needs exactly the fields"),
        ([], "needs exactly the fields"),
        (edited(("neck",), None), "needs exactly the fields"),
        (edited(("extra",), 1), "needs exactly the fields"),
        (edited(("head", "width"), None), "head needs exactly"),
        (edited(("backbone",), "resnet"), "backbone needs exactly"),
        (edited(("head", "shared"), 1), "head.shared must be bool"),
        (edited(("head", "groups"), "16"), "head.groups must be int"),
        (edited(("name",), 3), "name must be a string"),
        (edited(("backbone", "depths"), 3), "wrong type"),
        (edited(("backbone", "widths"), [8, 8, "8", 8]), "positive ints"),
        (edited(("neck",), "24"), "positive ints"),
    ],
)
def test_foreign_descriptions(data: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        Description.from_dict(data)


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe\xff", b"[" * 100_000, b"null"])
def test_not_a_description_file(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "net.json").write_bytes(data)
    with pytest.raises(ModelError):
        Description.load(tmp_path / "net.json")


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="No such file"):
        Description.load(tmp_path / "net.json")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("backbone", "block"), ["basic"]),
        (("head", "norm"), ["group"]),
        (("anchor_sizes",), [[16, 32], [64, 128], 3]),
        (("anchor_sizes",), []),
        (("anchor_sizes",), [["a", "b"], ["a", "b"], ["a", "b"]]),
        (("anchor_sizes",), [[], [], []]),
        (("strides",), {"8": 1}),
        (("backbone", "stem"), [[1], [2], [3]]),
    ],
)
def test_odd_json_is_one_clear_error(path: tuple[str, ...], value: Any) -> None:
    with pytest.raises(ModelError):
        Description.from_dict(edited(path, value))
