"""Names, files, hashes, and where they are looked for."""

import hashlib
import io
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from scrfd_edge import FaceDetector, ModelError, catalog
from scrfd_edge.catalog import CATALOG, Model, ModelFile, find_file, find_model, locate, loses_little
from scrfd_edge.description import DESCRIPTIONS

BUNDLED = [(m, f) for m in CATALOG.values() for f in m.files if f.url is None]


@pytest.mark.parametrize(("model", "file"), BUNDLED, ids=lambda v: v.name)
def test_bundled_files_are_what_the_catalog_says(model: Model, file: catalog.ModelFile) -> None:
    path = find_file(file)
    assert path is not None
    hashes = {path: file.sha256} | ({path.with_suffix(".bin"): file.bin_sha256} if path.suffix == ".xml" else {})
    card = (catalog.BUNDLED / f"{model.name}.md").read_text(encoding="utf-8")
    for part, sha256 in hashes.items():
        assert hashlib.sha256(part.read_bytes()).hexdigest() == sha256
        assert sha256 in card, "the card names the file's hash"
    assert "licence:" in card and (catalog.BUNDLED / "LICENSE-WEIGHTS").is_file()


@pytest.mark.parametrize("model", {m.name: m for m, _ in BUNDLED}.values(), ids=lambda m: m.name)
def test_the_head_of_a_card_is_yaml(model: Model) -> None:
    start, head, _ = (catalog.BUNDLED / f"{model.name}.md").read_text(encoding="utf-8").split("---\n", 2)
    card = yaml.safe_load(head)
    assert start == "" and card["model"] == model.name
    assert {file["name"]: file["sha256"] for file in card["files"]} == {
        f.name: f.sha256 for f in model.files if not f.url
    }
    assert all(isinstance(entry, str) for entry in card["data"])


@pytest.mark.parametrize(("model", "file"), BUNDLED, ids=lambda v: v.name)
def test_bundled_files_carry_their_metadata(model: Model, file: catalog.ModelFile) -> None:
    """Opened by name, in the engine of their format."""
    backend = {".onnx": "onnx", ".xml": "openvino", ".tflite": "tflite"}[file.suffix]
    detector = FaceDetector(model.name, backend=backend, precision=file.precision)
    metadata, description = detector._backend.metadata, model.description
    assert metadata.model == model.name and metadata.precision == detector.precision == file.precision
    assert metadata.strides == description.strides and metadata.anchors == description.anchors
    assert metadata.landmarks == description.head.landmarks
    assert metadata.source_sha256 is not None
    assert (metadata.calibration is None) == (file.precision != "int8")
    assert len(detector.detect(catalog.SAMPLE)) == 1


def test_nothing_else_is_bundled() -> None:
    known = {file.name for _, file in BUNDLED} | {f"{Path(f.name).stem}.bin" for _, f in BUNDLED if f.suffix == ".xml"}
    known |= {f"{model.name}.md" for model, _ in BUNDLED} | {"files.json", "LICENSE-WEIGHTS", catalog.SAMPLE.name}
    assert {path.name for path in catalog.BUNDLED.iterdir()} == known


def test_downloads_are_over_https_with_a_hash_and_a_licence() -> None:
    for model in CATALOG.values():
        for file in model.files:
            assert len(file.sha256) == 64
            assert file.url is None or file.url.startswith("https://")
        assert model.name.startswith("insightface/") == ("non-commercial" in model.licence)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("scrfd_500m_kp", "did you mean scrfd_500m_kps"),
        ("SCRFD_500M_KPS", "known are"),
        ("insightface/scrfd_500m", "insightface/scrfd_500m_kps"),
        ("retinaface", "known are scrfd_500m_kps"),
        ("", "known are"),
        ("scrfd_10g_kps", "insightface/scrfd_10g_kps"),
        ("scrfd_34g", "scrfd-edge train --model scrfd_34g"),
    ],
)
def test_unknown_names_get_a_hint(name: str, hint: str) -> None:
    with pytest.raises(ModelError, match=hint):
        find_model(name)


def test_found_in_the_cache_or_with_the_command_that_fetches_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCRFD_EDGE_HOME", str(tmp_path))
    model = find_model("insightface/scrfd_2.5g_kps")
    with pytest.raises(ModelError, match="scrfd-edge models download insightface/scrfd_2.5g_kps") as error:
        locate(model, model.files)
    assert "non-commercial" in str(error.value)
    assert list(tmp_path.iterdir()) == [], "looking creates nothing"
    path = tmp_path / model.files[0].name
    path.parent.mkdir()
    path.touch()
    assert locate(model, model.files) == path


def test_the_cache_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRFD_EDGE_HOME", "~/somewhere")
    assert catalog.cache_folder() == Path.home() / "somewhere"
    monkeypatch.delenv("SCRFD_EDGE_HOME")
    assert "scrfd-edge" in str(catalog.cache_folder())


def test_precisions() -> None:
    with pytest.raises(ModelError, match="no file in precision 'fp8'; it has fp32, int8, fp16"):
        FaceDetector(precision="fp8")
    with pytest.raises(ModelError, match="no file in precision 'fp32' for the back end 'tflite'; it has int8, fp16"):
        FaceDetector(backend="tflite", precision="fp32")


def test_auto_leaves_out_what_loses_too_much() -> None:
    """0.3, 0.3 and 0.7 AP in ONNX, 0.2 in OpenVINO; what nobody measured is left out as well."""
    whole = ModelFile("a.onnx", "fp32", "", ap=(90.0, 80.0, 70.0))
    near = [
        ModelFile("a.int8.onnx", "int8", "", ap=(89.75, 80.0, 69.35)),
        ModelFile("a.int8.xml", "int8", "", ap=(89.85, 80.0, 70.2)),
    ]
    far = [
        ModelFile("b.int8.onnx", "int8", "", ap=(89.65, 80.0, 70.0)),
        ModelFile("b.int8.xml", "int8", "", ap=(89.75, 80.0, 70.0)),
        ModelFile("b.int8.tflite", "int8", ""),
    ]
    model = Model("a", DESCRIPTIONS["scrfd_500m"], (whole, *far, *near), "", "", whole.ap)
    assert [file for file in model.files if loses_little(file, model)] == [whole, *near]
    integers = Model("a", DESCRIPTIONS["scrfd_500m"], (*far, *near), "", "", whole.ap)
    assert all(loses_little(file, integers) for file in integers.files)


def test_integers_alone_lose_little_too() -> None:
    for model, file in BUNDLED:
        if all(other.precision == "int8" for other in model.files):
            beside_fp32 = replace(model, files=(*model.files, ModelFile("a.onnx", "fp32", "")))
            assert loses_little(file, beside_fp32), file.name


def test_the_wheel_stays_under_15_mb() -> None:
    """The folder of the package, core included, packed as in a wheel; all else in one is some hundred kilobytes."""
    package = catalog.BUNDLED.parent
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as wheel:
        for path in package.rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                wheel.write(path, path.relative_to(package))
    assert len(packed.getvalue()) < 15_000_000
