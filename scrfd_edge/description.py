"""What every network of the paper is made of, in the paper's words. Needs no torch.

Source: Guo et al., "Sample and Computation Redistribution for Efficient Face Detection" (arXiv 2105.04714),
section 4.2 and Table 2, and the configurations of the authors' release where the two disagree.
"""

import difflib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from .errors import ModelError

Block = Literal["basic", "bottleneck", "depthwise"]
Norm = Literal["group", "batch"]

EXPANSION: Mapping[str, int] = {"basic": 1, "bottleneck": 4, "depthwise": 1}


@dataclass(frozen=True)
class Backbone:
    """Stem and four stages (C2..C5, strides 4..32).

    block: residual block ("basic", "bottleneck" with ratio 4; ResNet V1e), or "depthwise" (MobileNet V1).
    stem: output channels of the stem's convolutions: three 3x3 before a 2x2 max-pool for residual blocks;
        a 3x3 of stride 2 and one depth-wise unit for "depthwise".
    depths: blocks per stage.
    widths: planes per stage; a bottleneck's output has four times as many channels.
    """

    block: Block
    stem: tuple[int, ...]
    depths: tuple[int, int, int, int]
    widths: tuple[int, int, int, int]

    @property
    def channels(self) -> tuple[int, int, int, int]:
        """Output channels of C2..C5."""
        w = self.widths
        e = EXPANSION[self.block]
        return (w[0] * e, w[1] * e, w[2] * e, w[3] * e)


@dataclass(frozen=True)
class Head:
    """The tower and its predictors.

    width: channels of every convolution of the tower.
    convs: units in the tower (3x3 convolutions, or depth-wise units).
    norm: "group" (with `groups` groups) or "batch".
    shared: one tower and one set of predictors for all strides.
    scale: a learnable factor per stride on the box distances.
    landmarks: predicts five landmarks beside score and box.
    """

    width: int
    convs: int
    depthwise: bool
    norm: Norm
    groups: int
    shared: bool
    scale: bool
    landmarks: bool


@dataclass(frozen=True)
class Description:
    """One detector: backbone, neck (PAFPN of `neck` channels), head, anchors.

    strides: of the feature maps that carry anchors.
    anchor_sizes: sides in pixels of the square anchors of each stride, small first.
    """

    name: str
    backbone: Backbone
    neck: int
    head: Head
    strides: tuple[int, ...] = (8, 16, 32)
    anchor_sizes: tuple[tuple[int, ...], ...] = ((16, 32), (64, 128), (256, 512))

    def __post_init__(self) -> None:
        b, h = self.backbone, self.head
        problems = [
            (b.block not in EXPANSION, f"block {b.block!r} is not one of {sorted(EXPANSION)}"),
            (len(b.stem) != (2 if b.block == "depthwise" else 3), f"stem {b.stem} has the wrong length for {b.block}"),
            (len(b.depths) != 4 or len(b.widths) != 4, "depths and widths need four stages"),
            (
                not _positive((*b.stem, *b.depths, *b.widths, self.neck, h.width, h.convs)),
                "sizes must be positive ints below 2^31",
            ),
            (h.norm not in ("group", "batch"), f"head norm {h.norm!r} is not 'group' or 'batch'"),
            (
                h.norm == "group" and (h.groups < 1 or h.width % h.groups != 0),
                f"{h.groups} groups in {h.width} channels",
            ),
            (
                h.norm == "group" and h.depthwise and h.groups >= 1 and self.neck % h.groups != 0,
                f"{h.groups} groups in {self.neck} neck channels",
            ),
            (len(self.anchor_sizes) != len(self.strides), "anchor_sizes needs one entry per stride"),
            (self.strides != (8, 16, 32), "strides other than 8, 16, 32 do not fit this neck"),
            (len({len(s) for s in self.anchor_sizes}) != 1, "every stride needs the same number of anchors"),
            (
                not self.anchor_sizes
                or not all(self.anchor_sizes)
                or not all(_positive(sizes) for sizes in self.anchor_sizes),
                "anchor sizes must be positive ints below 2^31, at least one per stride",
            ),
        ]
        for wrong, what in problems:
            if wrong:
                raise ModelError(f"Description {self.name!r}: {what}.")

    @property
    def anchors(self) -> int:
        """Anchors per cell."""
        return len(self.anchor_sizes[0])

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Any) -> "Description":
        """Inverse of `to_dict`, also after a round trip through JSON. Raises ModelError on anything unexpected."""
        top = _fields_of(cls, data, "description")
        backbone = _fields_of(Backbone, top["backbone"], "backbone")
        head = _fields_of(Head, top["head"], "head")
        _check_types("head", head, {"depthwise": bool, "shared": bool, "scale": bool, "landmarks": bool, "groups": int})
        if not isinstance(top["name"], str):
            raise ModelError("Description: name must be a string.")
        try:
            return cls(
                name=top["name"],
                backbone=Backbone(
                    block=backbone["block"],
                    stem=tuple(backbone["stem"]),
                    depths=tuple(backbone["depths"]),
                    widths=tuple(backbone["widths"]),
                ),
                neck=top["neck"],
                head=Head(**head),
                strides=tuple(top["strides"]),
                anchor_sizes=tuple(tuple(sizes) for sizes in top["anchor_sizes"]),
            )
        except TypeError as error:
            raise ModelError(f"Description: a field has the wrong type ({error}).") from None

    @classmethod
    def load(cls, path: str | Path) -> "Description":
        """Reads a description from a JSON file, as `scrfd-edge search` writes it."""
        try:
            return cls.from_dict(json.loads(Path(path).read_text(encoding="utf-8")))
        except (OSError, ValueError, RecursionError) as error:
            raise ModelError(f"{path}: expected a model description in JSON ({error}).") from None


