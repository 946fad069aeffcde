"""Label Studio's own JSON export: tasks with the regions that people drew, in percent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from utils.labels.coco_json import CocoFile
from utils.labels.label_studio_images import entries_by_image, images_of
from utils.labels.label_studio_regions import Region, regions_of
from utils.labels.label_studio_shapes import (
    UnreadableShapeError,
    hull_of,
    is_known,
    is_rectangle,
    outline_of,
    shape_name,
)
from utils.labels.objects import (
    NO_AREA,
    UNKNOWN_CLASS,
    ImageLabels,
    LabelledObject,
    class_name,
    has_area,
)
from utils.labels.places import Place
from utils.labels.rectangles import settle_rectangles
from utils.shapes.shapes import ShapeKind

NOT_REVIEWED = "task without annotation"
NO_PLACE = "annotation that marks no place"
SEVERAL_IMAGES = "task with several images"


def is_label_studio(content: object) -> bool:
    """Whether the content of a JSON file is a list of Label Studio's tasks."""
    return isinstance(content, list) and any(map(_is_task, content))


def _is_task(task: object) -> bool:
    return (
        isinstance(task, Mapping)
        and isinstance(task.get("annotations"), list)
        and isinstance(task.get("data"), Mapping)
    )


def label_studio_file(path: Path, content: list[Any]) -> CocoFile:
    """The images and labels of Label Studio's tasks.

    Of several annotations of a task the ground truth counts, else the last. A task that nobody has
    annotated, or only skipped, is reported and left out: nothing says that it is empty. Where no
    task has a region, choices are the classes of whole images; beside regions they are remarks.
    """
    found = CocoFile(path)
    choices: dict[str, list[str]] = {}
    for number, task in enumerate(content):
        annotation = counting_annotation(task)
        images = images_of(task["data"]) if _is_task(task) else {}
        item = f"task {task.get('id', number) if isinstance(task, Mapping) else number!s:.40}"
        if annotation is None or not images:
            reason = "nobody has annotated it" if images else "it names no image"
            lost = 0 if annotation is None else _count_shapes(annotation.get("result"))
            found.add_issue(item, NOT_REVIEWED, f"{reason}; it is left out", lost)
            continue
        result = annotation.get("result")
        shared = entries_by_image(_entries(result), images)
        if shared is None:
            detail = f"nothing says to which of its {len(images)} images its regions belong"
            found.add_issue(item, SEVERAL_IMAGES, detail, _count_shapes(result))
        for position, (place, file_name) in enumerate(images.items()):
            key, entries = f"{number}.{position}", (shared or {}).get(place, [])
            labels = _labels(entries, _broken(result) if position == 0 else 0)
            labels.is_labelled = shared is not None
            if entries and not (labels.objects or labels.faults or labels.unused):
                choices[key] = _choices(entries)
            found.entries[key] = file_name, labels
    _settle_choices(found, choices)
    settle_rectangles([labels for _, labels in found.entries.values()])
    found.take_classes()
    return found


def counting_annotation(task: object) -> Mapping[str, Any] | None:
    """The annotation that counts; None where all were skipped, and for what is no task."""
    made = [
        annotation
        for annotation in (task["annotations"] if _is_task(task) else ())  # type: ignore[index]
        if isinstance(annotation, Mapping) and not annotation.get("was_cancelled")
    ]
    truth = [annotation for annotation in made if annotation.get("ground_truth")]
    counting = truth or made
    return counting[-1] if counting else None


def _entries(result: object) -> list[Mapping[str, Any]]:
    rows = result if isinstance(result, list) else []
    return [entry for entry in rows if isinstance(entry, Mapping)]


def _count_shapes(result: object) -> int:
    return sum(region.is_shape for region in regions_of(_entries(result)).values())


def _broken(result: object) -> int:
    """The number of entries of a result that are none; 1 for a result that is no list."""
    return len(result) - len(_entries(result)) if isinstance(result, list) else 1


