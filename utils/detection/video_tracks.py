"""Predictions over the frames of videos as tracks, and as videos with the boxes drawn."""

from __future__ import annotations

import colorsys
import csv
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from utils.detection.predictions import Predictions, ScenePrediction
from utils.detection.ultralytics.tracker import NO_TRACK, Tracker, TrackerName
from utils.files import written_whole
from utils.issues import IssueReport
from utils.shapes.shapes import Shapes
from utils.tiling.tile import scene_key

if TYPE_CHECKING:
    import av

NO_FRAMES = "no frames of a video"
FRAME_GONE = "frame cannot be read"
_TIME = re.compile(r"^t(\d{6,}\.\d{6})$")
_NUMBER = re.compile(r"(\d+)$")
_COLUMNS = ("frame", "seconds", "scene_id", "track", "class", "score", "x1", "y1", "x2", "y2")
_TIME_BASE = Fraction(1, 90_000)  # which holds the usual frame rates exactly
_SECONDS = Fraction(1, 25)  # from frame to frame, where no times are known
_GOLDEN_RATIO = 0.618


@dataclass(frozen=True, slots=True)
class _Tracked:
    """One frame of a video with its tracks."""

    number: int
    seconds: Fraction | None
    scene: ScenePrediction
    ids: NDArray[np.int64]


def write_tracks(
    predictions: Predictions,
    folder: Path,
    tracker: TrackerName,
    issues: IssueReport,
    *,
    with_video: bool,
) -> None:
    """Follow the objects of each video, and write `VIDEO.csv`, `VIDEO.txt` and `VIDEO.mp4`.

    The CSV has one row for each box; the text is of the MOT challenge, where frames and pixels
    count from 1, and has the tracks alone. A video is the scenes of one folder whose names end in
    a time or a number.

    Args:
        predictions: Predictions, read twice.
        folder: Receives the files.
        tracker: Tracker that joins the boxes.
        issues: Receives folders that are no videos, and frames that cannot be read.
        with_video: Whether the boxes are drawn on the frames.
    """
    folder.mkdir(parents=True, exist_ok=True)
    numbers = {name: number for number, name in enumerate(predictions.class_names, start=1)}
    for video, frames in _videos(predictions):
        if len(frames) < 2:
            issues.add(video, NO_FRAMES, "it has no tracks", set_aside=False)
            continue
        tracked = list(_tracked(frames, tracker, issues))
        name = scene_key(video)
        with (
            written_whole(folder / f"{name}.csv") as table,
            written_whole(folder / f"{name}.txt") as text,
        ):
            _write(tracked, table, text, numbers)
        if with_video:
            with written_whole(folder / f"{name}.mp4") as film:
                _draw(tracked, film)


def _videos(predictions: Predictions) -> Iterator[tuple[str, list[ScenePrediction]]]:
    """Yield each folder with its frames by time or number; one is in memory until it is whole.

    Scenes come by id, so that those of a folder below another may come among the other's, and
    frame 10 before frame 9.
    """
    waiting = Counter(_folder(scene) for scene in predictions)
    frames: defaultdict[str, list[ScenePrediction]] = defaultdict(list)
    for scene in predictions:
        video = _folder(scene)
        waiting[video] -= 1
        if _place(scene) is not None:
            frames[video].append(scene)
        if not waiting[video]:
            yield video, sorted(frames.pop(video, []), key=_order)


def _folder(scene: ScenePrediction) -> str:
    return str(PurePosixPath(scene.scene_id).parent)


def _order(scene: ScenePrediction) -> tuple[Fraction, int, str]:
    time, number = _place(scene) or (None, 0)
    return time or Fraction(0), number, scene.scene_id


def _place(scene: ScenePrediction) -> tuple[Fraction | None, int] | None:
    """The time of a frame or its number, by its name; None for another image."""
    stem = PurePosixPath(scene.scene_id).stem
    if time := _TIME.match(stem):
        return Fraction(time.group(1)), 0
    number = _NUMBER.search(stem)
    return (None, int(number.group(1))) if number else None


def _tracked(
    frames: list[ScenePrediction], name: TrackerName, issues: IssueReport
) -> Iterator[_Tracked]:
    tracker = Tracker(name, frames[0].least_score)
    for number, scene in enumerate(frames, start=1):
        place = _place(scene)
        pixels = _pixels(scene, issues) if tracker.needs_pixels else None
        seconds = None if place is None else place[0]
        yield _Tracked(number, seconds, scene, tracker.update(scene.shapes, pixels))


