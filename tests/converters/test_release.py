"""One command makes all files of a model: what it writes fits together, and a failure changes nothing."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import scrfd_edge_converters.release as module
from PIL import Image
from scrfd_edge_converters.release import FILES, Photographs, release

from scrfd_edge import DataError, FaceDetector, ModelError, catalog
from scrfd_edge.catalog import ModelFile
from scrfd_edge.evaluation.ground_truth import GroundTruth
from scrfd_edge.networks import checkpoint

WEIGHTS = Path(__file__).parents[2] / "models" / "scrfd_500m_kps" / "weights.safetensors"
CARD = "---\nlicence: free\n---\n# A model\n"
POINT = 0.375


@pytest.fixture(scope="module")
def pictures(photographs: Path) -> Photographs:
    """The synthetic photographs for everything; their faces are where the bundled FP32 file sees them."""
    names = sorted(path.name for path in photographs.iterdir())
    detector = FaceDetector(catalog.BUNDLED / "scrfd_500m_kps.onnx", backend="onnx", input_shape=(640, 640))
    boxes = [detector.detect(photographs / name).boxes for name in names]
    picture = np.repeat(np.arange(len(names)), [len(b) for b in boxes])
    every = np.ones(len(picture), bool)
    truth = GroundTruth(
        tuple(Path(name).stem for name in names),
        np.concatenate(boxes).astype(np.float64),
        picture,
        {"easy": every, "medium": every, "hard": every},
    )
    return Photographs(photographs, frozenset(), photographs, names, truth)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our weights with an operating point, and a card."""
    folder = tmp_path_factory.mktemp("model")
    net, header = checkpoint.load(WEIGHTS)
    checkpoint.save(folder / "weights.safetensors", net.state_dict(), net.description, header["training"], POINT)
    (folder / "card.md").write_text(CARD)
    return folder


@pytest.fixture(scope="module")
def released(source: Path, pictures: Photographs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("released")
    (out / "files.json").write_text('{"other": {"ap": [], "files": []}}')
    release(source, pictures, out)
    return out


def test_table_files_and_card_fit_together(released: Path, source: Path) -> None:
    table = json.loads((released / "files.json").read_text())
    assert list(table) == ["other", "scrfd_500m_kps"]
    rows = [ModelFile(**row) for row in table["scrfd_500m_kps"]["files"]]
    assert table["scrfd_500m_kps"]["ap"] == pytest.approx(table["scrfd_500m_kps"]["files"][0]["ap"], abs=0.02)
    assert [row.precision for row in rows] == [precision for _, precision in FILES]
    card = (released / "scrfd_500m_kps.md").read_text()
    assert card.startswith("---\nmodel: scrfd_500m_kps\n") and card.endswith("\nlicence: free\n---\n# A model\n")
    assert f"\noperating_point: score {POINT}; precision " in card and "precision 98 %" not in card
    for row in rows:
        data = (released / row.name).read_bytes()
        assert row.sha256 == hashlib.sha256(data).hexdigest() and row.sha256 in card
        assert row.ap is not None and min(row.ap) > 99
        if row.suffix == ".xml":
            weights = (released / row.name).with_suffix(".bin").read_bytes()
            assert row.bin_sha256 == hashlib.sha256(weights).hexdigest() and row.bin_sha256 in card
    made = {row.name for row in rows} | {"scrfd_500m_kps.int8.bin", "scrfd_500m_kps.md", "files.json"}
    assert {path.name for path in released.iterdir()} == made


def test_every_file_names_its_source_and_operating_point(released: Path, source: Path) -> None:
    sha256 = hashlib.sha256((source / "weights.safetensors").read_bytes()).hexdigest()
    for row in json.loads((released / "files.json").read_text())["scrfd_500m_kps"]["files"]:
        detector = FaceDetector(released / row["name"])
        assert detector.score_threshold == POINT and detector.precision == row["precision"]
        assert detector._backend.metadata.source_sha256 == sha256


def test_the_same_files_again(released: Path, source: Path, pictures: Photographs, tmp_path: Path) -> None:
    release(source, pictures, tmp_path)
    rows, again = (json.loads((p / "files.json").read_text())["scrfd_500m_kps"] for p in (released, tmp_path))
    assert rows == again


@pytest.mark.parametrize("card", [None, "# no head\n", "---\nhead without an end\n"])
def test_no_card(card: str | None, source: Path, pictures: Photographs, tmp_path: Path) -> None:
    folder, out = tmp_path / "model", tmp_path / "out"
    out.mkdir()
    folder.mkdir()
    shutil.copy(source / "weights.safetensors", folder)
    if card is not None:
        (folder / "card.md").write_text(card)
    with pytest.raises(DataError, match="card.md: expected a model card"):
        release(folder, pictures, out)
    assert list(out.iterdir()) == []


def test_a_failure_changes_nothing(source: Path, pictures: Photographs, tmp_path: Path) -> None:
    """Empty pictures have no face to compare."""
    folder, out = tmp_path / "grey", tmp_path / "out"
    out.mkdir()
    folder.mkdir()
    for i in range(30):
        Image.new("RGB", (64, 48), (i, i, i)).save(folder / f"{i}.png")
    with pytest.raises(ModelError, match="No face was found"):
        release(source, Photographs(folder, frozenset(), pictures.images, pictures.names, pictures.truth), out)
    assert list(out.iterdir()) == []


def test_our_weights_are_the_source_of_what_ships() -> None:
    for model in catalog.CATALOG.values():
        if model.files[0].url is None:
            weights = WEIGHTS.parents[1] / model.name / "weights.safetensors"
            sha256 = hashlib.sha256(weights.read_bytes()).hexdigest()
            assert f"source_sha256: {sha256}\n" in (catalog.BUNDLED / f"{model.name}.md").read_text()


def test_integers_alone_where_floats_would_not_fit(
    source: Path, pictures: Photographs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "INTEGERS_ALONE", ("scrfd_500m_kps",))
    release(source, pictures, tmp_path)
    entry = json.loads((tmp_path / "files.json").read_text())["scrfd_500m_kps"]
    assert [row["precision"] for row in entry["files"]] == ["int8"] * 3 and min(entry["ap"]) > 99
