"""`scrfd-edge models`, `doctor`, `--version`, and what happens where an extra is missing."""

import importlib.metadata
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import scrfd_edge
from scrfd_edge import catalog, cli
from scrfd_edge.backends import selection
from scrfd_edge.backends.base import BACKENDS
from scrfd_edge.catalog import CATALOG, ModelFile
from scrfd_edge.cli import doctor, make_app, models
from scrfd_edge.description import DESCRIPTIONS

Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    monkeypatch.setenv("SCRFD_EDGE_HOME", str(tmp_path))
    return lambda *args: CliRunner().invoke(make_app(), list(args))


def test_version(run: Run) -> None:
    result = run("--version")
    assert result.exit_code == 0 and result.stdout == f"scrfd-edge {importlib.metadata.version('scrfd-edge')}\n"
    with pytest.raises(AttributeError, match="nothing"):
        scrfd_edge.nothing  # noqa: B018


def test_list_is_what_models_says_alone(run: Run) -> None:
    result = run("models")
    assert result.exit_code == 0 and result.stdout == run("models", "list").stdout
    rows = {line.split()[0]: line for line in result.stdout.splitlines()}
    assert "in the package" in rows["scrfd_500m_kps"] and "631,410" in rows["scrfd_500m_kps"]
    assert "in the package" in rows["scrfd_500m"] and "572,741" in rows["scrfd_500m"]
    assert (
        "to download" in rows["insightface/scrfd_2.5g_kps"] and "non-commercial" in rows["insightface/scrfd_2.5g_kps"]
    )
    assert "none of ours" in rows["scrfd_34g"] and "none of ours" in rows["scrfd_34g_paper"]


@pytest.mark.parametrize("name", ["scrfd_500m_kps", "scrfd_34g", "insightface/scrfd_2.5g_kps", "resnet_34g_paper"])
def test_info_as_json(run: Run, name: str) -> None:
    data = json.loads(run("models", "info", name, "--json").stdout)
    assert data["model"] == name and data["size"] == [480, 640]
    assert list(data["components"]) == ["stem", "C2", "C3", "C4", "C5", "neck", "head"] == list(data["conv_components"])
    assert sum(params for params, _ in data["components"].values()) == data["params"]
    pool = data["gmac"] - sum(gmac for _, gmac in data["components"].values())
    assert -1e-5 < pool < 0.005
    assert sum(data["conv_components"].values()) == pytest.approx(data["conv_gmac"], abs=1e-5)
    assert all(data["conv_components"][part] < gmac for part, (_, gmac) in data["components"].items())
    if name == "scrfd_500m_kps":
        assert (data["params"], data["gmac"], data["conv_gmac"]) == (631410, 0.584071, 0.550159)


def test_info_at_another_size(run: Run) -> None:
    def at(size: str) -> dict[str, Any]:
        return json.loads(run("models", "info", "scrfd_10g", "--json", "--size", size).stdout)  # type: ignore[no-any-return]

    vga, square = at("640x480"), at("640X640")
    assert vga["size"] == [480, 640] and at("320x1024")["size"] == [1024, 320]
    assert square["params"] == vga["params"]
    # The area at sizes that are multiples of 32, as the authors scale 640x640 by 0.75.
    for rule in ("gmac", "conv_gmac"):
        assert 0.75 * square[rule] == pytest.approx(vga[rule], abs=2e-6)
    assert "at 320x1024" in run("models", "info", "scrfd_10g", "--size", "320x1024").stdout


@pytest.mark.parametrize("size", ["640", "640x", "0x640", "640x-1", "640x480x3", "²x640", "9" * 5000 + "x1", ""])
def test_sizes_that_are_none(run: Run, size: str) -> None:
    result = run("models", "info", "scrfd_10g", "--size", size)
    assert result.exit_code == 2 and "--size must be WIDTHxHEIGHT in pixels, such as 640x384" in result.stderr


def test_info_of_a_description(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(DESCRIPTIONS["scrfd_1g"].to_dict()))
    assert json.loads(run("models", "info", str(path), "--json").stdout)["params"] == 635_565
    path.write_text('{"name": ' + "9" * 5000 + "}")
    for name in (str(path), "nowhere.json"):
        result = run("models", "info", name)
        assert result.exit_code == 2 and "expected a model description in JSON" in result.stderr


def test_counting_needs_no_torch() -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from scrfd_edge.cli import make_app;"
        "done = CliRunner().invoke(make_app(), ['models', 'info', 'scrfd_34g']);"
        "print(done.exit_code, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "False"]


