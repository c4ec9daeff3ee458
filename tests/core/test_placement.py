"""Where a picture lies in a tensor."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrfd_edge._core import Placement

sides = st.integers(1, 2**30)


@pytest.mark.parametrize(
    ("image", "long_side", "content", "tensor"),
    [
        ((720, 1280), 640, (360, 640), (384, 640)),
        ((1280, 886), 640, (640, 443), (640, 448)),
        ((1, 1), 640, (640, 640), (640, 640)),
        ((10, 20000), 640, (1, 640), (32, 640)),
        ((1080, 1920), 192, (108, 192), (128, 192)),
    ],
)
def test_fit(image: tuple[int, int], long_side: int, content: tuple[int, int], tensor: tuple[int, int]) -> None:
    placement = Placement.fit(image, long_side)
    assert (placement.image, placement.content, placement.tensor) == (image, content, tensor)
    assert repr(placement) == f"Placement(image={image}, content={content}, tensor={tensor})"


@given(height=sides, width=sides, long_side=st.integers(1, 5000))
def test_fit_keeps_the_aspect(height: int, width: int, long_side: int) -> None:
    placement = Placement.fit((height, width), long_side)
    rows, columns = placement.content
    assert max(rows, columns) == long_side
    exact = long_side / max(height, width)
    assert abs(rows - height * exact) <= 0.501 or rows == 1
    assert abs(columns - width * exact) <= 0.501 or columns == 1
    for content, tensor in zip(placement.content, placement.tensor, strict=True):
        assert tensor % 32 == 0 and 0 <= tensor - content < 32


@given(height=sides, width=sides, rows=st.integers(1, 5000), columns=st.integers(1, 5000))
def test_fit_shape_fills_a_side_and_fits(height: int, width: int, rows: int, columns: int) -> None:
    placement = Placement.fit_shape((height, width), (rows, columns))
    assert placement.tensor == (rows, columns)
    assert placement.content[0] == rows or placement.content[1] == columns
    factor = min(rows / height, columns / width)
    assert abs(placement.content[0] - height * factor) <= 0.501 or placement.content[0] == 1
    assert abs(placement.content[1] - width * factor) <= 0.501 or placement.content[1] == 1


@pytest.mark.parametrize(
    ("image", "content", "tensor"),
    [((0, 1), (1, 1), (1, 1)), ((1, 1), (2, 1), (1, 1)), ((1, 1), (1, -1), (1, 1)), ((2**30 + 1, 1), (1, 1), (1, 1))],
)
def test_impossible_sizes_are_refused(
    image: tuple[int, int], content: tuple[int, int], tensor: tuple[int, int]
) -> None:
    with pytest.raises(ValueError, match=r"must be \(height, width\)|must fit into"):
        Placement(image, content, tensor)