def _pixels(scene: ScenePrediction, issues: IssueReport) -> NDArray[np.uint8] | None:
    try:
        with Image.open(scene.location) as image:
            return np.asarray(image.convert("RGB"))
    except OSError as error:
        issues.add(scene.scene_id, FRAME_GONE, error, set_aside=False)
        return None


def _write(frames: Iterable[_Tracked], table: Path, text: Path, numbers: dict[str, int]) -> None:
    with table.open("w", newline="", encoding="utf-8") as rows, text.open("w") as mot:
        writer = csv.writer(rows)
        writer.writerow(_COLUMNS)
        for frame in frames:
            shapes = frame.scene.shapes
            seconds = "" if frame.seconds is None else f"{float(frame.seconds):.6f}"
            for index, label in enumerate(shapes.labels):
                track, score = int(frame.ids[index]), float(shapes.confidences[index])
                x1, y1, x2, y2 = shapes.xyxy[index].tolist()
                shown = "" if track == NO_TRACK else track
                row = (frame.number, seconds, frame.scene.scene_id, shown, label, f"{score:.6f}")
                writer.writerow((*row, *(f"{value:.2f}" for value in (x1, y1, x2, y2))))
                if track != NO_TRACK:
                    place = f"{x1 + 1:.2f},{y1 + 1:.2f},{x2 - x1:.2f},{y2 - y1:.2f}"
                    mot.write(f"{frame.number},{track},{place},{score:.6f},{numbers[label]},-1\n")


def _draw(frames: Iterable[_Tracked], path: Path) -> None:
    """Write an H.264 video of the frames with their boxes, shown at their times."""
    import av

    stream: av.VideoStream | None = None
    last, first = -1, None
    with av.open(str(path), "w", format="mp4") as container:
        for frame in frames:
            pixels = _drawn(frame)
            if stream is None:
                stream = container.add_stream("libx264", rate=25)
                stream.width, stream.height = (side + side % 2 for side in _size(frame.scene))
                stream.pix_fmt = "yuv420p"
                stream.codec_context.time_base = _TIME_BASE
            seconds = frame.number * _SECONDS if frame.seconds is None else frame.seconds
            first = seconds if first is None else first
            last = max(last + 1, round((seconds - first) / _TIME_BASE))
            resized = np.asarray(pixels.resize((stream.width, stream.height)))
            picture = av.VideoFrame.from_ndarray(resized, format="rgb24")
            picture.pts, picture.time_base = last, _TIME_BASE
            container.mux(stream.encode(picture))
        if stream is not None:
            container.mux(stream.encode())


def _size(scene: ScenePrediction) -> tuple[int, int]:
    """Width and height of a frame, in pixels."""
    return scene.width, scene.height


def _drawn(frame: _Tracked) -> Image.Image:
    """The frame with its boxes, each in the colour of its track; black where it cannot be read."""
    scene, shapes = frame.scene, frame.scene.shapes
    try:
        with Image.open(scene.location) as opened:
            image = opened.convert("RGB")
    except OSError:
        image = Image.new("RGB", _size(scene))
    draw = ImageDraw.Draw(image)
    for index in range(len(shapes)):
        _draw_box(draw, shapes, index, int(frame.ids[index]))
    return image


def _draw_box(draw: ImageDraw.ImageDraw, shapes: Shapes, index: int, track: int) -> None:
    colour = (255, 255, 255) if track == NO_TRACK else _colour(track)
    x1, y1, x2, y2 = shapes.xyxy[index].tolist()
    draw.rectangle((x1, y1, x2, y2), outline=colour, width=2)
    name = shapes.labels[index] if track == NO_TRACK else f"{shapes.labels[index]} {track}"
    place = x1, max(y1 - 12, 0)
    draw.text(place, name, colour, stroke_width=1, stroke_fill="black")


def _colour(track: int) -> tuple[int, int, int]:
    red, green, blue = colorsys.hls_to_rgb(track * _GOLDEN_RATIO % 1, 0.55, 0.9)
    return round(red * 255), round(green * 255), round(blue * 255)
