"""Names, files, hashes, and where they are looked for."""

import hashlib
from pathlib import Path

import onnx
import pytest

from scrfd_edge import ModelError, catalog
from scrfd_edge.catalog import CATALOG, STAND_INS, Model, files_in, find_file, find_model, locate
from scrfd_edge.metadata import KEY, Metadata

BUNDLED = [(m, f) for m in CATALOG.values() for f in m.files if f.url is None]


@pytest.mark.parametrize(("model", "file"), BUNDLED, ids=lambda v: v.name)
def test_bundled_files_are_what_the_catalog_says(model: Model, file: catalog.ModelFile) -> None:
    path = find_file(file)
    assert path is not None
    assert hashlib.sha256(path.read_bytes()).hexdigest() == file.sha256
    card = (catalog.BUNDLED / f"{model.name}.md").read_text(encoding="utf-8")
    assert file.sha256 in card, "the card names the file's hash"
    assert "licence:" in card and (catalog.BUNDLED / "LICENSE-WEIGHTS").is_file()


@pytest.mark.parametrize(("model", "file"), [(m, f) for m, f in BUNDLED if f.suffix == ".onnx"], ids=lambda v: v.name)
def test_bundled_onnx_files_carry_their_metadata(model: Model, file: catalog.ModelFile) -> None:
    proto = onnx.load(str(catalog.BUNDLED / file.name))
    (text,) = [entry.value for entry in proto.metadata_props if entry.key == KEY]
    metadata = Metadata.parse(text)
    description = model.description
    assert metadata.model == model.name and metadata.precision == file.precision
    assert metadata.strides == description.strides and metadata.anchors == description.anchors
    assert metadata.landmarks == description.head.landmarks
    assert metadata.source_sha256 is not None
    columns = [out.type.tensor_type.shape.dim[2].dim_value for out in proto.graph.output]
    assert columns == ([1] * 3 + [4] * 3 + [10] * 3)[: metadata.outputs]


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
    model = CATALOG["scrfd_500m_kps"]
    assert files_in(model, "fp32")[0].precision == "fp32"
    with pytest.raises(ModelError, match="no file in precision 'fp8'; it has"):
        files_in(model, "fp8")


def test_stand_ins_stand_for_what_has_no_weights() -> None:
    for name, other in STAND_INS.items():
        assert name not in CATALOG and other in CATALOG