def test_info_for_people(run: Run) -> None:
    text = run("models", "info", "scrfd_500m_kps").stdout
    assert "631,410 parameters, 0.584071 GMAC at 640x480" in text
    assert text.splitlines()[9].split() == ["total", "631,410", "0.584071", "100.0%", "0.550159"]
    assert "head" in text and "licence:" in text and CATALOG["scrfd_500m_kps"].files[0].sha256 in text
    assert "(pool)" in run("models", "info", "scrfd_2.5g").stdout
    assert "not on this machine" in run("models", "info", "insightface/scrfd_10g_kps").stdout


def test_path(run: Run) -> None:
    for name in ("scrfd_500m_kps", "scrfd_500m"):
        assert run("models", "path", name).stdout == f"{catalog.BUNDLED / name}.onnx\n"
    missing = run("models", "path", "insightface/scrfd_10g_kps")
    assert missing.exit_code == 2 and "models download insightface/scrfd_10g_kps" in missing.stderr


def test_download_shows_the_licence_first(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fetch(file: ModelFile, progress: Callable[[int, int | None], None]) -> Path:
        progress(10, 20)
        progress(20, 20)
        return tmp_path / file.name

    monkeypatch.setattr(models, "fetch", fetch)
    result = run("models", "download", "insightface/scrfd_500m_kps")
    assert result.exit_code == 0
    assert result.stdout == f"{tmp_path / 'insightface' / 'scrfd_500m_kps.onnx'}\n"
    assert "non-commercial research only" in result.stderr
    for name in ("scrfd_500m_kps", "scrfd_500m"):
        printed = run("models", "download", name).stdout.splitlines()
        assert printed[0] == str(catalog.BUNDLED / f"{name}.onnx") and len(printed) > 1


def test_unknown_names(run: Run) -> None:
    for command in ("info", "download", "path"):
        result = run("models", command, "scrfd_500m_kpz")
        assert result.exit_code == 2 and "did you mean scrfd_500m_kps" in result.stderr


def test_doctor(run: Run, tmp_path: Path) -> None:
    result = run("doctor")
    assert result.exit_code == 0
    for word in ("Python", "onnxruntime", "CPUs usable", str(tmp_path), "auto: ", "works: FaceDetector"):
        assert word in result.stdout


def test_doctor_names_a_faster_engine_that_a_saved_result_leaves_out(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BACKENDS, "openvino", replace(BACKENDS["openvino"], packages=("no_such_package",)))
    monkeypatch.setitem(selection.MEASURED, selection.cpu_kind(), {("openvino", "fp32"): 3.0})
    selection.save_factors({("onnx", "fp32"): 1.0})
    assert "measured on this machine, nothing" in run("doctor").stdout
    assert "pip install 'scrfd-edge[openvino]' would bring fp32 on openvino, 3.0 times" in run("doctor").stdout
    selection.save_factors({("onnx", "fp32"): 1.0, ("openvino", "fp32"): 0.9})
    assert "would bring" not in run("doctor").stdout


def test_doctor_finds_clashes(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = {"onnxruntime": "1.30", "onnxruntime-gpu": "1.29", "opencv-python": "4.14"}
    monkeypatch.setattr(doctor, "_version", installed.get)
    (problem,) = doctor.clashes()
    assert "pip uninstall -y onnxruntime onnxruntime-gpu" in problem
    assert "PROBLEM: onnxruntime" in run("doctor").stdout


def test_doctor_fails_where_nothing_runs(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, engine in list(BACKENDS.items()):  # replaced, not deleted: the order of the table counts
        monkeypatch.setitem(BACKENDS, name, replace(engine, packages=("no_such_package",)))
    result = run("doctor")
    assert result.exit_code == 2 and "PROBLEM" in result.stdout


def test_a_missing_extra_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def train(what: str) -> None:
        raise ModuleNotFoundError(f"No module named {what!r}", name=what)

    monkeypatch.setattr("scrfd_edge.cli.train.train", train)
    result = run("train", "torch")
    assert result.exit_code == 2 and "this command needs torch: pip install 'scrfd-edge[train]'" in result.stderr
    own = run("train", "scrfd_edge.typo")
    assert isinstance(own.exception, ModuleNotFoundError), "a mistake of ours is not blamed on the user"


def test_every_command_says_what_it_does(run: Run) -> None:
    text = run("--help").stdout
    for name in cli._COMMANDS:
        assert name in text
        assert run(name, "--help").exit_code == 0


def test_entry_point(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["scrfd-edge", "--version"])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 0
    assert "scrfd-edge" in capsys.readouterr().out


def test_ctrl_c_during_start_up(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "make_app", interrupted)
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 130
    assert capsys.readouterr().err == "scrfd-edge: stopped\n"
