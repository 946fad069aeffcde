"""XML label files, parsed without trust: Pascal VOC in its many dialects, and CVAT for images."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from xml.etree.ElementTree import Element

from utils.errors import LabelError
from utils.labels import places
from utils.labels.cvat_xml import cvat_labels, fact_labels
from utils.labels.objects import (
    UNKNOWN_CLASS,
    Hull,
    ImageLabels,
    LabelledObject,
    are_shares,
    class_name,
    coordinate,
    frame_of,
    has_area,
)
from utils.labels.places import Place, Points
from utils.labels.rectangles import settle_rectangles
from utils.labels.texts import read_xml

_CORNERS = ("xmin", "ymin", "xmax", "ymax")
_PLACES = frozenset(
    {"bndbox", "box", "bbox", "robndbox", "polygon", "points", "pt", "xmin", "cx", "segmentation"}
)


@dataclass(slots=True)
class XmlLabels:
    """Everything that an XML file says of one image.

    Attributes:
        file_name: Name of the image, empty where the file names none.
        subset: CVAT's name for the folder that the image is exported to, empty without one.
        labels: The labels, with VOC's corners as they are in the file.
        corners: Corners and angle in degrees of the objects given by VOC's corners, by index.
        signs: Texts by which the tool that wrote the file can be known.
    """

    file_name: str = ""
    subset: str = ""
    labels: ImageLabels = field(default_factory=ImageLabels)
    corners: dict[int, tuple[Hull, float]] = field(default_factory=dict)
    signs: dict[str, str] = field(default_factory=dict)

    @property
    def shares(self) -> bool:
        """Whether the coordinates are shares of the image."""
        return are_shares([found.xyxy for found in self.labels.objects])

    def counted_from(self, first: int) -> ImageLabels:
        """The labels, half-open and from 0, where the file counts pixels from `first`.

        VOC counts from 1 and includes the last pixel (VOC2012 development kit, section 3.3), so
        that the first pixel alone is `[1, 1, 1, 1]` there and `[0, 0, 1, 1]` here.
        """
        first = 0 if self.shares else first
        objects = list(self.labels.objects)
        for index, ((x1, y1, x2, y2), degrees) in self.corners.items():
            hull = x1 - first, y1 - first, x2, y2
            if objects[index].outline is None:
                place = places.turned(hull, degrees)
                objects[index] = LabelledObject(objects[index].label, *place)
            else:
                objects[index] = replace(objects[index], xyxy=hull)
        return replace(self.labels, objects=objects)


def parse_xml(path: Path) -> list[XmlLabels]:
    """Parse an XML label file: a file of VOC describes one image, a file of CVAT many.

    Raises:
        LabelError: If it is not readable or not understood.
    """
    root = read_xml(path)
    images = root.findall("image")
    if root.tag == "annotations" and (images or root.find("track") is not None):
        return _cvat_images(path, images, fact_labels(root))
    annotations = [root] if root.tag == "annotation" else root.findall(".//annotation")
    annotations = [found for found in annotations if _is_voc(found)]
    if not annotations:
        raise LabelError(
            f"{path} is no label file of Pascal VOC or CVAT: its root is <{root.tag:.40}>."
        )
    return [_voc_labels(annotation) for annotation in annotations]


def count_objects(path: Path) -> int:
    """About how many labels a file holds that is not understood, by its elements' names."""
    try:
        root = read_xml(path)
    except LabelError:
        return 1
    return max(1, sum(element.tag.endswith("object") for element in root.iter()))


def _cvat_images(path: Path, images: list[Element], facts: frozenset[str]) -> list[XmlLabels]:
    if not images:
        raise LabelError(
            f"{path} is CVAT's XML of a video: its tracks are no images. Read it beside its "
            "video or frames with: --set source.kind=video"
        )
    labels = [cvat_labels(image, facts) for image in images]
    settle_rectangles(labels)
    return [
        XmlLabels(image.get("name") or "", image.get("subset") or "", found)
        for image, found in zip(images, labels, strict=True)
    ]


def _is_voc(annotation: Element) -> bool:
    """Whether an element is VOC's, and not that of another tool with the same name."""
    inner = {element.tag for element in annotation.iter()}
    return "object" in inner or not (inner & _PLACES)


