"""Frames out of videos and cameras, and drawn frames into a video."""

import math
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..errors import ImageError, SettingError
from ..image import Pixels


class Video:
    """All frames of a video file, or the newest ones of a camera. Close it after use."""

    def __init__(self, name: str, camera: bool) -> None:
        if not camera and not Path(name).is_file():
            raise ImageError(f"{name}: there is no such file.")
        self._name = name
        self._capture: Any = cv2.VideoCapture(int(name) if camera else _encoded(name))
        if not self._capture.isOpened():
            what = f"Camera {name} cannot be opened." if camera else f"{name} is not a video that OpenCV can read."
            raise ImageError(what)
        self._newest = NewestFrame(self._capture) if camera else None
        rate = float(self._capture.get(cv2.CAP_PROP_FPS))
        self.rate = rate if 0 < rate < math.inf else 25.0
        frames = float(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self.frames = int(frames) if 0 < frames < math.inf and not camera else None

    def close(self) -> None:
        if self._newest is None or self._newest.stop():
            self._capture.release()

    def __iter__(self) -> Iterator[tuple[int, Pixels]]:
        """Number and pixels (H, W, 3) BGR of each frame. Raises ImageError when there is not even one."""
        number = -1
        if self._newest is not None:
            while (newest := self._newest.read()) is not None:
                number, frame = newest
                yield number, frame
        else:
            while (read := self._capture.read())[0]:
                number += 1
                yield number, read[1]
        if number < 0:
            raise ImageError(f"{self._name} gives no frames.")


class NewestFrame:
    """Reads a camera in a thread of its own and keeps only the last frame, so that detection never lags behind."""

    def __init__(self, capture: Any) -> None:
        self._capture = capture
        self._news = threading.Condition()
        self._frame: Pixels | None = None
        self._number = -1
        self._running = True
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self._thread.start()

    def read(self) -> tuple[int, Pixels] | None:
        """Waits for a frame that was not given out yet; its number counts all frames. None once the camera ends."""
        with self._news:
            # A timeout lets Ctrl-C through on Windows.
            while self._running and self._frame is None:
                self._news.wait(0.5)
            frame, self._frame = self._frame, None
            return None if frame is None else (self._number, frame)

    def stop(self) -> bool:
        """Whether the thread has ended, and with it every call of the camera."""
        self._running = False
        self._thread.join(timeout=5)
        return not self._thread.is_alive()

    def _loop(self) -> None:
        try:
            while self._running:
                good, frame = self._capture.read()
                if not good:
                    break
                with self._news:
                    self._frame = frame
                    self._number += 1
                    self._news.notify()
        finally:  # whatever ends the camera, read() must not wait for more
            with self._news:
                self._running = False
                self._news.notify()


@contextmanager
def video_writer(path: Path, rate: float) -> Iterator[Callable[[Pixels], None]]:
    """Gives a function that appends one (H, W, 3) BGR frame to an MPEG-4 file, scaled to the size of the first.

    Raises SettingError where the file does not hold them in the end: OpenCV itself is silent about a full disk.
    """
    writer: Any = None
    written = 0
    size = 0, 0

    def write(frame: Pixels) -> None:
        nonlocal writer, written, size
        if writer is None:
            height, width = frame.shape[:2]
            writer = cv2.VideoWriter(_encoded(path), cv2.VideoWriter.fourcc(*"mp4v"), rate, (width, height))
            if not writer.isOpened():
                raise SettingError(f"{path} cannot be written as an MPEG-4 video.")
            size = width, height
        if frame.shape[1::-1] != size:  # OpenCV drops such frames without a word
            frame = np.asarray(cv2.resize(frame, size), np.uint8)
        writer.write(frame)
        written += 1

    try:
        yield write
    finally:
        if writer is not None:
            writer.release()
    if writer is not None:
        made = cv2.VideoCapture(_encoded(path))
        frames = int(made.get(cv2.CAP_PROP_FRAME_COUNT))
        made.release()
        if frames < written:
            raise SettingError(f"{path} cannot be written: it holds {frames} of {written} frames. Is the disk full?")


def _encoded(path: str | Path) -> Any:
    """As bytes: OpenCV crashes on a str that has no UTF-8 form."""
    return os.fsencode(path)
