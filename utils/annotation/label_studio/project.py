"""The Label Studio project: found or created, with the classes that it offers."""

from __future__ import annotations

import colorsys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from utils.annotation.label_studio.connection import ask, explained, url_of
from utils.annotation.label_studio.options import LabelStudioOptions
from utils.annotation.project import Project
from utils.errors import LabelStudioError
from utils.locks import exclusive

if TYPE_CHECKING:
    from label_studio_sdk import LabelStudio

IMAGE_KEY = "image"
IMAGE_NAME = "image"
LABELS_NAME = "label"
_GOLDEN_RATIO = 0.618033988749895


def open_project(
    client: LabelStudio, options: LabelStudioOptions, class_names: Sequence[str] = ()
) -> Project:
    """Find the project by name or number; create it if it is missing and the options allow it.

    Args:
        client: From `connect`.
        options: Name or number, and whether to create a missing project.
        class_names: Classes that the project must offer, and the classes of a new project unless
            `options.classes` names others.

    Raises:
        BusyError: If another process on this machine creates a project of that name.
        LabelStudioError: If it is missing, its labelling configuration is not the one Spyglass
            writes, or does not offer every class.
    """
    wanted = options.classes or tuple(class_names)
    with explained(url_of(client), f"Opening the project '{options.project}'"):
        found = _find(client, options.project)
        if found is None:
            with exclusive("set-up", f"the project '{options.project}' at {url_of(client)}"):
                found = _find(client, options.project) or _create(client, options, wanted)
    return _checked(client, found, [*wanted, *class_names])


def check_project(
    client: LabelStudio, options: LabelStudioOptions, class_names: Sequence[str] = ()
) -> int | None:
    """Check, without changing anything, whether `open_project` would succeed.

    Args:
        client: From `connect`.
        options: Name or number, and whether to create a missing project.
        class_names: Classes that the project must offer, as far as they are known by now.

    Returns:
        The number of the project, or None if it does not exist yet.

    Raises:
        LabelStudioError: As `open_project`, except for classes that are not known yet.
    """
    with explained(url_of(client), f"Opening the project '{options.project}'"):
        found = _find(client, options.project)
        if found is None:
            _require_permission(client, options)
            return None
        return _checked(client, found, [*options.classes, *class_names]).id


def number_of(client: LabelStudio, project: int | str) -> int | None:
    """The number of a project, or None where no project has the name.

    Raises:
        LabelStudioError: If several have it, or none has the number.
        ApiError, httpx.HTTPError: If the server fails. Wrap calls in `explained`.
    """
    found = _find(client, project)
    return None if found is None else int(found["id"])


def label_config(class_names: Sequence[str]) -> str:
    """Write the labelling configuration: an image to zoom and turn, a rectangle for each class."""
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
    rectangles = ElementTree.SubElement(
        view, "RectangleLabels", name=LABELS_NAME, toName=IMAGE_NAME
    )
    for index, name in enumerate(class_names):
        ElementTree.SubElement(rectangles, "Label", value=name, background=_colour(index))
    ElementTree.indent(view)
    return ElementTree.tostring(view, encoding="unicode")


def class_names_of(config: str, title: str) -> tuple[str, ...]:
    """Read the classes from a labelling configuration, in order.

    Raises:
        LabelStudioError: If its names differ from those Spyglass writes. Label Studio would accept
            boxes with such names, and not show them.
    """
    view = ElementTree.fromstring(config)  # noqa: S314 - from the server we were told to trust
    image = view.find(f".//Image[@name='{IMAGE_NAME}']")
    rectangles = view.find(f".//RectangleLabels[@name='{LABELS_NAME}']")
    if image is None or image.get("value") != f"${IMAGE_KEY}":
        raise LabelStudioError(
            _other_config(title, f'<Image name="{IMAGE_NAME}" value="${IMAGE_KEY}">')
        )
    if rectangles is None or rectangles.get("toName") != IMAGE_NAME:
        raise LabelStudioError(
            _other_config(title, f'<RectangleLabels name="{LABELS_NAME}" toName="{IMAGE_NAME}">')
        )
    labels = rectangles.findall(".//Label")
    return tuple(label.get("alias") or label.get("value") or "" for label in labels)


def _find(client: LabelStudio, project: int | str) -> dict[str, Any] | None:
    """The project as JSON of the server, or None where no project has the name."""
    if isinstance(project, int):
        return _get(client, project)
    pages = ask(client, "GET", "api/projects", params={"title": project, "page_size": 1000})
    same = [found for found in pages["results"] if found["title"] == project]
    if len(same) > 1:
        numbers = ", ".join(str(found["id"]) for found in same)
        raise LabelStudioError(
            f"{len(same)} projects at {url_of(client)} are named '{project}'. "
            f"Give the number of one ({numbers}) in the configuration instead."
        )
    return same[0] if same else None


def _get(client: LabelStudio, number: int) -> dict[str, Any]:
    from label_studio_sdk.core.api_error import ApiError

    try:
        found: dict[str, Any] = ask(client, "GET", f"api/projects/{number}")
    except ApiError as error:
        if error.status_code != 404:
            raise
        raise LabelStudioError(
            f"Label Studio at {url_of(client)} has no project number {number}. Give the number "
            "from the address of the project's page, or a name to have it made."
        ) from None
    return found


def _checked(client: LabelStudio, found: Mapping[str, Any], class_names: Iterable[str]) -> Project:
    """The project, once it is known to offer the classes."""
    project = Project(
        id=int(found["id"]),
        title=str(found["title"]),
        url=f"{url_of(client)}/projects/{found['id']}",
        class_names=class_names_of(str(found["label_config"]), str(found["title"])),
    )
    _check_classes(project, dict.fromkeys(class_names))
    return project


def _require_permission(client: LabelStudio, options: LabelStudioOptions) -> None:
    if not options.create_missing:
        raise LabelStudioError(
            f"There is no project named '{options.project}' at {url_of(client)}. "
            "Run the ingest first, correct the name, or set create_missing: true."
        )


def _create(
    client: LabelStudio, options: LabelStudioOptions, class_names: Sequence[str]
) -> dict[str, Any]:
    _require_permission(client, options)
    if not class_names:
        where = f"at {url_of(client)}"
        raise LabelStudioError(
            f"The project '{options.project}' cannot be made {where} without classes, and the "
            "data source names none. List them under classes in the configuration."
        )
    body = {"title": options.project, "label_config": label_config(class_names)}
    created: dict[str, Any] = ask(client, "POST", "api/projects", json=body)
    return created


def _check_classes(project: Project, wanted: Iterable[str]) -> None:
    missing = [name for name in wanted if name not in project.class_names]
    if missing:
        raise LabelStudioError(
            f"The project '{project.title}' offers the classes {', '.join(project.class_names)} "
            f"and not {', '.join(missing)}. Add them under its Settings, Labeling Interface, map "
            "the classes in the configuration, or use another project."
        )


def _other_config(title: str, expected: str) -> str:
    return (
        f"The labelling configuration of the project '{title}' has no {expected}, so boxes sent "
        "there would not be shown. Change it under Settings, Labeling Interface, or use another "
        "project."
    )


def _colour(index: int) -> str:
    """The colour of a class: hues in steps of the golden ratio keep neighbours far apart."""
    red, green, blue = colorsys.hls_to_rgb((0.02 + index * _GOLDEN_RATIO) % 1, 0.5, 0.9)
    return f"#{int(red * 255):02x}{int(green * 255):02x}{int(blue * 255):02x}"