def _voc_labels(annotation: Element) -> XmlLabels:
    found = XmlLabels(_text(annotation, "filename") or "", signs=_signs(annotation))
    size = annotation.find("size")
    if size is not None:
        found.labels.frame = frame_of(_text(size, "width"), _text(size, "height"))
    elif (size := annotation.find("imagesize")) is not None:  # LabelMe's
        found.labels.frame = frame_of(_text(size, "ncols"), _text(size, "nrows"))
    for number, item in enumerate(_objects(annotation), start=1):
        _add_object(found, number, item)
    return found


def _signs(annotation: Element) -> dict[str, str]:
    """The texts by which tools are known; those of elements that are there but empty are empty."""
    signs = {}
    for key in ("path", "source/database", "source/annotation", "source/image", "owner/name"):
        element = annotation.find(key)
        if element is not None:
            signs[key] = (element.text or "").strip()
    return signs


def _objects(annotation: Element) -> Iterator[Element]:
    for item in annotation.iter("object"):
        if (_text(item, "deleted") or "0") not in ("1", "true"):  # LabelMe keeps what was deleted
            yield item


def _add_object(found: XmlLabels, number: int, item: Element) -> None:
    label = class_name(_text(item, "name"))
    place = _place_of(item)
    if label is None:
        found.labels.add_fault(f"object {number} has no usable name", UNKNOWN_CLASS)
    elif place is None:
        detail = f"object {number} ('{label}') has neither a box nor an outline that can be read"
        found.labels.add_fault(detail)
    else:
        if (box := _box(item)) is not None and place.xyxy == box:
            found.corners[len(found.labels.objects)] = box, _rotation(item)
        found.labels.objects.append(LabelledObject(label, *place))


def _place_of(item: Element) -> Place | None:
    """The place of an object: an oriented box, an outline, or else VOC's corners as they stand."""
    if (place := _rotated_box(item.find("robndbox"))) is not None:
        return place
    box = _box(item)
    outline = None if box is not None and _rotation(item) % 180 else _outline(item)
    if outline is not None:
        return outline._replace(xyxy=box) if box is not None and has_area(box) else outline
    return None if box is None else Place(box)


def _box(item: Element) -> Hull | None:
    found = (_corners(item, key) for key in ("bndbox", "box", "bbox"))
    return next((hull for hull in found if hull is not None), None)


def _corners(item: Element, key: str) -> Hull | None:
    box = item.find(key)
    if box is None:
        return None
    x1, y1, x2, y2 = (coordinate(_text(box, corner)) for corner in _CORNERS)
    hull = x1, y1, x2, y2
    return hull if all(map(math.isfinite, hull)) else None


def _rotation(item: Element) -> float:
    """The angle in degrees by which CVAT turns a box about its centre; 0 without one."""
    for attribute in item.iterfind("attributes/attribute"):
        if (_text(attribute, "name") or "").lower() == "rotation":
            angle = coordinate(_text(attribute, "value"))
            return angle if math.isfinite(angle) else 0.0
    return 0.0


def _rotated_box(box: Element | None) -> Place | None:
    """The place of roLabelImg's rotated box: centre, size, and an angle in radians, clockwise."""
    if box is None:
        return None
    keys = ("cx", "cy", "w", "h", "angle")
    x, y, width, height, angle = (coordinate(_text(box, key)) for key in keys)
    if not has_area(places.upright(x, y, width, height)) or not math.isfinite(angle):
        return None
    return places.centred(x, y, width, height, math.degrees(angle))


def _outline(item: Element) -> Place | None:
    """The place of an outline: `x1`, `y1`, `x2` and so on, or points with `x` and `y` each."""
    for outline in (element for key in ("polygon", "segm", "points") for element in item.iter(key)):
        values = {element.tag: coordinate(element.text) for element in outline}
        points: Points = [
            (values[key], values[f"y{key[1:]}"])
            for key in values
            if key.startswith("x") and key[1:].isdigit() and f"y{key[1:]}" in values
        ]
        points += [
            (coordinate(_text(point, "x")), coordinate(_text(point, "y")))
            for point in (*outline.iter("pt"), *outline.iter("point"))
        ]
        place = places.outlined([points])
        if place is not None and has_area(place.xyxy):
            return place
    return None


def _text(element: Element, key: str) -> str | None:
    """The text of a child, or else an attribute of this name."""
    child = element.find(key)
    text = child.text if child is not None else element.get(key)
    return text.strip() if text else None
