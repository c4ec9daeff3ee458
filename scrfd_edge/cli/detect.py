"""`scrfd-edge detect`: faces in pictures, folders, videos and cameras."""

import statistics
import time
from collections import deque
from collections.abc import Callable
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from ..catalog import SAMPLE
from ..detector import FaceDetector
from ..errors import ImageError, ScrfdError, SettingError
from ..faces import Faces
from ..image import Picture, load
from .output import Drawings, json_lines
from .sources import Source, expand
from .video import Video


def detect(
    inputs: Annotated[
        list[str] | None,
        typer.Argument(metavar="INPUT...", help="Pictures, folders, globs, videos, a camera's number, - for stdin."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Draw to this folder, or file for a single input.")
    ] = None,
    json_to: Annotated[
        str | None, typer.Option("--json", metavar="FILE|-", help="JSON lines to FILE; standard output without -o.")
    ] = None,
    model: Annotated[str, typer.Option(help="A name from `scrfd-edge models`, or a file.")] = "scrfd_500m_kps",
    backend: Annotated[str, typer.Option(help="auto, or an engine.")] = "auto",
    threshold: Annotated[float | None, typer.Option(help="Least score, 0 to 1; the model's own by default.")] = None,
    input_size: Annotated[
        str, typer.Option(metavar="S[,S]", help="Long side in pixels; 640,192 also finds faces that fill the picture.")
    ] = "640",
    max_faces: Annotated[int | None, typer.Option(help="Only the best so many per picture.")] = None,
    sample: Annotated[bool, typer.Option("--sample", help="Detect on the portrait that comes with it.")] = False,
) -> None:
    """Find faces. Data goes to standard output, talk to standard error."""
    sources, problems = expand([*(inputs or []), *([str(SAMPLE)] if sample else [])])
    if not sources and not problems:
        raise SettingError("Name pictures, folders, videos or a camera's number, or use --sample.")
    detector = FaceDetector(
        model,
        backend=backend,
        score_threshold=threshold,
        input_size=_sizes(input_size),
        max_faces=max_faces,
    )
    drawings = None if out is None else Drawings(out, sources)
    with json_lines("-" if json_to is None and out is None else json_to) as write_line:
        job = _Job(detector, drawings, write_line)
        for name, error in problems:
            job.skip(name, error)
        job.run(sources)
    job.report()
    if job.failed:
        raise typer.Exit(2 if job.failed == len(sources) + len(problems) else 1)


class _Job:
    """Takes sources one by one, counts, and goes on after a bad one."""

    def __init__(
        self, detector: FaceDetector, drawings: Drawings | None, write_line: Callable[[dict[str, Any]], None]
    ) -> None:
        self._detector = detector
        self._drawings = drawings
        self._write_line = write_line
        self._console = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
        self._times: deque[float] = deque(maxlen=10000)  # the last ones: a camera may run for days
        self._pictures = 0
        self._faces = 0
        self.failed = 0

    def run(self, sources: list[Source]) -> None:
        with Progress(console=self._console, disable=not self._console.is_terminal, transient=True) as progress:
            task = progress.add_task("detecting", total=len(sources), visible=len(sources) > 1)
            for source in sources:
                try:
                    if source.kind == "picture":
                        self._picture(source)
                    else:
                        self._video(source, progress)
                except ScrfdError as error:
                    self.skip(source.name, error)
                progress.advance(task)

    def skip(self, name: str, error: ScrfdError) -> None:
        """Says what is wrong with one input."""
        self.failed += 1
        self._console.print(f"scrfd-edge: {error}")
        self._write_line({"path": name, "error": str(error)})

    def report(self) -> None:
        if self._times:
            ms, found = statistics.median(self._times), f"{self._faces} faces in {self._pictures} pictures"
            self._console.print(f"{self._detector!r}: {found}, median {ms:.1f} ms")

    def _picture(self, source: Source) -> None:
        picture = load(source.read())
        faces, ms = self._detect(picture)
        if self._drawings is not None:
            self._drawings.save(source, faces.draw(picture, "rgb"))
        self._write(source, 0, picture, faces, ms)

    def _video(self, source: Source, progress: Progress) -> None:
        with closing(Video(source.name, source.kind == "camera")) as video:
            writing = nullcontext() if self._drawings is None else self._drawings.video(source, video.rate)
            task = progress.add_task(source.name, total=video.frames)
            unplugged = False
            with writing as write:
                try:
                    for number, frame in video:
                        picture = Picture(frame, "bgr")
                        faces, ms = self._detect(picture)
                        if write is not None:
                            write(faces.draw(frame))
                        self._write(source, number, picture, faces, ms)
                        progress.advance(task)
                    unplugged = source.kind == "camera"
                except KeyboardInterrupt:
                    if source.kind != "camera":  # Ctrl-C is how a camera ends
                        raise
            progress.remove_task(task)
            if unplugged:
                raise ImageError(f"Camera {source.name} stopped giving frames.")

    def _detect(self, picture: Picture) -> tuple[Faces, float]:
        """And the milliseconds that it took."""
        start = time.perf_counter()
        faces = self._detector.detect(picture)
        return faces, (time.perf_counter() - start) * 1e3

    def _write(self, source: Source, number: int, picture: Picture, faces: Faces, ms: float) -> None:
        """The line of one picture, once its drawing is written: each picture gets one line, faces or an error."""
        height, width = picture.size
        line: dict[str, Any] = {"path": source.name, "frame": number, "width": width, "height": height}
        self._write_line({**line, **faces.to_dict(), "ms": round(ms, 2)})
        self._times.append(ms)
        self._pictures += 1
        self._faces += len(faces)


def _sizes(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise SettingError(f"--input-size takes whole numbers such as 640 or 640,192, got {text!r}.") from None
