"""Groups of scenes that are nearly the same picture, so that no split shares them out."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import PurePosixPath

from utils.scenes.scene import Scene

AUTO, ALONE, FOLDER = "auto", "scene", "folder"
UNGROUPED = "scene that the group rule does not match"
_BURST = re.compile(r"^burst(?::(\d+(?:\.\d+)?))?$")
_BURST_SECONDS = 60.0
_FOLDER_DEPTH = re.compile(r"^folder:([1-9]\d*)$")

# Roboflow names augmented copies of one photograph NAME_jpg.rf.HASH, and shares them out.
_COPY = re.compile(
    r"^(?P<name>.+)_(?:jpe?g|jfif|png|bmp|tiff?|webp|gif|avif|heic)\.rf\.\w{8,}$", re.I
)
_FRAMES = (
    # As CVAT, ffmpeg's users and most annotation tools number them; named or not.
    re.compile(r"^(?P<name>.*?)[ ._-]?(?:frame|frm)[ ._-]?\d+$", re.I),
    # As Roboflow names those that it takes from a video.
    re.compile(r"^(?P<name>.+)_(?:mp4|mov|avi|mkv|m4v|webm)-\d+$", re.I),
)
# Windows of one larger image: as DOTA's toolkit, SAHI and Spyglass itself name them.
_WINDOWS = (
    re.compile(r"^(?P<name>.+?)__\d+(?:\.\d+)?__-?\d+___-?\d+$"),
    re.compile(r"^(?P<name>.+)_x\d+_y\d+_\d+x\d+$"),
)
_SAHI_WINDOW = re.compile(r"^(?P<name>.+)_(\d+)_(\d+)_(\d+)_(\d+)$")
_MOT_FRAMES = "img1"  # MOT Challenge: SEQUENCE/img1/000001.jpg

GroupOf = Callable[[Scene], str | None]


def group_rule(rule: str) -> GroupOf:
    """The function that names the group of a scene, or gives None for a scene on its own.

    Args:
        rule: `auto`, `scene`, `folder`, `folder:N`, or a regular expression with a group, as in
            `CommonSourceOptions.group`. A rule of bursts counts as `auto`.

    Raises:
        ValueError: If it is none of these.
    """
    if rule == AUTO or burst_seconds(rule) is not None:
        return _found
    if rule == ALONE:
        return lambda _: None
    if rule == FOLDER:
        return lambda scene: str(PurePosixPath(scene.id).parent)
    if depth := _FOLDER_DEPTH.match(rule):
        parts = int(depth.group(1)) + 1  # an id begins with the name of the source
        return lambda scene: "/".join(PurePosixPath(scene.id).parent.parts[:parts])
    return _by_pattern(rule)


def burst_seconds(rule: str) -> float | None:
    """Return the longest pause within a burst that a rule names; None for another rule."""
    burst = _BURST.match(rule)
    return None if burst is None else float(burst.group(1) or _BURST_SECONDS)


def _by_pattern(rule: str) -> GroupOf:
    try:
        pattern = re.compile(rule)
    except re.error as error:
        raise ValueError(
            f"group '{rule}' is neither auto, scene, folder, folder:N nor a regular expression "
            f"({error})"
        ) from error
    if not pattern.groups:
        raise ValueError(
            f"group '{rule}' names no part of a scene's id: put parentheses around the part that "
            "scenes of one group share, as in '(site[0-9]+)', or use auto, scene, folder or "
            "folder:N"
        )

    def group_of(scene: Scene) -> str | None:
        met = pattern.search(scene.id)
        parts = [part for part in met.groups() if part] if met else []
        return "/".join([_source(scene), *parts]) if parts else None

    return group_of


def _found(scene: Scene) -> str | None:
    """The group that the source names, or the one that the name of the file shows."""
    if scene.group is not None:
        return f"{_source(scene)}/{scene.group}"
    path = PurePosixPath(scene.id)
    if copy := _COPY.match(path.stem):
        whole = _whole_of(copy["name"]) or copy["name"]
        return f"{_source(scene)}/{whole}"  # its copies lie in folders of several splits
    if path.parent.name == _MOT_FRAMES:
        return str(path.parent.parent)
    name = _whole_of(path.stem)
    return None if name is None else str(path.parent / name)


def _whole_of(stem: str) -> str | None:
    """The video or the larger image that a file is a part of; "" for one without a name.

    A window may be one of a frame.
    """
    whole = None
    while stem and (part_of := _next_whole(stem)) is not None:
        whole = stem = part_of
    return whole


def _next_whole(stem: str) -> str | None:
    found = next(filter(None, (pattern.match(stem) for pattern in (*_FRAMES, *_WINDOWS))), None)
    if found:
        return found["name"]
    if sliced := _SAHI_WINDOW.match(stem):
        x1, y1, x2, y2 = map(int, sliced.groups()[1:])
        return sliced["name"] if x1 < x2 and y1 < y2 else None
    return None


def _source(scene: Scene) -> str:
    return PurePosixPath(scene.id).parts[0]
