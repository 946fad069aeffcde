"""The way in: from the options of a source to its scenes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from utils.errors import SourceError
from utils.issues import IssueReport
from utils.labels.makesense_csv import is_makesense
from utils.labels.vector_files import BESIDE_VECTORS, VECTOR_SUFFIXES
from utils.paths import local_folder
from utils.scenes.bursts import bursts_of
from utils.scenes.classes import class_rules, note_unmet
from utils.scenes.coco import open_coco
from utils.scenes.datumaro import converted
from utils.scenes.exports import as_read
from utils.scenes.folder import open_folder
from utils.scenes.gis import open_gis
from utils.scenes.given_splits import split_by_folder
from utils.scenes.groups import ALONE, AUTO, UNGROUPED, GroupOf, burst_seconds, group_rule
from utils.scenes.hugging_face import open_hugging_face
from utils.scenes.image_classes import open_classes
from utils.scenes.image_files import existing_folder, images_below, is_one_image
from utils.scenes.listing import is_image_file, list_files, passed_over
from utils.scenes.masks import open_masks
from utils.scenes.options import (
    ClassesSource,
    CocoSource,
    DatumaroSource,
    ExportSource,
    FolderSource,
    GisSource,
    HuggingFaceSource,
    MasksSource,
    RoboflowSource,
    SourceOptions,
    SyntheticSource,
    VideoSource,
    VocSource,
    YoloSource,
)
from utils.scenes.region_choice import Regions, open_regions
from utils.scenes.roboflow import on_disk
from utils.scenes.scene import Scene, SceneSource
from utils.scenes.selection import WHOLE, Selection
from utils.scenes.synthetic import open_synthetic
from utils.scenes.video import open_video
from utils.scenes.voc import open_voc
from utils.scenes.yolo import open_yolo
from utils.storage.objects import is_local

PASSED_OVER = "files passed over"
# Suffixes of the files that the readers of each kind understand.
_CONSUMED = {
    "folder": frozenset[str](),
    "classes": frozenset({".csv"}),
    "masks": frozenset({".yaml", ".yml"}),
    "coco": frozenset({".json"}),
    "voc": frozenset({".xml", ".txt", ".pbtxt"}),
    "gis": VECTOR_SUFFIXES | BESIDE_VECTORS,
    "yolo": frozenset({".txt", ".yaml", ".yml", ".names", ".labels", ".data", ".cache", ".json"}),
}


def open_source(options: SourceOptions) -> SceneSource:
    """Open a source of any kind, without reading more of it than is needed to see that it can be.

    What is the same for all kinds happens here: classes are renamed and left out as the options
    say, and no more scenes are read than were asked for.

    Raises:
        SourceError: If the source as a whole cannot be read.
        ConfigurationError: If the options name a class that the source does not have, or regions
            that cannot be used.
    """
    if isinstance(options, RoboflowSource):
        options = on_disk(options)
    if isinstance(options, ExportSource):
        options = as_read(options)
    if isinstance(options, DatumaroSource):
        options = converted(options)
    images = getattr(options, "path", None)  # of the kinds that have a folder
    regions = open_regions(options.regions, options.regions_side, images)
    source = _listed(_open(options), options)
    rules = class_rules(options.classes, options.class_mapping, source.class_names)

    group_of = _group_rule(options)
    limited = Selection(limit=options.max_scenes)

    def read(report: IssueReport, selection: Selection) -> Iterator[Scene]:
        if selection.shard == 0:
            _tell_listing(source, report)
            if regions is not None:
                regions.report_problems(report)
        met: set[str] = set()
        ungrouped: list[str] = []
        for scene in source.read_selected(report, selection.updated(limit=options.max_scenes)):
            met.update(label for shapes in scene.held for label in shapes.labels)
            ruled = replace(
                rules.apply(scene, report),
                group=group_of(scene),
                split=scene.split or split_by_folder(scene.id),
                tags=_tags(scene, options),
            )
            is_rule = options.group not in (AUTO, ALONE) and not burst_seconds(options.group)
            if ruled.group is None and is_rule:
                ungrouped.append(scene.id)
            yield _located(_in_region(ruled, regions, report), source, options)
        _tell_ungrouped(ungrouped, source.name, options.group, report)
        if not source.class_names:
            note_unmet(options.class_mapping, met, report)
        if regions is not None and selection == WHOLE and options.max_scenes is None:
            regions.tell_unmet(report)

    return replace(
        source,
        class_names=rules.class_names(source.class_names),
        scene_count=None if source.scene_count is None else limited.count_of(source.scene_count),
        read_selected=read,
        total_bytes=_limited_bytes(source, limited),
    )


def _tags(scene: Scene, options: SourceOptions) -> tuple[str, ...]:
    """The tags of a scene, with those of the source, and its folders as `level:name`."""
    folders = PurePosixPath(scene.id).parent.parts[1:]  # the first is the source's name
    named = zip(options.folder_levels, folders, strict=False)
    levels = [f"{level}:{folder}" for level, folder in named]
    covered = set(folders[: len(options.folder_levels)])
    rest = [tag for tag in scene.tags if tag not in covered]
    return tuple(dict.fromkeys((*levels, *rest, *options.tags)))


def _group_rule(options: SourceOptions) -> GroupOf:
    """The rule of the groups; that of bursts needs the times of all images beforehand.

    Raises:
        SourceError: If bursts are asked for where the images are not on this disk.
    """
    seconds = burst_seconds(options.group)
    if seconds is None:
        return group_rule(options.group)
    path = getattr(options, "path", None)
    if path is None or not is_local(path):
        raise SourceError(
            f"`group: {options.group}` reads when images were taken, and needs them on this disk. "
            "Copy them there, or group by folder: --set source.group=folder"
        )
    bursts = bursts_of(images_below(existing_folder(Path(path))), seconds)
    found = group_rule(AUTO)

    def group_of(scene: Scene) -> str | None:
        first = bursts.get(scene.path)
        folder = PurePosixPath(scene.id).parent
        return found(scene) if scene.group or first is None else f"{folder}/{first}"

    return group_of


def _in_region(scene: Scene, regions: Regions | None, report: IssueReport) -> Scene:
    return scene if regions is None else replace(scene, region=regions.of(scene.id, report))


def _listed(source: SceneSource, options: SourceOptions) -> SceneSource:
    """The source with what its folder holds besides images and labels."""
    kinds = (
        FolderSource | ClassesSource | MasksSource | GisSource | CocoSource | VocSource | YoloSource
    )
    if not isinstance(options, kinds):
        return source
    if not is_local(str(options.path)) or is_one_image(options.path):
        return source
    root = existing_folder(Path(options.path))
    listing = list_files(root)
    # Local state holds views of exports and of zips, whose links are our own.
    is_own = root.is_relative_to(local_folder("cache"))
    named = {root / labels for labels in getattr(options, "labels", ())}
    others = (
        file
        for file in listing.files
        if not (is_image_file(file) or file in named or _is_listing(file, options))
    )
    return replace(
        source,
        passed_over=passed_over(others, _CONSUMED[options.kind]),
        notes=() if is_own else tuple(listing.issues(source.name)),
    )


def _is_listing(file: Path, options: SourceOptions) -> bool:
    """Whether a table lists images with labels, of makesense or of a package of Camtrap DP."""
    if not isinstance(options, CocoSource) or file.suffix.lower() != ".csv":
        return False
    return (file.parent / "datapackage.json").is_file() or is_makesense(file)


def _tell_listing(source: SceneSource, report: IssueReport) -> None:
    report.extend(source.notes)
    if source.passed_over:
        counts = ", ".join(f"{suffix}: {count}" for suffix, count in source.passed_over.items())
        detail = f"files that are no images by their suffix or content ({counts})"
        report.add(source.name, PASSED_OVER, detail, set_aside=False)


def _tell_ungrouped(scenes: list[str], source: str, rule: str, report: IssueReport) -> None:
    if scenes:
        detail = f"`group: {rule}` matches {len(scenes)} ids not at all, first {scenes[0]}"
        report.add(source, UNGROUPED, f"{detail}; each stands alone", set_aside=False)


def _limited_bytes(source: SceneSource, limited: Selection) -> Callable[[], int] | None:
    """The size of the images that will be read: a part of all, as if all were the same size."""
    whole, scenes = source.total_bytes, source.scene_count
    if whole is None or not scenes:
        return whole
    return lambda: whole() * limited.count_of(scenes) // scenes


def _located(scene: Scene, source: SceneSource, options: SourceOptions) -> Scene:
    """The scene with the place of its image, where the dataset is a copy of one in a bucket."""
    match options:
        case (
            ClassesSource(path=path)
            | MasksSource(path=path)
            | GisSource(path=path)
            | CocoSource(path=path)
            | VocSource(path=path)
            | YoloSource(path=path)
        ) if not is_local(path):
            return replace(scene, uri=path.rstrip("/") + scene.id.removeprefix(source.name))
    return scene


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
        case ClassesSource():
            return open_classes(options)
        case MasksSource():
            return open_masks(options)
        case GisSource():
            return open_gis(options)
        case VideoSource():
            return open_video(options)
        case FolderSource():
            return open_folder(options)
        case SyntheticSource():
            return open_synthetic(options)
    raise AssertionError(f"a source of {options.kind} is read as another kind")
