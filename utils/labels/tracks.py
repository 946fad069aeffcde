"""Labels of videos: boxes by frame, drawn by people or put between those that they drew."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from utils.errors import LabelError
from utils.labels.cvat_xml import place_of
from utils.labels.objects import (
    SHARES,
    UNKNOWN_CLASS,
    UNREADABLE_LABEL,
    Fault,
    Hull,
    ImageLabels,
    LabelledObject,
    Size,
    class_name,
    coordinate,
    frame_of,
    has_area,
)
from utils.labels.texts import read_csv

IGNORED = "box that the benchmark leaves out"
_MOT_COLUMNS = 7
# MOT16 (Milan et al., arXiv 1603.00831), table 5.
_MOT_CLASSES = (
    *("pedestrian", "person on vehicle", "car", "bicycle", "motorbike", "vehicle"),
    *("static person", "distractor", "occluder", "occluder on the ground", "occluder full"),
    "reflection",
)


@dataclass(frozen=True, slots=True)
class _Moving:
    """A box between two frames, at which it has been drawn or ends.

    Attributes:
        label: Class name.
        first: Index of the frame before.
        then: Index of the frame after.
        from_hull: Hull in the frame before.
        to_hull: Hull in the frame after.
    """

    label: str
    first: int
    then: int
    from_hull: Hull
    to_hull: Hull

    def at(self, frame: int) -> LabelledObject:
        """The box in a frame between."""
        share = (frame - self.first) / (self.then - self.first)
        pairs = zip(self.from_hull, self.to_hull, strict=True)
        x1, y1, x2, y2 = (start + (stop - start) * share for start, stop in pairs)
        return LabelledObject(self.label, (x1, y1, x2, y2))


@dataclass(slots=True)
class VideoLabels:
    """The labels of one video.

    Attributes:
        video: Name of the video as the file states it; empty where it states none.
        size: Width and height that the coordinates refer to; `SHARES` for shares.
        objects: Objects by index of the frame.
        keys: Number of objects by index of the frame that people drew there.
        faults: Labels that cannot be read.
        labelled: Frames that people looked through; None for those between the first and the last
            label.
        moving: Boxes that move evenly from one frame to another, both left out.
    """

    video: str = ""
    size: Size | None = None
    objects: dict[int, list[LabelledObject]] = field(default_factory=dict)
    keys: dict[int, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    labelled: range | None = None
    moving: list[_Moving] = field(default_factory=list)

    def add(self, frame: int, found: LabelledObject, *, is_key: bool) -> None:
        """Add an object to a frame."""
        self.objects.setdefault(frame, []).append(found)
        self.keys[frame] = self.keys.get(frame, 0) + is_key

    def of_frame(self, frame: int) -> ImageLabels | None:
        """The labels of a frame; None for one that nobody looked through."""
        if frame not in self._looked_through:
            return None
        between = [one.at(frame) for one in self.moving if one.first < frame < one.then]
        return ImageLabels([*self.objects.get(frame, []), *between], frame=self.size)

    @property
    def _looked_through(self) -> range:
        if self.labelled is not None:
            return self.labelled
        return range(min(self.objects), max(self.objects) + 1) if self.objects else range(0)


def cvat_tracks(root: Element) -> VideoLabels:
    """The labels in the XML of CVAT for videos ("CVAT for video 1.1").

    A box that is outside ends its track and is no object. Frames are those of the video.
    """
    meta = root.find("meta")
    found = VideoLabels(_text(meta, ".//source"))
    width, height = _text(meta, ".//original_size/width"), _text(meta, ".//original_size/height")
    found.size = frame_of(width, height)
    first, last = _text(meta, ".//start_frame"), _text(meta, ".//stop_frame")
    if first.isdecimal() and last.isdecimal():
        found.labelled = range(int(first), int(last) + 1)
    for track in root.findall("track"):
        label = class_name(track.get("label"))
        for shape in track:
            _add_shape(found, label, f"track {track.get('id')}", shape)
    return found


def _text(element: Element | None, path: str) -> str:
    found = None if element is None else element.find(path)
    return (found.text or "").strip() if found is not None else ""


def _add_shape(found: VideoLabels, label: str | None, item: str, shape: Element) -> None:
    frame = shape.get("frame") or ""
    if shape.get("outside") == "1" or shape.tag in ("points", "attribute", "skeleton"):
        return
    place = place_of(shape)
    if label is None:
        found.faults.append(Fault(UNKNOWN_CLASS, f"{item} has no usable label"))
    elif place is None or not has_area(place.xyxy) or not frame.isdecimal():
        detail = f"{item}, frame {frame or '?'} has no shape with an area that can be read"
        found.faults.append(Fault(UNREADABLE_LABEL, detail))
    else:
        is_key = shape.get("keyframe", "1") == "1"
        found.add(int(frame), LabelledObject(label, *place), is_key=is_key)


def mot_tracks(path: Path, only_class: str | None) -> VideoLabels:
    """The labels in a text file of the MOT challenge: frames and pixels count from 1.

    Args:
        path: The file: frame, id, left, top, width, height, confidence, class, visibility.
        only_class: Class of files that tell none.

    Raises:
        LabelError: If it cannot be read, or tells no class and none is given.
    """
    found = VideoLabels()
    last = 0
    for number, row in enumerate(read_csv(path), start=1):
        values = [coordinate(value) for value in row]
        if len(values) < _MOT_COLUMNS or not all(map(math.isfinite, values[:_MOT_COLUMNS])):
            detail = f"row {number} is none of frame, id, left, top, width, height, confidence"
            found.faults.append(Fault(UNREADABLE_LABEL, detail))
            continue
        frame, _, left, top, width, height, counts = values[:_MOT_COLUMNS]
        last = max(last, int(frame))
        hull = left - 1, top - 1, left - 1 + width, top - 1 + height
        if counts == 0:
            found.faults.append(Fault(IGNORED, f"row {number}", lost=0))
        elif not has_area(hull):
            found.faults.append(Fault(UNREADABLE_LABEL, f"row {number} has no area"))
        else:
            label = _mot_class(path, values[_MOT_COLUMNS:], only_class)
            found.add(int(frame) - 1, LabelledObject(label, hull), is_key=True)
    found.labelled = range(last)
    return found


def _mot_class(path: Path, rest: Sequence[float], only_class: str | None) -> str:
    number = int(rest[0]) if rest and math.isfinite(rest[0]) else -1
    if only_class is not None:
        return only_class
    if 1 <= number <= len(_MOT_CLASSES):
        return _MOT_CLASSES[number - 1]
    raise LabelError(f"{path} names no class. Name that of its boxes: --set 'classes=[person]'")


def label_studio_tracks(task: Mapping[str, Any], results: Iterable[object]) -> VideoLabels:
    """The labels of a video task of Label Studio; frames count from 1 there.

    Between two key frames a box moves evenly, unless the first of them ends it. After its last key
    frame it stays where it is until the end.

    Args:
        task: The task, whose data name the video.
        results: Regions of the annotation that counts.
    """
    values = [value for value in task["data"].values() if isinstance(value, str)]
    found = VideoLabels(values[0] if values else "", SHARES)
    for number, row in enumerate(results, start=1):
        value = row.get("value") if isinstance(row, Mapping) else None
        if not isinstance(value, Mapping) or not isinstance(value.get("sequence"), list):
            continue
        count = coordinate(value.get("framesCount"))
        if math.isfinite(count):
            found.labelled = range(int(count))
        names = value.get("labels") or [None]
        label = class_name(names[0]) if isinstance(names, list) else None
        if label is None:
            found.faults.append(Fault(UNKNOWN_CLASS, f"region {number} has no usable label"))
            continue
        _add_sequence(found, label, f"region {number}", value["sequence"])
    return found


def _add_sequence(found: VideoLabels, label: str, item: str, sequence: list[object]) -> None:
    keys = sorted(filter(None, map(_key_frame, sequence)), key=lambda key: key[0])
    if len(keys) < len(sequence):
        detail = f"{item} has {len(sequence) - len(keys)} key frames that cannot be read"
        found.faults.append(Fault(UNREADABLE_LABEL, detail, lost=len(sequence) - len(keys)))
    if not keys:
        return
    end = found.labelled.stop if found.labelled else keys[-1][0] + 1
    _, hull, _ = keys[-1]
    for (first, from_hull, goes_on), (then, to_hull, _) in pairwise([*keys, (end, hull, False)]):
        found.add(first, LabelledObject(label, from_hull), is_key=True)
        if goes_on:
            found.moving.append(_Moving(label, first, then, from_hull, to_hull))


_Key = tuple[int, tuple[float, float, float, float], bool]


def _key_frame(row: object) -> _Key | None:
    """Index of the frame, hull in shares, and whether the box goes on; None for a turned one."""
    fields = row if isinstance(row, Mapping) else {}
    keys = ("frame", "x", "y", "width", "height")
    frame, x, y, width, height = (coordinate(fields.get(key)) for key in keys)
    is_turned = coordinate(fields.get("rotation") or 0) % 360 != 0
    if not all(map(math.isfinite, (frame, x, y, width, height))) or frame < 1 or is_turned:
        return None
    hull = x / 100, y / 100, (x + width) / 100, (y + height) / 100
    return int(frame) - 1, hull, bool(fields.get("enabled", True))
