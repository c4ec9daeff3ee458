"""Golden assignments, and the windowed search against a plain one over all anchors."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from scrfd_edge.training.atss import Anchors, Positives, assign, iou, make_anchors

SIZES = ((16, 32), (64, 128), (256, 512))
ANCHORS = make_anchors(((16, 16), (8, 8), (4, 4)), (8, 16, 32), SIZES)
FACES = torch.tensor(
    [[10, 12, 26, 30], [40, 40, 104, 110], [2, 100, 7, 106], [60, 8, 64, 12], [64, 10, 69, 15], [50, 50, 60, 62]],
    dtype=torch.float32,
)
GOLDEN = {
    0: {68: 0.4468, 100: 0.5632, 102: 0.3465},
    1: {584: 0.5765, 586: 0.5765, 600: 0.6803, 602: 0.6803, 616: 0.4293},
    5: {238: 0.4688},
}


def test_golden_faces() -> None:
    found = assign(ANCHORS, torch.zeros(len(FACES), dtype=torch.int64), FACES)
    got: dict[int, set[int]] = {}
    for anchor, face in zip(found.anchor.tolist(), found.face.tolist(), strict=True):
        got.setdefault(face, set()).add(anchor)
        centre, half = ANCHORS.centres[anchor], ANCHORS.sizes[anchor] / 2
        overlap = iou(torch.cat((centre - half, centre + half)), FACES[face])
        assert float(overlap) == pytest.approx(GOLDEN[face][anchor], abs=5e-5)
    assert got == {face: set(anchors) for face, anchors in GOLDEN.items()}


def test_first_anchors_are_centred_on_the_corner_of_the_cell() -> None:
    assert ANCHORS.centres[:3].tolist() == [[0, 0], [0, 0], [8, 0]]
    assert ANCHORS.sizes[:3].tolist() == [16, 32, 16]


def test_a_face_under_four_pixels_gets_no_anchor() -> None:
    corners = torch.rand(200, 2, generator=torch.Generator().manual_seed(0)) * 120
    faces = torch.cat((corners, corners + 3.9), 1)
    for face in faces:
        assert len(assign(ANCHORS, torch.zeros(1, dtype=torch.int64), face[None]).anchor) == 0


def test_no_faces_no_positives() -> None:
    found = assign(ANCHORS, torch.zeros(0, dtype=torch.int64), torch.zeros(0, 4))
    assert [len(part) for part in found] == [0, 0, 0]


def plain_assign(anchors: Anchors, boxes: torch.Tensor) -> Positives:
    """One picture, all anchors against all faces, as the paper of ATSS tells it."""
    half = anchors.sizes[:, None] / 2
    squares = torch.cat((anchors.centres - half, anchors.centres + half), 1)
    best = torch.zeros(len(squares))
    owner = torch.full((len(squares),), -1)
    starts = [0]
    for height, width in anchors.grids:
        starts.append(starts[-1] + height * width * 2)
    for g, box in enumerate(boxes):
        if (box[2] - box[0]) * (box[3] - box[1]) < 16:
            continue
        distance = (anchors.centres - (box[:2] + box[2:]) / 2).square().sum(1)
        near = torch.cat([a + distance[a:b].argsort(stable=True)[:9] for a, b in itertools.pairwise(starts)])
        overlaps = iou(squares[near], box)
        threshold = overlaps.mean() + overlaps.std()
        for anchor, overlap in zip(near.tolist(), overlaps, strict=True):
            x, y = anchors.centres[anchor]
            margin = min(x - box[0], y - box[1], box[2] - x, box[3] - y)
            size = ((box[2] - box[0]) * (box[3] - box[1])).clamp(min=1e-4).sqrt()
            if overlap >= threshold and margin / size > 0.001 and overlap > best[anchor]:
                best[anchor], owner[anchor] = overlap, g
    anchor = (owner >= 0).nonzero().squeeze(1)
    return Positives(torch.zeros_like(anchor), anchor, owner[anchor])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 1023)] * 2, *[st.integers(8, 800)] * 2), min_size=1, max_size=12))
def test_equals_the_plain_search(faces: list[tuple[int, int, int, int]]) -> None:
    # Eighths of a pixel are exact in float32, so that equal distances are ties in both.
    boxes = torch.tensor([[x / 8, y / 8, min(x + w, 1024) / 8, min(y + h, 1024) / 8] for x, y, w, h in faces])
    found = assign(ANCHORS, torch.zeros(len(boxes), dtype=torch.int64), boxes)
    wanted = plain_assign(ANCHORS, boxes)
    got = sorted(zip(found.anchor.tolist(), found.face.tolist(), strict=True))
    assert got == sorted(zip(wanted.anchor.tolist(), wanted.face.tolist(), strict=True))


def test_a_batch_is_its_pictures() -> None:
    pictures = torch.tensor([0, 1, 1, 0, 2, 2])
    together = assign(ANCHORS, pictures, FACES)
    for picture in range(3):
        rows = (pictures == picture).nonzero().squeeze(1)
        alone = assign(ANCHORS, torch.zeros(len(rows), dtype=torch.int64), FACES[rows])
        mine = together.picture == picture
        pairs = zip(together.anchor[mine].tolist(), together.face[mine].tolist(), strict=True)
        assert set(pairs) == set(zip(alone.anchor.tolist(), rows[alone.face].tolist(), strict=True))
