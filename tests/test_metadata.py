"""Metadata travel through JSON unharmed, and nothing foreign gets in."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrfd_edge import ModelError
from scrfd_edge.metadata import Calibration, Metadata

FILE = Path("folder/file.onnx")
CONTRACT = json.loads(
    """{"format": 1, "model": "scrfd_500m_kps", "strides": [8, 16, 32], "anchors": 2, "landmarks": true,
    "input": {"color": "rgb", "layout": "NCHW", "dtype": "float32", "mean": 127.5, "std": 128.0}, "precision": "int8",
    "score_threshold": 0.5, "source_sha256": null, "calibration": {"pictures": 300, "seed": 0, "sha256": null},
    "tool": "scrfd-edge 0.1.0"}"""
)
CONTRACT["source_sha256"] = CONTRACT["calibration"]["sha256"] = "0123456789abcdef" * 4


def test_reads_the_contract() -> None:
    metadata = Metadata.parse(json.dumps(CONTRACT), FILE)
    assert metadata == Metadata(
        "scrfd_500m_kps",
        (8, 16, 32),
        2,
        True,
        precision="int8",
        score_threshold=0.5,
        source_sha256="0123456789abcdef" * 4,
        calibration=Calibration(300, 0, "0123456789abcdef" * 4),
        tool="scrfd-edge 0.1.0",
    )
    assert json.loads(metadata.to_json()) == CONTRACT


@given(
    st.builds(
        Metadata,
        model=st.text(min_size=1, max_size=20),
        strides=st.sets(st.sampled_from([1, 2, 4, 8, 16, 32]), min_size=1, max_size=5).map(lambda s: tuple(sorted(s))),
        anchors=st.integers(1, 16),
        landmarks=st.booleans(),
        color=st.sampled_from(["rgb", "bgr"]),
        layout=st.sampled_from(["NCHW", "NHWC"]),
        dtype=st.sampled_from(["float32", "uint8", "int8"]),
        mean=st.floats(-1e3, 1e3),
        std=st.floats(1e-3, 1e3),
        score_threshold=st.none() | st.floats(0, 1),
    )
)
def test_round_trip(metadata: Metadata) -> None:
    assert Metadata.parse(metadata.to_json(), FILE) == metadata


def test_keys_that_are_not_known_are_left_alone() -> None:
    more = json.dumps({**CONTRACT, "__class__": "os.system"})
    assert Metadata.parse(more, FILE) == Metadata.parse(json.dumps(CONTRACT), FILE)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("format", 2),
        ("format", None),
        ("model", ""),
        ("model", 3),
        ("strides", []),
        ("strides", [16, 8]),
        ("strides", [8, 8]),
        ("strides", [0, 8]),
        ("strides", [8, 64]),
        ("strides", "8"),
        ("anchors", 0),
        ("anchors", True),
        ("anchors", 2.0),
        ("landmarks", 1),
        ("input", []),
        ("input.color", "yuv"),
        ("input.layout", "CHW"),
        ("input.dtype", "float64"),
        ("input.mean", float("nan")),
        ("input.mean", "127"),
        ("input.std", 0),
        ("input.std", 1e-300),
        ("input.mean", 10**400),
        ("precision", "int8; rm"),
        ("score_threshold", 1.5),
        ("score_threshold", True),
        ("source_sha256", "abc"),
        ("calibration", 3),
        ("calibration.pictures", 0),
        ("calibration.seed", "0"),
        ("calibration.sha256", None),
        ("tool", 1),
    ],
)
def test_foreign_values_are_named(key: str, value: Any) -> None:
    data = json.loads(json.dumps(CONTRACT))
    *parents, last = key.split(".")
    (data[parents[0]] if parents else data)[last] = value
    with pytest.raises(ModelError, match=f"^{re.escape(str(FILE))}: metadata {key} must be"):
        Metadata.parse(json.dumps(data), FILE)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "\x00"])
def test_foreign_text(text: str) -> None:
    with pytest.raises(ModelError, match=f"^{re.escape(str(FILE))}: expected metadata in"):
        Metadata.parse(text, FILE)


@pytest.mark.parametrize(
    ("columns", "landmarks"),
    [([1] * 3 + [4] * 3, False), ([1] * 3 + [4] * 3 + [10] * 3, True), (["a"] * 6, False), ([None] * 9, True)],
)
def test_defaults_of_official_exports(columns: list[int | str | None], landmarks: bool) -> None:
    metadata = Metadata.from_outputs([["?", "?", c] for c in columns], FILE)
    assert metadata == Metadata("file", (8, 16, 32), 2, landmarks)
    assert metadata.outputs == len(columns)


@pytest.mark.parametrize("columns", [[], [1], [1, 4] * 3, [1] * 6, [1] * 3 + [4] * 3 + [5] * 3, [1] * 5 + [4] * 5])
def test_other_networks_are_refused(columns: list[int | str | None]) -> None:
    with pytest.raises(ModelError, match=f"^{re.escape(str(FILE))} is not an SCRFD network"):
        Metadata.from_outputs([["?", "?", c] for c in columns], FILE)
