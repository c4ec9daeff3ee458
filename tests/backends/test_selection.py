"""What "auto" takes, and why it says it does."""

from pathlib import Path

import pytest

from scrfd_edge import BackendError, ModelError
from scrfd_edge.backends import selection
from scrfd_edge.backends.base import BACKENDS, Engine
from scrfd_edge.backends.selection import Factors, choose, factors_here, save_factors

FILES = [
    (".onnx", "fp32"),
    (".onnx", "int8"),
    (".xml", "fp32"),
    (".xml", "int8"),
    (".tflite", "int8"),
    (".bin", "int8"),
]
FAST: dict[tuple[str, str], float] = {
    ("onnx", "fp32"): 1.0,
    ("onnx", "int8"): 1.4,
    ("openvino", "fp32"): 0.9,
    ("openvino", "int8"): 1.9,
    ("tflite", "fp32"): 0.9,
    ("tflite", "int8"): 1.5,
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SCRFD_EDGE_HOME", str(tmp_path))
    return tmp_path


def known(monkeypatch: pytest.MonkeyPatch, factors: Factors, missing: tuple[str, ...] = ()) -> None:
    """All engines installed but those missing, on a CPU with these factors."""
    monkeypatch.setattr(selection, "MEASURED", {"test": factors} if factors else {})
    monkeypatch.setattr(selection, "cpu_kind", lambda: "test")
    for name, engine in list(BACKENDS.items()):
        package = "no_such_package" if name in missing else "numpy"
        monkeypatch.setitem(BACKENDS, name, Engine(engine.where, (package,), f"pip {name}", engine.suffixes))


@pytest.mark.parametrize(
    ("factors", "missing", "settings", "expected"),
    [
        (FAST, (), {}, (3, "openvino")),
        (FAST, ("openvino",), {}, (1, "onnx")),  # tflite's 1.5 is less than 1.8 times its 0.9
        (FAST | {("tflite", "int8"): 1.8}, ("openvino",), {}, (4, "tflite")),
        (FAST | {("openvino", "int8"): 1.5}, (), {}, (1, "onnx")),
        (FAST | {("openvino", "int8"): 1.5, ("onnx", "int8"): 1.2}, (), {}, (0, "onnx")),
        ({}, (), {}, (0, "onnx")),
        (FAST, (), {"precision": "fp32"}, (0, "onnx")),
        (FAST, (), {"backend": "openvino", "precision": "fp32"}, (2, "openvino")),
        (FAST, (), {"backend": "tflite"}, (4, "tflite")),
        ({}, (), {"precision": "int8"}, (1, "onnx")),
        (FAST, (), {"device": "cuda:0"}, (0, "onnx")),  # what was measured holds for CPUs
        (FAST, (), {"device": "gpu"}, (2, "openvino")),
        (FAST, (), {"device": "AUTO:GPU,CPU"}, (2, "openvino")),
    ],
    ids=str,
)
def test_choice(
    factors: Factors,
    missing: tuple[str, ...],
    settings: dict[str, str],
    expected: tuple[int, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known(monkeypatch, factors, missing)
    choice = choose(FILES, **settings)
    assert (choice.index, choice.backend) == expected


@pytest.mark.parametrize(
    ("files", "factors", "expected"),
    [
        ([(".onnx", "fp32"), (".xml", "fp32")], {("openvino", "fp32"): 2.0}, (1, "openvino")),  # its own format
        ([(".onnx", "fp32")], {("openvino", "fp32"): 2.0}, (0, "openvino")),
        ([(".onnx", "fp32")], {}, (0, "onnx")),
        ([(".tflite", "fp16"), (".tflite", "int8")], {}, (0, "tflite")),
        ([(".tflite", "fp16"), (".tflite", "int8")], {("tflite", "fp16"): 1.0, ("tflite", "int8"): 1.7}, (0, "tflite")),
        ([(".tflite", "fp16"), (".tflite", "int8")], {("tflite", "fp16"): 1.0, ("tflite", "int8"): 1.9}, (1, "tflite")),
    ],
    ids=str,
)
def test_formats(
    files: list[tuple[str, str]], factors: Factors, expected: tuple[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    known(monkeypatch, factors)
    choice = choose(files)
    assert (choice.index, choice.backend) == expected


def test_it_explains_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    known(monkeypatch, FAST)
    assert choose(FILES).why == "int8 on openvino is 1.9 times as fast as fp32 on onnx, measured on a CPU with test"
    assert choose(FILES, "onnx").why.startswith("asked for; int8 on onnx is 1.4 times")
    assert choose([(".onnx", "fp32")], "onnx").why == "asked for"
    assert choose(FILES, precision="fp32").why == (
        "of what was measured on a CPU with test, nothing installed that may be taken is faster than fp32 on onnx"
    )
    assert choose([(".xml", "fp32")]).why == "the only engine for this file"
    assert choose([(".onnx", "auto")]).why.startswith("onnx comes first for a file given by its path; scrfd-edge bench")
    known(monkeypatch, FAST, missing=("openvino",))
    assert choose(FILES).why == (
        "int8 on onnx is 1.4 times as fast as fp32 on onnx, measured on a CPU with test; pip openvino would bring "
        "int8 on openvino, 1.9 times as fast as fp32 on onnx, measured on a CPU with test"
    )
    known(monkeypatch, {})
    assert "fp32 on onnx comes first by default, not measured on a CPU with test" in choose(FILES).why


NOTHING_FASTER = "of what was measured on this machine, nothing installed that may be taken is faster than fp32 on onnx"
BRINGS = "; pip openvino would bring int8 on openvino, {} times as fast as fp32 on onnx, measured on {}"


@pytest.mark.parametrize(
    ("saved", "expected"),
    [
        ({}, NOTHING_FASTER + BRINGS.format(1.9, "a CPU with test")),  # openvino: only the table says something
        ({("openvino", "fp32"): 0.9, ("openvino", "int8"): 1.1}, NOTHING_FASTER),
        (
            {("openvino", "fp32"): 0.9, ("openvino", "int8"): 2.5},
            NOTHING_FASTER + BRINGS.format(2.5, "this machine"),
        ),
        (
            {("onnx", "int8"): 1.5},
            "int8 on onnx is 1.5 times as fast as fp32 on onnx, measured on this machine"
            + BRINGS.format(1.9, "a CPU with test"),
        ),
        (
            {("onnx", "int8"): 2.0},
            "int8 on onnx is 2.0 times as fast as fp32 on onnx, measured on this machine",
        ),
    ],
    ids=str,
)
def test_a_saved_result_speaks_for_what_it_measured(
    saved: Factors, expected: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known(monkeypatch, FAST, missing=("openvino",))
    save_factors({("onnx", "fp32"): 1.0, **saved})
    assert choose(FILES).why == expected


def test_what_a_saved_result_leaves_out_is_not_said_to_be_measured(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known(monkeypatch, FAST)
    save_factors({("onnx", "fp32"): 1.0})
    assert "int8 on onnx comes first by default, not measured on this machine" in choose(FILES, precision="int8").why


def test_what_is_slower_is_not_advised(monkeypatch: pytest.MonkeyPatch) -> None:
    known(monkeypatch, FAST, missing=("openvino",))
    assert "pip" not in choose([(".tflite", "int8"), (".xml", "fp32")]).why


def test_bf16_is_had_of_files_in_fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    known(monkeypatch, FAST)
    chosen = choose([(".onnx", "fp32"), (".xml", "int8")], precision="bf16")
    assert (chosen.index, chosen.backend) == (0, "openvino")


@pytest.mark.parametrize(
    ("files", "settings", "error", "message"),
    [
        (FILES, {"backend": "ncnn"}, BackendError, "Unknown back end 'ncnn'.*openvino"),
        ([(".pt", "fp32")], {}, ModelError, "No back end opens '.pt'"),
        ([(".onnx", "fp32")], {"backend": "tflite"}, ModelError, "'tflite' opens .tflite, not .onnx"),
        ([(".onnx", "fp32")], {"precision": "int8"}, ModelError, "in precision 'int8'; it has fp32"),
        (
            FILES,
            {"backend": "tflite", "precision": "fp32"},
            ModelError,
            "for the back end 'tflite'; it has int8",
        ),
        ([(".xml", "fp32")], {}, BackendError, "'openvino' is not installed: pip openvino"),
    ],
    ids=str,
)
def test_what_cannot_be_chosen(
    files: list[tuple[str, str]],
    settings: dict[str, str],
    error: type[Exception],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known(monkeypatch, FAST, missing=("openvino",))
    with pytest.raises(error, match=message):
        choose(files, **settings)


def test_saved_factors_rule_on_this_machine(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known(monkeypatch, FAST)
    save_factors({("onnx", "fp32"): 1.0, ("openvino", "fp32"): 3.0})
    assert choose(FILES).backend == "openvino"
    assert factors_here() == ({("onnx", "fp32"): 1.0, ("openvino", "fp32"): 3.0}, "this machine")
    for text in ("", "[]", '{"factors": [{"backend": 1}]}', "{"):
        (home / "bench.json").write_text(text)
        assert factors_here() == (FAST, "a CPU with test")
    save_factors({("onnx", "fp32"): 1.0, ("openvino", "fp32"): 3.0})
    monkeypatch.setattr(selection, "cpu_kind", lambda: "another")
    assert factors_here() == ({}, "a CPU with another")


def test_this_cpu_has_a_kind() -> None:
    assert selection.cpu_kind()


def test_a_folder_that_cannot_be_written(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "file").write_text("")
    monkeypatch.setenv("SCRFD_EDGE_HOME", str(home / "file" / "below"))
    with pytest.raises(BackendError, match="cannot be written"):
        save_factors({})
