"""The way in: from the options of a source to its scenes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from utils.issues import IssueReport
from utils.scenes.classes import class_rules, note_unmet
from utils.scenes.coco import open_coco
from utils.scenes.folder import open_folder
from utils.scenes.hugging_face import open_hugging_face
from utils.scenes.options import (
    CocoSource,
    FolderSource,
    HuggingFaceSource,
    SourceOptions,
    SyntheticSource,
    VocSource,
    YoloSource,
)
from utils.scenes.scene import Scene, SceneSource
from utils.scenes.synthetic import open_synthetic
from utils.scenes.voc import open_voc
from utils.scenes.yolo import open_yolo


def open_source(options: SourceOptions) -> SceneSource:
    """Open a source of any kind, without reading more of it than is needed to see that it can be.

    What is the same for all kinds happens here: classes are renamed and left out as the options
    say, every scene id appears once, and no more scenes are read than were asked for.

    Raises:
        SourceError: If the source as a whole cannot be read.
        ConfigurationError: If the options name a class that the source does not have.
    """
    source = _open(options)
    rules = class_rules(options.classes, options.class_mapping, source.class_names)

    def read(report: IssueReport) -> Iterator[Scene]:
        scenes = _without_repetition(source.read(report), report)
        met: set[str] = set()
        for scene in islice(scenes, options.max_scenes):
            met.update(scene.boxes.labels if scene.boxes else ())
            yield rules.apply(scene, report)
        if not source.class_names:
            note_unmet(options.class_mapping, met, report)

    counts = [count for count in (source.scene_count, options.max_scenes) if count is not None]
    return replace(
        source,
        class_names=rules.class_names(source.class_names),
        scene_count=min(counts) if source.scene_count is not None else None,
        read=read,
    )


def _open(options: SourceOptions) -> SceneSource:
    match options:
        case HuggingFaceSource():
            return open_hugging_face(options)
        case CocoSource():
            return open_coco(options)
        case VocSource():
            return open_voc(options)
        case YoloSource():
            return open_yolo(options)
        case FolderSource():
            return open_folder(options)
        case SyntheticSource():
            return open_synthetic(options)


def _without_repetition(scenes: Iterator[Scene], report: IssueReport) -> Iterator[Scene]:
    seen: set[str] = set()
    for scene in scenes:
        if scene.id in seen:
            detail = "the second one is left out"
            report.add(scene.id, "scene appears twice", detail, set_aside=False)
        else:
            seen.add(scene.id)
            yield scene
