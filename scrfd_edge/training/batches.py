"""Annotated pictures to batches: a cache of decoded pictures, crops cut by threads ahead of the network.

A batch is a pure function of seed and step, so that training resumes at any step as if never stopped.
"""

import hashlib
import os
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageOps
from torch import Tensor

from ..annotations import Annotation
from .crops import Crop, cut, face_crop, kept_faces, narrow, square_crop
from .losses import Targets
from .recipe import Crops, Phase, Recipe
from .variety import (
    COVERED,
    MOSAICS,
    add_noise,
    draw_covers,
    draw_shape,
    hidden_faces,
    reshape_boxes,
    reshape_points,
)

AHEAD = 4  # batches
WORKERS = min(16, os.cpu_count() or 1)  # threads that decode and crop
_SMALLEST_SIDE = 32
_TRIES = 5  # for a part without faces


class Batch(NamedTuple):
    """pictures: uint8 (N, 3, H, W) RGB, channels last in memory. names: of the pictures, for messages."""

    pictures: Tensor
    targets: Targets
    names: list[str]


class _Example(NamedTuple):
    """One crop's faces in pixels of the tensor. ignored (I, 4): what the crop holds of the faces to ignore."""

    boxes: npt.NDArray[np.float32]
    landmarks: npt.NDArray[np.float32]
    visible: npt.NDArray[np.float32]
    ignored: npt.NDArray[np.float32]
    name: str

    def moved(self, by: npt.NDArray[np.float32]) -> "_Example":
        """by: (2,) x, y in pixels."""
        twice = np.tile(by, 2)
        return self._replace(boxes=self.boxes + twice, landmarks=self.landmarks + by, ignored=self.ignored + twice)


class Pictures:
    """Decoded pictures, RGB uint8, kept in memory up to `limit` bytes; the rest is decoded at each use.

    every: also those that nothing can be trained on, without faces or under 32 pixels.
    """

    def __init__(self, root: Path, annotations: Sequence[Annotation], limit: int, *, every: bool = False) -> None:
        self.annotations = [
            a for a in annotations if every or (len(a.boxes) and min(a.width, a.height) >= _SMALLEST_SIDE)
        ]
        self._root = root
        self._free = limit
        self._cache: dict[int, npt.NDArray[np.uint8]] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self.annotations)

    def picture(self, index: int) -> npt.NDArray[np.uint8]:
        """(H, W, 3) RGB."""
        if index in self._cache:
            return self._cache[index]
        with Image.open(self._root / self.annotations[index].path) as opened:
            if opened.format == "EPS":
                raise ValueError("PostScript, which Pillow would give to Ghostscript to run")
            picture = np.asarray(ImageOps.exif_transpose(opened).convert("RGB"))
        with self._lock:
            if index not in self._cache and picture.nbytes <= self._free:
                self._free -= picture.nbytes
                self._cache[index] = picture
        return picture

    def digest(self) -> str:
        """SHA-256 over names and faces: which training set this is."""
        digest = hashlib.sha256()
        for note in self.annotations:
            digest.update(note.path.encode())
            for array in (note.boxes, note.ignored, note.landmarks, note.visible):
                digest.update(array.tobytes())
        return digest.hexdigest()