def _positive(values: tuple[Any, ...]) -> bool:
    return all(isinstance(v, int) and not isinstance(v, bool) and 0 < v < 1 << 31 for v in values)


def _fields_of(cls: type, data: Any, what: str) -> dict[str, Any]:
    names = {f.name for f in fields(cls)}
    if not isinstance(data, Mapping) or set(data) != names:
        came = sorted(data) if isinstance(data, Mapping) else type(data).__name__
        raise ModelError(f"Description: {what} needs exactly the fields {sorted(names)}, but has {came}.")
    return dict(data)


def _check_types(what: str, values: Mapping[str, Any], types: Mapping[str, type]) -> None:
    for key, expected in types.items():
        if type(values[key]) is not expected:
            raise ModelError(f"Description: {what}.{key} must be {expected.__name__}, not {values[key]!r}.")


def _resnet(block: Block, depths: tuple[int, int, int, int], widths: tuple[int, int, int, int]) -> Backbone:
    w = widths[0]
    return Backbone(block, (w // 2, w // 2, w), depths, widths)


def _group_head(width: int, convs: int, groups: int, depthwise: bool = False) -> Head:
    return Head(width, convs, depthwise, "group", groups, shared=True, scale=True, landmarks=False)


def _with_landmarks(description: Description, scale: bool) -> Description:
    """The release's landmark models: batch norm and a head of its own per stride, else as the base model."""
    head = replace(description.head, norm="batch", groups=1, shared=False, scale=scale, landmarks=True)
    return replace(description, name=description.name + "_kps", head=head)


_500M = Description(
    "scrfd_500m", Backbone("depthwise", (16, 16), (2, 3, 2, 6), (40, 72, 152, 288)), 16, _group_head(64, 2, 16, True)
)
_1G = Description(
    "scrfd_1g", Backbone("depthwise", (32, 48), (3, 2, 1, 5), (48, 160, 216, 312)), 24, _group_head(96, 2, 8, True)
)
_2_5G = Description("scrfd_2.5g", _resnet("basic", (3, 5, 3, 2), (24, 48, 48, 80)), 24, _group_head(64, 2, 16))
_10G = Description("scrfd_10g", _resnet("basic", (3, 4, 2, 3), (56, 88, 88, 224)), 56, _group_head(80, 3, 16))
_34G = Description("scrfd_34g", _resnet("bottleneck", (17, 16, 2, 8), (56, 56, 144, 184)), 128, _group_head(256, 2, 32))

# Baselines of Table 2.
_BASELINES = (
    Description(
        "mobilenet_0.5g",
        Backbone("depthwise", (8, 16), (2, 2, 6, 3), (32, 64, 128, 256)),
        32,
        _group_head(80, 2, 16, True),
    ),
    Description("resnet_2.5g", _resnet("basic", (3, 4, 6, 3), (16, 32, 64, 128)), 48, _group_head(96, 2, 16)),
    Description("resnet_10g", _resnet("basic", (3, 4, 6, 3), (32, 64, 128, 256)), 128, _group_head(160, 2, 32)),
    Description("resnet_34g", _resnet("bottleneck", (3, 8, 4, 3), (64, 128, 256, 512)), 128, _group_head(256, 2, 32)),
)

DESCRIPTIONS: Mapping[str, Description] = {
    d.name: d
    for d in (
        _500M,
        _with_landmarks(_500M, scale=False),
        _1G,
        _2_5G,
        _with_landmarks(_2_5G, scale=True),
        _10G,
        _with_landmarks(_10G, scale=True),
        _34G,
        *_BASELINES,
    )
}
"""The twelve models of the paper and its release, by name, as released.

resnet_34g: the paper's row says "ResNet50", 24.81 M parameters and 34.16 G multiply-adds. The released layout has
3-8-4-3 blocks, which gives those parameters but 37.07 G. ResNet-50's 3-4-6-3 (resnet_34g_paper) gives 25.93 M and
34.36 G. No layout that we know of gives both.
"""


def _as_the_paper_says(name: str, **backbone: Any) -> Description:
    released = DESCRIPTIONS[name]
    return replace(released, name=f"{name}_paper", backbone=replace(released.backbone, **backbone))


PAPER_VARIANTS: Mapping[str, Description] = {
    d.name: d
    for d in (
        # Section 4.2: the stem has three convolutions of w_0 channels. Released: w_0 / 2, w_0 / 2, w_0.
        *(_as_the_paper_says(d.name, stem=(d.backbone.widths[0],) * 3) for d in (_2_5G, _10G, _34G)),
        # Table 2: "ResNet50". Released: 3-8-4-3 blocks.
        _as_the_paper_says("resnet_34g", depths=(3, 4, 6, 3)),
        # Table 2: "MobileNetx0.25", whose last stage has two units. Released: three.
        _as_the_paper_says("mobilenet_0.5g", depths=(2, 2, 6, 2)),
    )
}
"""The networks as the paper's text has them, by name, where its release differs: each NAME_paper beside NAME.

The paper's own parameters and multiply-adds are those of the release, but for resnet_34g.
"""


def find_description(model: str) -> Description:
    """The description of a model by its name, or from the path of a .json file.

    Raises ModelError that suggests the near names.
    """
    for descriptions in (DESCRIPTIONS, PAPER_VARIANTS):
        if model in descriptions:
            return descriptions[model]
    if model.endswith(".json"):
        return Description.load(model)
    names = (*DESCRIPTIONS, *PAPER_VARIANTS)
    near = difflib.get_close_matches(model, names, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}? Expected" if near else "expected"
    raise ModelError(f"Unknown model {model!r}: {hint} one of {', '.join(names)}, or the path of a .json description.")
