"""CVAT's XML of videos: tracks ("CVAT for video 1.1"), or frames ("CVAT for images 1.1")."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from utils.labels.cvat_xml import cvat_labels, fact_labels, place_of
from utils.labels.objects import (
    UNKNOWN_CLASS,
    UNREADABLE_LABEL,
    Fault,
    LabelledObject,
    class_name,
    frame_of,
    has_area,
)
from utils.labels.rectangles import settle_rectangles
from utils.labels.tracks import VideoLabels

_FRAME = re.compile(r"(?:^|/)frame_(\d+)(?:\.\w+)?$")
_STEP = re.compile(r"step\s*=\s*([1-9]\d*)")


@dataclass(slots=True)
class CvatVideo:
    """The labels of one task or job.

    Attributes:
        task_id: Number of the task, empty where the file has only one.
        subset: Subset of the task.
        offset: Number that a project adds to the frames of this task; tasks of one subset follow
            one another.
        labels: The labels, by the frames of the video.
    """

    task_id: str
    subset: str
    offset: int
    labels: VideoLabels


def cvat_videos(root: Element) -> list[CvatVideo]:
    """The videos that an XML of CVAT labels, each task of a project by itself; none in any other.

    A box that is outside ends its track and is no object. Of a task with a frame step only those
    frames were shown to anybody.
    """
    items = _items(root)
    if root.tag != "annotations" or not (items or root.find("track") is not None):
        return []
    meta = root.find("meta")
    tasks = [] if meta is None else meta.findall("project/tasks/task")
    videos = _tasks(tasks) if len(tasks) > 1 else [_video(tasks[0] if tasks else meta, "", 0)]
    by_id = {video.task_id: video for video in videos}
    belonging: dict[str, list[_Item]] = defaultdict(list)
    for item in items:
        task_id = item.task_id if len(videos) > 1 else ""
        if task_id in by_id:
            belonging[task_id].append(item)
        else:
            detail = f"{item.name} belongs to no task of the file"
            videos[0].labels.faults.append(Fault(UNREADABLE_LABEL, detail))
    for video in videos:
        _fill(video, belonging[video.task_id], fact_labels(root))
    return videos


@dataclass(frozen=True, slots=True)
class _Item:
    """A shape of a track in a frame, or a whole frame.

    Attributes:
        name: Its name in reports.
        task_id: The task that it belongs to; empty where it names none.
        label: Label of the track.
        frame: Number of the frame as it is written.
        element: The shape, or the frame.
    """

    name: str
    task_id: str
    label: str | None
    frame: str
    element: Element


def _items(root: Element) -> list[_Item]:
    tracks = [
        _Item(
            f"track {track.get('id')}, frame {shape.get('frame') or '?'}",
            track.get("task_id") or "",
            track.get("label"),
            shape.get("frame") or "",
            shape,
        )
        for track in root.findall("track")
        for shape in track
        if shape.tag != "attribute" and not _is_outside(shape)
    ]
    images = root.findall("image") if root.find("track") is None else []
    numbers = [_FRAME.search(image.get("name") or "") for image in images]
    return tracks + [
        _Item(f"image {number.group()}", image.get("task_id") or "", None, number[1], image)
        for image, number in zip(images, numbers, strict=True)
        if number is not None
    ]


def _is_outside(shape: Element) -> bool:
    """Whether a shape says that its object is not there; a skeleton says it by all its parts."""
    if shape.tag == "skeleton":
        parts = [part for part in shape if part.tag != "attribute"]
        return bool(parts) and all(map(_is_outside, parts))
    return shape.get("outside") == "1"


def _tasks(tasks: list[Element]) -> list[CvatVideo]:
    """The tasks of a project; the frames of a task count on from those before it in its subset."""
    found: list[CvatVideo] = []
    offset, subset = 0, None
    for task in tasks:
        if _text(task, "subset") != subset:
            offset, subset = 0, _text(task, "subset")
        found.append(_video(task, _text(task, "id"), offset))
        first, size = _text(task, "start_frame"), _text(task, "size")
        if first.isdecimal() and size.isdecimal():
            offset += int(first) + _step(task) * int(size)
    return found


def _video(meta: Element | None, task_id: str, offset: int) -> CvatVideo:
    labels = VideoLabels(_text(meta, ".//source"))
    width, height = _text(meta, ".//original_size/width"), _text(meta, ".//original_size/height")
    labels.size = frame_of(width, height)
    first, last = _text(meta, ".//start_frame"), _text(meta, ".//stop_frame")
    if first.isdecimal() and last.isdecimal():
        labels.state_range(range(int(first), int(last) + 1, _step(meta)))
    return CvatVideo(task_id, _text(meta, ".//subset"), offset, labels)


def _step(meta: Element | None) -> int:
    found = _STEP.search(_text(meta, ".//frame_filter"))
    return int(found[1]) if found else 1


def _text(element: Element | None, path: str) -> str:
    found = None if element is None else element.find(path)
    return (found.text or "").strip() if found is not None else ""


def _fill(video: CvatVideo, items: list[_Item], facts: frozenset[str]) -> None:
    labels = video.labels
    numbers = [int(item.frame) for item in items if item.frame.isdecimal()]
    stated = labels.labelled[0] if labels.is_range_stated else range(0)
    first = stated.start if isinstance(stated, range) else 0
    if min(numbers, default=0) < first + video.offset:
        video.offset = 0  # an export that counts the frames of each task by themselves
    listed = set()
    for item in items:
        if not item.frame.isdecimal():
            detail = f"{item.name} is in no frame that can be read"
            labels.faults.append(Fault(UNREADABLE_LABEL, detail))
        elif item.element.tag == "image":
            frame = int(item.frame) - video.offset
            listed.add(frame)
            labels.frames[frame] = cvat_labels(item.element, facts)
            labels.keys[frame] = len(labels.frames[frame].objects)
        else:
            _add_shape(labels, item, int(item.frame) - video.offset)
    if listed:
        labels.state_range(frozenset(listed))
    elif not labels.is_range_stated:
        labels.state_range(None)
    settle_rectangles(list(labels.frames.values()))


def _add_shape(labels: VideoLabels, item: _Item, frame: int) -> None:
    shape, label = item.element, class_name(item.label)
    place = place_of(shape)
    if label is None:
        labels.at(frame).add_fault(f"{item.name} has no usable label", UNKNOWN_CLASS)
    elif place is None or not has_area(place.xyxy):
        detail = f"{item.name} ('{label}', {shape.tag}) has no shape with an area that can be read"
        labels.at(frame).add_fault(detail)
    else:
        is_key = shape.get("keyframe", "1") == "1"
        labels.add(frame, LabelledObject(label, *place), is_key=is_key)