def _settle_choices(found: CocoFile, choices: Mapping[str, Sequence[str]]) -> None:
    """Make choices the classes of images, or tell that they are remarks.

    Args:
        found: The images and their regions.
        choices: Choices of each image that has nothing else.
    """
    images = [labels for _, labels in found.entries.values()]
    has_regions = any(labels.objects or labels.faults or labels.unused for labels in images)
    if not has_regions and any(choices.values()):
        for key, names in choices.items():
            found.entries[key][1].objects.extend(map(LabelledObject.of_image, names))
        for labels in images:
            labels.is_labelled = bool(labels.objects)
    elif choices:
        detail = f"{len(choices)} have choices or texts alone; their images are empty"
        first = found.entries[next(iter(choices))][0]
        found.add_issue(f"{first:.300}", NO_PLACE, detail)


def _choices(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """The choices about the image as a whole."""
    made = [entry for entry in entries if entry.get("type") == "choices"]
    values = [entry["value"] for entry in made if isinstance(entry.get("value"), Mapping)]
    lists = [value.get("choices") for value in values]
    named = [name for names in lists if isinstance(names, list) for name in names]
    return [name for name in map(class_name, named) if name is not None]


def _is_broken_choice(entry: Mapping[str, Any]) -> bool:
    value = entry.get("value")
    names = value.get("choices") if isinstance(value, Mapping) else None
    return entry.get("type") == "choices" and not isinstance(names, list)


def _labels(entries: Sequence[Mapping[str, Any]], broken: int) -> ImageLabels:
    labels = ImageLabels()
    if broken:
        labels.add_fault("its result is no list of regions", lost=broken)
    for _ in filter(_is_broken_choice, entries):
        labels.add_fault("its choices are no list")
    for region_id, region in regions_of(entries).items():
        if region.is_point:
            labels.unused[NO_AREA] += 1
        elif region.is_shape:
            _add_region(labels, f"region {region_id:.40}", region)
    return labels


def _add_region(labels: ImageLabels, item: str, region: Region) -> None:
    kind = region.kinds[0]
    names = [class_name(name) for name in region.labels]
    try:
        place = _place(region, labels)
    except UnreadableShapeError as error:
        labels.add_fault(f"{item} ({kind:.40}) has no hull that can be read: {error!s:.80}")
        return
    if not names or None in names:
        labels.add_fault(f"{item} ({kind:.40}) has no usable label", UNKNOWN_CLASS)
        return
    labels.objects += [LabelledObject(str(name), *place) for name in names]


def _place(region: Region, labels: ImageLabels) -> Place:
    """The place of a region in pixels of the image as its first region was drawn on it.

    Raises:
        UnreadableShapeError: If there is none.
    """
    if not is_known(region.value):
        raise UnreadableShapeError("shapes of its type are not known")
    if not all(region.drawn_on):
        raise UnreadableShapeError("the size of its image is missing")
    labels.frame = labels.frame or region.drawn_on
    width, height = map(int, labels.frame)
    box = hull_of(region.value, width, height, region.drawn_on)
    x1, y1, x2, y2 = (0.0, 0.0, 0.0, 0.0) if box is None else box.tolist()
    if not has_area((x1, y1, x2, y2)):
        raise UnreadableShapeError("it has no area")
    place = Place((x1, y1, x2, y2), shape_name(region.value))
    outline = None if place.shape == "box" else _outline(region, width, height)
    if outline is None:
        return place
    kind = ShapeKind.OBB if is_rectangle(region.value) else ShapeKind.SEGMENT
    return place._replace(outline=outline, kind=kind)


def _outline(region: Region, width: int, height: int) -> Any | None:
    """The outline of a region; None for one that is known by its hull alone, as one of curves."""
    try:
        return outline_of(region.value, width, height, region.drawn_on)
    except UnreadableShapeError:
        return None
