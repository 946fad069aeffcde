"""Label Studio's own JSON export: tasks with the regions that people drew, in percent."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from utils.labels.coco_json import CocoFile
from utils.labels.label_studio_regions import Region, regions_of
from utils.labels.label_studio_shapes import (
    UnreadableShapeError,
    hull_of,
    is_rectangle,
    outline_of,
    shape_name,
)
from utils.labels.objects import (
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


def is_label_studio(content: object) -> bool:
    """Whether the content of a JSON file is a list of Label Studio's tasks."""
    return isinstance(content, list) and bool(content) and all(map(_is_task, content))


def _is_task(task: object) -> bool:
    return (
        isinstance(task, Mapping)
        and isinstance(task.get("annotations"), list)
        and isinstance(task.get("data"), Mapping)
    )


def label_studio_file(path: Path, content: list[Mapping[str, Any]]) -> CocoFile:
    """The images and labels of Label Studio's tasks.

    Of several annotations of a task the ground truth counts, else the last. A task that nobody has
    annotated, or only skipped, is reported and left out: nothing says that it is empty. Where no
    task has a region, choices are the classes of whole images; beside regions they are remarks.
    """
    found = CocoFile(path)
    placeless: list[str] = []
    choices: dict[str, list[str]] = {}
    for number, task in enumerate(content):
        annotation, file_name = counting_annotation(task), _image_of(task["data"])
        item = f"task {task.get('id', number)!s:.40}"
        if annotation is None or file_name is None:
            reason = "it names no image" if file_name is None else "nobody has annotated it"
            found.add_issue(item, NOT_REVIEWED, f"{reason}; it is left out")
            continue
        result = annotation.get("result")
        labels = _labels(result)
        if result and not (labels.objects or labels.faults):
            placeless.append(item)
            choices[str(number)] = _choices(result)
        found.entries[str(number)] = file_name, labels
    has_regions = any(labels.objects or labels.faults for _, labels in found.entries.values())
    if not has_regions and any(choices.values()):
        for key, names in choices.items():
            found.entries[key][1].objects.extend(map(LabelledObject.of_image, names))
        for _, labels in found.entries.values():
            labels.is_labelled = bool(labels.objects)
    elif placeless:
        detail = f"{len(placeless)} have choices, points or texts alone; their images are empty"
        found.add_issue(placeless[0], NO_PLACE, detail)
    settle_rectangles([labels for _, labels in found.entries.values()])
    found.take_classes()
    return found


def counting_annotation(task: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The annotation that counts; None where all were skipped."""
    made = [
        annotation
        for annotation in task["annotations"]
        if isinstance(annotation, Mapping) and not annotation.get("was_cancelled")
    ]
    truth = [annotation for annotation in made if annotation.get("ground_truth")]
    counting = truth or made
    return counting[-1] if counting else None


def _image_of(fields: Mapping[str, Any]) -> str | None:
    """The address of a task's image: its field `image`, or the first that looks like a file."""
    values = [fields.get("image"), *fields.values()]
    texts = [value for value in values if isinstance(value, str)]
    return next((text for text in texts if PurePosixPath(text).suffix), None)


def _choices(result: object) -> list[str]:
    """The choices about the image as a whole."""
    entries = (
        [entry for entry in result if isinstance(entry, Mapping)]
        if isinstance(result, list)
        else []
    )
    made = [entry for entry in entries if entry.get("type") == "choices"]
    values = [entry["value"] for entry in made if isinstance(entry.get("value"), Mapping)]
    named = [name for value in values for name in value.get("choices") or ()]
    return [name for name in map(class_name, named) if name is not None]


def _labels(result: object) -> ImageLabels:
    labels = ImageLabels()
    for region_id, region in regions_of(result if isinstance(result, list) else ()).items():
        if region.is_shape:
            _add_region(labels, f"region {region_id:.40}", region)
    return labels


def _add_region(labels: ImageLabels, item: str, region: Region) -> None:
    kind = region.kinds[0]
    names = [class_name(name) for name in region.labels]
    try:
        place = _place(region)
    except UnreadableShapeError as error:
        labels.add_fault(f"{item} ({kind:.40}) has no hull that can be read: {error!s:.80}")
        return
    if not names or None in names:
        labels.add_fault(f"{item} ({kind:.40}) has no usable label", UNKNOWN_CLASS)
        return
    labels.frame = labels.frame or region.drawn_on
    labels.objects += [LabelledObject(str(name), *place) for name in names]


def _place(region: Region) -> Place:
    """The place of a region in pixels of the image as it was drawn on.

    Raises:
        UnreadableShapeError: If there is none.
    """
    if not all(region.drawn_on):
        raise UnreadableShapeError("the size of its image is missing")
    box = hull_of(region.value, *region.drawn_on, region.drawn_on)
    if box is None:
        raise UnreadableShapeError("its shape is not known")
    x1, y1, x2, y2 = box.tolist()
    if not has_area((x1, y1, x2, y2)):
        raise UnreadableShapeError("it has no area")
    place = Place((x1, y1, x2, y2), shape_name(region.value))
    outline = None if place.shape == "box" else _outline(region)
    if outline is None:
        return place
    kind = ShapeKind.OBB if is_rectangle(region.value) else ShapeKind.SEGMENT
    return place._replace(outline=outline, kind=kind)


def _outline(region: Region) -> Any | None:
    """The outline of a region; None for one that is known by its hull alone, as one of curves."""
    try:
        return outline_of(region.value, *region.drawn_on, region.drawn_on)
    except UnreadableShapeError:
        return None
