"""The labelling interface of a project: what people can draw or choose, by the kind of labels."""

from __future__ import annotations

import colorsys
from collections.abc import Iterable, Sequence
from xml.etree import ElementTree

from utils.errors import LabelStudioError
from utils.shapes.shapes import ShapeKind

IMAGE_KEY = "image"
IMAGE_NAME = "image"
LABELS_NAME = "label"
_BRUSH_NAME = "brush"
# The tag of each kind; the type of its regions is the same in small letters.
CONTROLS = {
    ShapeKind.DETECT: "RectangleLabels",
    ShapeKind.OBB: "RectangleLabels",
    ShapeKind.SEGMENT: "PolygonLabels",
    ShapeKind.CLASSIFY: "Choices",
}
_ROW = "display: flex; flex-wrap: wrap; column-gap: 2rem"
_GROUP = "display: flex; align-items: center; column-gap: 0.5rem"
_TURNS = "canRotate"
_GOLDEN_RATIO = 0.618033988749895


def label_config(class_names: Sequence[str], kind: ShapeKind = ShapeKind.DETECT) -> str:
    """Write the labelling configuration: an image to zoom and turn, and controls of a kind.

    Boxes and oriented boxes are rectangles, of which only oriented ones say that they turn.
    Polygons are drawn point by point or painted with a brush. An image has one class.
    """
    view = ElementTree.Element("View")
    ElementTree.SubElement(
        view,
        "Image",
        name=IMAGE_NAME,
        value=f"${IMAGE_KEY}",
        zoom="true",
        zoomControl="true",
        rotateControl="true",
    )
    match kind:
        case ShapeKind.DETECT:
            _labels(view, CONTROLS[kind], LABELS_NAME, class_names)
        case ShapeKind.OBB:
            _labels(view, CONTROLS[kind], LABELS_NAME, class_names, {_TURNS: "true"})
        case ShapeKind.SEGMENT:
            row = ElementTree.SubElement(view, "View", style=_ROW)
            _labels(_headed(row, "Outline"), CONTROLS[kind], LABELS_NAME, class_names)
            _labels(_headed(row, "Brush"), "BrushLabels", _BRUSH_NAME, class_names)
        case ShapeKind.CLASSIFY:
            single = {"choice": "single-radio", "showInLine": "true"}
            _labels(view, CONTROLS[kind], LABELS_NAME, class_names, single, "Choice")
    ElementTree.indent(view)
    return ElementTree.tostring(view, encoding="unicode")


def _headed(row: ElementTree.Element, title: str) -> ElementTree.Element:
    """Add a group with a title before it to a row: two titled lists do not fit below an image."""
    group = ElementTree.SubElement(row, "View", style=_GROUP)
    ElementTree.SubElement(group, "Header", value=title, size="6")
    return group


def _labels(
    view: ElementTree.Element,
    control: str,
    name: str,
    class_names: Iterable[str],
    attributes: dict[str, str] | None = None,
    tag: str = "Label",
) -> None:
    """Add a control that offers the classes."""
    known = {"name": name, "toName": IMAGE_NAME} | (attributes or {})
    offered = ElementTree.SubElement(view, control, known)
    for index, label in enumerate(class_names):
        ElementTree.SubElement(offered, tag, value=label, background=_colour(index))


def interface_of(
    config: str, title: str, kind: ShapeKind | None = None
) -> tuple[ShapeKind, tuple[str, ...]]:
    """Read the kind of labels and the classes, in order, from a labelling configuration.

    Args:
        config: Labelling configuration of a project.
        title: Name of the project.
        kind: Kind that the project must have; None to take the kind as it is.

    Raises:
        LabelStudioError: If it has another kind, or its names differ from those Spyglass writes.
            Label Studio would accept labels with such names, and not show them.
    """
    view = ElementTree.fromstring(config)  # noqa: S314 - from the server we were told to trust
    image = view.find(f".//Image[@name='{IMAGE_NAME}']")
    if image is None or image.get("value") != f"${IMAGE_KEY}":
        expected = f'<Image name="{IMAGE_NAME}" value="${IMAGE_KEY}">'
        raise LabelStudioError(_other_config(title, expected, kind))
    found = _kinds_of(view)
    wanted = kind or min(found, default=ShapeKind.DETECT)
    if wanted in found:
        labels = [*found[wanted].iter("Label"), *found[wanted].iter("Choice")]
        return wanted, tuple(label.get("alias") or label.get("value") or "" for label in labels)
    if found:
        raise LabelStudioError(
            f"The project '{title}' is made for {min(found).noun} and not for {wanted.noun}. Give "
            "another project name under label_studio.project: a new project is made for "
            f"{wanted.noun}."
        )
    expected = f'<{CONTROLS[wanted]} name="{LABELS_NAME}" toName="{IMAGE_NAME}">'
    raise LabelStudioError(_other_config(title, expected, kind))


def _kinds_of(view: ElementTree.Element) -> dict[ShapeKind, ElementTree.Element]:
    """The kinds of labels that a configuration is made for, with the control of each."""
    place = f"[@name='{LABELS_NAME}'][@toName='{IMAGE_NAME}']"
    found = {kind: view.find(f".//{control}{place}") for kind, control in CONTROLS.items()}
    controls = {kind: control for kind, control in found.items() if control is not None}
    if ShapeKind.OBB in controls:
        # Label Studio lets people turn rectangles by default, and ours never forbade it.
        turns = controls[ShapeKind.OBB].get(_TURNS) == "true"
        del controls[ShapeKind.DETECT if turns else ShapeKind.OBB]
    return controls


def _other_config(title: str, expected: str, kind: ShapeKind | None) -> str:
    noun = kind.noun if kind is not None and kind.has_places else "labels"
    return (
        f"The labelling configuration of the project '{title}' has no {expected}, so {noun} sent "
        "there would not be shown. Change it under Settings, Labeling Interface, or use another "
        "project."
    )


def _colour(index: int) -> str:
    """The colour of a class: hues in steps of the golden ratio keep neighbours far apart."""
    red, green, blue = colorsys.hls_to_rgb((0.02 + index * _GOLDEN_RATIO) % 1, 0.5, 0.9)
    return f"#{int(red * 255):02x}{int(green * 255):02x}{int(blue * 255):02x}"
