"""The labels of a video task of Label Studio: rectangles that move between key frames."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from utils.errors import LabelError
from utils.images.video import VIDEO_SUFFIXES
from utils.labels.objects import (
    SHARES,
    UNKNOWN_CLASS,
    UNREADABLE_LABEL,
    Fault,
    Hull,
    LabelledObject,
    class_name,
    coordinate,
)
from utils.labels.tracks import Moving, VideoLabels


def label_studio_videos(task: Mapping[str, Any], results: Iterable[object]) -> list[VideoLabels]:
    """The labels of the videos of a task; of several, those whose field a region points to.

    Args:
        task: The task, whose data name the videos.
        results: Regions of the annotation that counts.

    Raises:
        LabelError: If the task has several videos, and nothing says which its regions mean.
    """
    texts = {key: text for key, text in task["data"].items() if isinstance(text, str)}
    videos = {key: text for key, text in texts.items() if _is_video(text)}
    rows = [row for row in results if isinstance(row, Mapping) and _sequence(row) is not None]
    if len(videos) <= 1:
        name = next(iter(videos.values()), None) or next(iter(texts.values()), "")
        return [label_studio_tracks(name, rows)]
    by_field: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        by_field.setdefault(str(row.get("to_name")), []).append(row)
    if unknown := by_field.keys() - videos.keys():
        raise LabelError(
            f"Task {task.get('id', '?')!s:.40} has {len(videos)} videos, and its regions point to "
            f"'{min(unknown):.40}', which is none of {', '.join(videos):.200}. Give the fields of "
            "its data these names."
        )
    return [label_studio_tracks(videos[key], found) for key, found in by_field.items()]


def _is_video(text: str) -> bool:
    """Whether a path or an address names a video."""
    ends = text, text.partition("?")[0]
    return any(PurePosixPath(end).suffix.lower() in VIDEO_SUFFIXES for end in ends)


def _sequence(row: Mapping[str, Any]) -> list[object] | None:
    value = row.get("value")
    sequence = value.get("sequence") if isinstance(value, Mapping) else None
    return sequence if isinstance(sequence, list) else None


def label_studio_tracks(video: str, rows: Iterable[Mapping[str, Any]]) -> VideoLabels:
    """The labels of a video of Label Studio; frames count from 1 there.

    They count at the rate of the `<Video>` tag, by default 24 in a second, whatever the file has:
    `count` and `seconds` of the labels tell it. Between two key frames a box moves evenly, unless
    the first of them ends it. After its last key frame it stays where it is until the end.

    Args:
        video: Name of the video.
        rows: Its regions, each with a sequence of key frames.
    """
    found = VideoLabels(video, SHARES)
    for number, row in enumerate(rows, start=1):
        value = row["value"]
        _take_count(found, value)
        names = value.get("labels") or [None]
        label = class_name(names[0]) if isinstance(names, list) else None
        _add_sequence(found, label, f"region {number}", value["sequence"])
    if not found.is_range_stated:
        found.state_range(None)
    return found


def _take_count(found: VideoLabels, value: Mapping[str, Any]) -> None:
    """Take the number of frames, which may be a fraction, and the duration."""
    count, seconds = coordinate(value.get("framesCount")), coordinate(value.get("duration"))
    if math.isfinite(count) and count > 0:
        found.count = count
        found.state_range(range(math.ceil(count)))
    if math.isfinite(seconds) and seconds > 0:
        found.seconds = seconds


class _Key(NamedTuple):
    """A key frame.

    Attributes:
        frame: Its index.
        hull: Hull in shares; None where it cannot be read.
        goes_on: Whether the box goes on after it.
    """

    frame: int
    hull: Hull | None
    goes_on: bool


def _add_sequence(found: VideoLabels, label: str | None, item: str, sequence: list[object]) -> None:
    keys = sorted(filter(None, map(_key_of, sequence)), key=lambda key: key.frame)
    if lost := len(sequence) - len(keys):
        detail = f"{item} has {lost} key frames without a frame that can be read"
        found.faults.append(Fault(UNREADABLE_LABEL, detail, lost=lost))
    if not keys:
        return
    end = math.ceil(found.count) if found.count else keys[-1].frame + 1
    for key, then in pairwise([*keys, keys[-1]._replace(frame=end, goes_on=False)]):
        if label is None:
            fault = Fault(UNKNOWN_CLASS, f"{item} has no usable label")
            found.gaps.append((_until(key, then), fault))
        elif key.hull is None:
            found.gaps.append((_until(key, then), _unread(item, key)))
        else:
            found.add(key.frame, LabelledObject(label, key.hull), is_key=True)
            if key.goes_on and then.hull is not None:
                moving = Moving(label, key.frame, then.frame, key.hull, then.hull)
                found.moving.append(moving)
            elif key.goes_on:
                found.gaps.append((range(key.frame + 1, then.frame), _unread(item, then)))


def _until(key: _Key, then: _Key) -> range:
    """The frames of a key frame, and those up to the next where it goes on."""
    return range(key.frame, then.frame if key.goes_on else key.frame + 1)


def _unread(item: str, key: _Key) -> Fault:
    detail = f"{item} is turned or cannot be read in its key frame {key.frame + 1}"
    return Fault(UNREADABLE_LABEL, detail)


def _key_of(row: object) -> _Key | None:
    """A key frame; None for one whose frame cannot be read."""
    fields = row if isinstance(row, Mapping) else {}
    frame = coordinate(fields.get("frame"))
    if not math.isfinite(frame) or frame < 1:
        return None
    x, y, width, height = (coordinate(fields.get(name)) for name in ("x", "y", "width", "height"))
    is_turned = coordinate(fields.get("rotation") or 0) % 360 != 0
    hull = x / 100, y / 100, (x + width) / 100, (y + height) / 100
    is_fine = all(map(math.isfinite, hull)) and not is_turned
    return _Key(int(frame) - 1, hull if is_fine else None, bool(fields.get("enabled", True)))
