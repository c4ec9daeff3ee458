"""The annotation format, WIDER FACE's own, and lists of pictures."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import ExifTags, Image

from scrfd_edge.annotations import read_annotated, read_annotations, read_list, read_wider
from scrfd_edge.errors import DataError

LANDMARKS = "14 15 1 22 15 0 18 19 1 15 23 1 21 23 1"
UNKNOWN = " ".join(["-1"] * 15)


def written(folder: Path, text: str) -> Path:
    path = folder / "label.txt"
    path.write_text(text)
    return path


def test_every_kind_of_face_line(tmp_path: Path) -> None:
    label = written(
        tmp_path,
        "# a/one two.jpg 100 80\n"
        f"10.5 12 26 30 {LANDMARKS}\n"
        f"1 2 3 4 {UNKNOWN}\n"
        "5 6 7 8 1\n"
        "5 6 7 8 0\n"
        "5 6 7 8\n"
        "0 0 0 0 1\n"
        "# b/none.webp 32 64\n",
    )
    first, second = read_annotations(label)
    assert (first.path, first.width, first.height, first.line) == ("a/one two.jpg", 100, 80, 1)
    assert first.boxes.dtype == np.float32 and first.boxes.shape == (6, 4)
    np.testing.assert_array_equal(first.boxes[0], [10.5, 12, 26, 30])
    np.testing.assert_array_equal(first.ignored, [False, False, True, False, False, True])
    np.testing.assert_array_equal(first.landmarks[0], [[14, 15], [22, 15], [18, 19], [15, 23], [21, 23]])
    np.testing.assert_array_equal(first.visible.sum(1), [5, 0, 0, 0, 0, 0])  # a flag of 0 (occluded) is known too
    assert (first.landmarks[1:] == -1).all()
    assert (second.path, second.line, second.boxes.shape) == ("b/none.webp", 8, (0, 4))
    assert second.landmarks.shape == (0, 5, 2) and second.visible.shape == (0, 5) and second.ignored.shape == (0,)


def test_single_points_may_be_unknown(tmp_path: Path) -> None:
    label = written(tmp_path, "# a.jpg 50 50\n1 2 30 40 14 15 1 -1 -1 -1 18 19 1 15 23 1 21 23 1\n")
    np.testing.assert_array_equal(read_annotations(label)[0].visible, [[1, 0, 1, 1, 1]])


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 1, "does not begin"),
        ("1 2 3 4\n", 1, "does not begin"),
        ("# a.jpg 10\n", 1, "path width height"),
        ("# a.jpg 10 0\n", 1, "path width height"),
        ("# a.jpg 10 -5\n", 1, "path width height"),
        ("# a.jpg 10 x\n", 1, "path width height"),
        ("# a.jpg 10 10\n1 2 3\n", 2, "4, 5 or 19 numbers, got 3"),
        ("# a.jpg 10 10\n1 2 3 4 1 1\n", 2, "got 6"),
        ("# a.jpg 10 10\n\n", 2, "got 0"),
        ("# a.jpg 10 10\n1 2 3 four\n", 2, "expected numbers"),
        ("# a.jpg 10 10\n1 2 nan 4\n", 2, "finite"),
        ("# a.jpg 10 10\n1 2 inf 4\n", 2, "finite"),
        ("# a.jpg 10 10\n1 2 3 4\n3 2 1 4\n", 3, "x1 < x2"),
        ("# a.jpg 10 10\n1 2 3 2\n", 2, "y1 < y2"),
        ("# a.jpg 10 10\n1 2 3 4 2\n", 2, "fifth number"),
        (f"# a.jpg 10 10\n1 2 3 4 {LANDMARKS[:-1]}-1\n", 2, "flag of 0 or more"),
        ("# a.jpg 10 10\n# b.jpg 10 10\n# a.jpg 10 10\n", 3, "line 1 already"),
    ],
)
def test_faults_name_file_and_line(tmp_path: Path, text: str, line: int, words: str) -> None:
    label = written(tmp_path, text)
    with pytest.raises(DataError) as raised:
        read_annotations(label)
    assert f"{label}:{line}:" in str(raised.value) and words in str(raised.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xd8\xff\xe0")
    for path in (tmp_path / "absent", tmp_path, tmp_path / "binary"):
        for read in (read_annotations, read_list):
            with pytest.raises(DataError, match=path.name):
                read(path)


@given(
    hnp.arrays(np.int64, st.tuples(st.integers(0, 5), st.just(4)), elements=st.integers(0, 10**6)),
    st.lists(st.booleans(), min_size=5, max_size=5),
)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, raw: np.ndarray, ignored: list[bool]
) -> None:
    boxes = raw / 100.0
    boxes[:, 2:] += boxes[:, :2] + 0.01
    lines = [" ".join(f"{v:.2f}" for v in box) + f" {int(i)}" for box, i in zip(boxes, ignored, strict=False)]
    label = written(tmp_path_factory.mktemp("label"), "\n".join(["# a.jpg 9 9", *lines]))
    (note,) = read_annotations(label)
    np.testing.assert_allclose(note.boxes, boxes, rtol=1e-6)
    assert note.ignored.tolist() == ignored[: len(boxes)]


def test_wider_own_format(tmp_path: Path) -> None:
    for name, size in (("e/a.jpg", (40, 30)), ("e/b.jpg", (20, 50))):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", size).save(tmp_path / name)
    label = written(
        tmp_path,
        "e/a.jpg\n3\n1 2 10 20 0 0 0 0 0 0\n5 5 6 6 0 0 0 1 0 0 \n7 7 0 3 2 0 0 0 0 0\n"
        "e/b.jpg\n0\n0 0 0 0 0 0 0 0 0 0\n",
    )
    first, second = read_wider(label, tmp_path)
    assert (first.path, first.width, first.height, first.line) == ("e/a.jpg", 40, 30, 2)
    np.testing.assert_array_equal(first.boxes, [[1, 2, 11, 22], [5, 5, 11, 11], [7, 7, 7, 10]])
    np.testing.assert_array_equal(first.ignored, [False, True, True])
    assert not first.visible.any() and (first.landmarks == -1).all()
    assert (second.path, second.width, second.height, len(second.boxes)) == ("e/b.jpg", 20, 50, 0)


def test_a_turned_picture_has_the_size_it_is_decoded_to(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    Image.new("RGB", (40, 30)).save(tmp_path / "a.jpg", exif=exif)
    (note,) = read_wider(written(tmp_path, "a.jpg\n1\n1 2 10 20 0 0 0 0 0 0\n"), tmp_path)
    assert (note.width, note.height) == (30, 40)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("e/a.jpg\n", 2, "number of faces"),
        ("e/a.jpg\nmany\n", 2, "number of faces"),
        ("e/a.jpg\n2\n1 2 10 20 0 0 0 0 0 0\n", 2, "ends after 1"),
        ("e/a.jpg\n1\n1 2 10 20\n", 3, "six attributes"),
        ("e/a.jpg\n1\n1 2 nan 20 0 0 0 0 0 0\n", 3, "finite"),
        ("e/absent.jpg\n1\n1 2 10 20 0 0 0 0 0 0\n", 2, "cannot be opened"),
    ],
)
def test_wider_faults(tmp_path: Path, text: str, line: int, words: str) -> None:
    (tmp_path / "e").mkdir()
    Image.new("RGB", (40, 30)).save(tmp_path / "e/a.jpg")
    label = written(tmp_path, text)
    with pytest.raises(DataError) as raised:
        read_wider(label, tmp_path)
    assert f"{label}:{line}:" in str(raised.value) and words in str(raised.value)


def test_empty_wider_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="empty"):
        read_wider(written(tmp_path, ""), tmp_path)


def test_lists(tmp_path: Path) -> None:
    assert read_list(written(tmp_path, "a/b.jpg\n\n c d.jpg \n")) == ["a/b.jpg", "c d.jpg"]
    for text, words in (("\n", "empty"), ("a\nb\na\n", "twice")):
        with pytest.raises(DataError, match=words):
            read_list(written(tmp_path, text))


def test_the_training_set(shared: Path) -> None:
    notes = read_annotations(shared / "data/train/label.txt")
    listed = set(read_list(shared / "data/train/dev.txt"))
    held_out = [note for note in notes if note.path in listed]
    assert (len(notes), sum(len(n.boxes) for n in notes)) == (6340, 73701)
    assert (len(held_out), sum(len(n.boxes) for n in held_out)) == (259, 4925)
    assert sum(int(n.visible.all(1).sum()) for n in held_out) == 3342


def test_a_folder_is_read_and_split(tmp_path: Path) -> None:
    written(tmp_path, "".join(f"# {name}.jpg 64 64\n1 2 30 40\n" for name in "abc"))
    (tmp_path / "dev.txt").write_text("b.jpg\n")
    kept, held = read_annotated(tmp_path).split(tmp_path / "dev.txt")
    assert [note.path for note in kept.notes] == ["a.jpg", "c.jpg"]
    assert [note.path for note in held.notes] == ["b.jpg"]
    assert kept.images == held.images == tmp_path / "images"
    (tmp_path / "dev.txt").write_text("b.jpg\nz.jpg\n")
    with pytest.raises(DataError, match=r"z\.jpg is not in .*label\.txt \(1 such\)"):
        read_annotated(tmp_path).split(tmp_path / "dev.txt")


def test_a_folder_of_wider_face_as_it_unpacks(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"expected label\.txt beside images/, or wider_face_split/"):
        read_annotated(tmp_path)
    images = tmp_path / "WIDER_train" / "images"
    (images / "0--Parade").mkdir(parents=True)
    Image.new("RGB", (50, 40)).save(images / "0--Parade" / "a.jpg")
    (tmp_path / "wider_face_split").mkdir()
    label = tmp_path / "wider_face_split" / "wider_face_train_bbx_gt.txt"
    label.write_text("0--Parade/a.jpg\n1\n1 2 10 12 0 0 0 0 0 0\n")
    found = read_annotated(tmp_path)
    assert found.images == images and found.label == label
    assert [(note.path, note.width, note.height) for note in found.notes] == [("0--Parade/a.jpg", 50, 40)]
    np.testing.assert_array_equal(found.notes[0].boxes, [[1, 2, 11, 14]])