class Batches:
    """Batches of a recipe from step `start` on, the part of one process among `world`."""

    def __init__(self, pictures: Pictures, recipe: Recipe, seed: int, rank: int = 0, world: int = 1) -> None:
        self._pictures = pictures
        self._recipe = recipe
        self._seed = seed
        self._rank, self._world = rank, world
        self._order: tuple[int, npt.NDArray[np.int64]] = -1, np.zeros(0, np.int64)  # of the epoch last asked for

    @property
    def pictures(self) -> Pictures:
        """What is trained on."""
        return self._pictures

    def steps(self) -> int:
        """How many steps the recipe takes."""
        return sum(self._recipe.steps(len(self._pictures)))

    def make(self, step: int) -> Batch:
        """The batch of one step (from 0)."""
        phase, first = self._locate(step)
        places = range(first + self._rank, first + phase.batch, self._world)
        pictures = np.empty((len(places), *phase.shape(step), 3), np.uint8)
        level = self._recipe.level(step, self.steps())
        examples = [self._example(phase, place, pictures[i], level) for i, place in enumerate(places)]
        targets = Targets(
            _owners([e.boxes for e in examples]),
            torch.from_numpy(np.concatenate([e.boxes for e in examples])),
            torch.from_numpy(np.concatenate([e.landmarks for e in examples])),
            torch.from_numpy(np.concatenate([e.visible for e in examples])),
            _owners([e.ignored for e in examples]),
            torch.from_numpy(np.concatenate([e.ignored for e in examples])),
        )
        return Batch(torch.from_numpy(pictures).permute(0, 3, 1, 2), targets, [e.name for e in examples])

    def from_step(self, start: int, pinned: bool = False) -> Iterator[Batch]:
        """Batches in order, made by threads a few steps ahead; `pinned` in memory from where a GPU copies by itself."""
        make = self._make_pinned if pinned else self.make
        pending: deque[Future[Batch]] = deque()
        with ThreadPoolExecutor(WORKERS) as pool:
            for step in range(start, self.steps()):
                pending.append(pool.submit(make, step))
                if len(pending) > AHEAD:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()

    def _make_pinned(self, step: int) -> Batch:
        batch = self.make(step)
        targets = Targets(*(part.pin_memory() for part in batch.targets))
        return batch._replace(pictures=batch.pictures.pin_memory(), targets=targets)

    def _locate(self, step: int) -> tuple[Phase, int]:
        """The phase of a step, and the place of its first picture in the endless row of shuffled epochs."""
        first = 0
        for phase, steps in zip(self._recipe.phases, self._recipe.steps(len(self._pictures)), strict=True):
            if step < steps:
                return phase, first + step * phase.batch
            step -= steps
            first += steps * phase.batch
        raise IndexError("step beyond the end of the recipe")

    def _index(self, place: int) -> int:
        """The picture at a place of the row."""
        epoch, position = divmod(place, len(self._pictures))
        shuffled, order = self._order
        if shuffled != epoch:
            order = np.random.default_rng((self._seed, 0, epoch)).permutation(len(self._pictures))
            self._order = epoch, order
        return int(order[position])

    def _example(self, phase: Phase, place: int, out: npt.NDArray[np.uint8], level: float) -> _Example:
        index = self._index(place)
        rng = np.random.default_rng((self._seed, 1, place))
        note = self._pictures.annotations[index]
        if self._recipe.empty and rng.random() < self._recipe.empty:
            _fill(rng, out)
            return _Example(note.boxes[:0], note.landmarks[:0], note.visible[:0].mean(1), note.boxes[:0], note.path)
        if level and rng.random() < MOSAICS * level:
            example = self._mosaic(rng, phase, index, out, level)
        else:
            example = self._patch(rng, index, phase.crops, phase.size, out, self._recipe.clip_faces, level)
        if level and rng.random() < COVERED * level:
            example = self._cover(rng, example, out)
        if level:
            add_noise(rng, level, out)
        return example

    def _mosaic(
        self, rng: np.random.Generator, phase: Phase, index: int, out: npt.NDArray[np.uint8], level: float
    ) -> _Example:
        """Four pictures, `index` and three random ones, a quarter of `out` each, around a face before it turns."""
        half = np.array(out.shape[1::-1]) // 2
        parts = []
        for i, other in enumerate((index, *rng.integers(len(self._pictures), size=3))):
            x, y = corner = half * (i % 2, i // 2)
            view = out[y : y + half[1], x : x + half[0]]
            part = self._patch(rng, int(other), "face", phase.size // 2, view, True, level)
            parts.append(part.moved(corner.astype(np.float32)))
        boxes, landmarks, visible, ignored = (np.concatenate([p[field] for p in parts]) for field in range(4))
        return _Example(boxes, landmarks, visible, ignored, " + ".join(part.name for part in parts))

    def _patch(
        self,
        rng: np.random.Generator,
        index: int,
        crops: Crops,
        size: int,
        out: npt.NDArray[np.uint8],
        clip: bool,
        level: float,
    ) -> _Example:
        """A crop of one picture. size: long side of `out`. clip: faces end at its border. level: of variety."""
        note = self._pictures.annotations[index]
        counted = note.boxes[~note.ignored]
        if crops == "face":
            crop = face_crop(rng, note.height, note.width, counted, self._recipe.scales, size / 640, size)
        else:
            crop = square_crop(rng, note.height, note.width, counted, self._recipe.scales)
        height, width = out.shape[:2]
        if height != width:
            crop = narrow(rng, crop, note.height, note.width, counted, (height, width))
        shape = draw_shape(rng, level) if level else None
        factor = np.float32(cut(self._pictures.picture(index), crop, out, shape))
        corner, end = np.array([crop.x, crop.y], np.float32), np.array([width, height], np.float32)
        boxes = (note.boxes - np.tile(corner, 2)) * factor
        points = (note.landmarks - corner) * factor
        if shape is None:
            kept = kept_faces(note.boxes, crop)
        else:
            middle = np.array([width / 2, height / 2], np.float32)
            boxes, points = reshape_boxes(boxes, shape, middle), reshape_points(points, shape, middle)
            kept = kept_faces(boxes, Crop(0, 0, width, height))
        kept &= ~note.ignored
        clipped = boxes.clip(0, np.tile(end, 2))
        within = note.ignored & (clipped[:, 2:] > clipped[:, :2]).all(1)
        if clip:
            boxes, points = clipped, points.clip(0, end)
        return _Example(boxes[kept], points[kept], note.visible[kept].mean(1), clipped[within], note.path)

    def _cover(self, rng: np.random.Generator, example: _Example, out: npt.NDArray[np.uint8]) -> _Example:
        """Lays parts of other pictures over parts of `out`. Faces that they hide are to be ignored."""
        height, width = out.shape[:2]
        seen = example.boxes.clip(0, np.array([width, height, width, height], np.float32))
        covers = draw_covers(rng, seen, height, width)
        for x1, y1, x2, y2 in covers:
            self._paste(rng, out[y1:y2, x1:x2])
        hidden = hidden_faces(seen, covers, height, width)
        return example._replace(
            boxes=example.boxes[~hidden],
            landmarks=example.landmarks[~hidden],
            visible=example.visible[~hidden],
            ignored=np.concatenate((example.ignored, seen[hidden])),
        )

    def _paste(self, rng: np.random.Generator, out: npt.NDArray[np.uint8]) -> None:
        """A part of a random picture that shows no face, at half to twice its size; where none is found, one colour."""
        for _ in range(_TRIES):
            index = int(rng.integers(len(self._pictures)))
            note = self._pictures.annotations[index]
            height, width = np.array(out.shape[:2]) * np.exp(rng.uniform(-np.log(2), np.log(2)))
            if height > note.height or width > note.width:
                continue
            x, y = (int(end) for end in rng.random(2) * (note.width - width, note.height - height))
            b = note.boxes
            if not ((b[:, 0] < x + width) & (b[:, 2] > x) & (b[:, 1] < y + height) & (b[:, 3] > y)).any():
                cut(self._pictures.picture(index), Crop(x, y, width, height), out)
                return
        _fill(rng, out)


def _owners(faces: Sequence[npt.NDArray[np.float32]]) -> Tensor:
    """(G,) int64, the index of the picture of each face."""
    return torch.from_numpy(np.repeat(np.arange(len(faces)), [len(boxes) for boxes in faces]))


def _fill(rng: np.random.Generator, out: npt.NDArray[np.uint8]) -> None:
    """One colour, dark ones more often, with the noise of a sensor."""
    colour = (rng.integers(240, size=3) * rng.random()).astype(np.uint8)
    out[:] = colour + rng.integers(rng.integers(1, 17), size=out.shape, dtype=np.uint8)
