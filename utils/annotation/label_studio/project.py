"""The Label Studio project: found or created, with the classes that it offers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from utils.annotation.label_studio.connection import ask, explained, url_of
from utils.annotation.label_studio.interface import interface_of, label_config
from utils.annotation.label_studio.options import LabelStudioOptions
from utils.annotation.project import Project
from utils.errors import LabelStudioError
from utils.locks import exclusive
from utils.shapes.shapes import ShapeKind

if TYPE_CHECKING:
    from label_studio_sdk import LabelStudio


def open_project(
    client: LabelStudio,
    options: LabelStudioOptions,
    class_names: Sequence[str] = (),
    kind: ShapeKind | None = None,
) -> Project:
    """Find the project by name or number; create it if it is missing and the options allow it.

    Args:
        client: From `connect`.
        options: Name or number, and whether to create a missing project.
        class_names: Classes that the project must offer, and the classes of a new project unless
            `options.classes` names others.
        kind: Kind of the labels, which the project must be made for; None takes an existing project
            of any kind, and makes a new one for boxes.

    Raises:
        BusyError: If another process on this machine creates a project of that name.
        LabelStudioError: If it is missing, its labelling configuration is of another kind or not
            the one Spyglass writes, or does not offer every class.
    """
    wanted = options.classes or tuple(class_names)
    with explained(url_of(client), f"Opening the project '{options.project}'"):
        found = _find(client, options.project)
        if found is None:
            with exclusive("set-up", f"the project '{options.project}' at {url_of(client)}"):
                found = _find(client, options.project) or _create(
                    client, options, wanted, kind or ShapeKind.DETECT
                )
    return _checked(client, found, [*wanted, *class_names], kind)


def check_project(
    client: LabelStudio,
    options: LabelStudioOptions,
    class_names: Sequence[str] = (),
    kind: ShapeKind | None = None,
) -> int | None:
    """Check, without changing anything, whether `open_project` would succeed.

    Args:
        client: From `connect`.
        options: Name or number, and whether to create a missing project.
        class_names: Classes that the project must offer, as far as they are known by now.
        kind: Kind that the project must be made for, where it is known by now.

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
        return _checked(client, found, [*options.classes, *class_names], kind).id


def classes_offered(client: LabelStudio, options: LabelStudioOptions) -> tuple[str, ...] | None:
    """The classes that a project offers, or None if it does not exist yet.

    Raises:
        LabelStudioError: If the server fails, or the labelling configuration is not one that is
            read.
    """
    with explained(url_of(client), f"Opening the project '{options.project}'"):
        found = _find(client, options.project)
    return None if found is None else _checked(client, found, (), None).class_names


def number_of(client: LabelStudio, project: int | str) -> int | None:
    """The number of a project, or None where no project has the name.

    Raises:
        LabelStudioError: If several have it, or none has the number.
        ApiError, httpx.HTTPError: If the server fails. Wrap calls in `explained`.
    """
    found = _find(client, project)
    return None if found is None else int(found["id"])


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


def _checked(
    client: LabelStudio,
    found: Mapping[str, Any],
    class_names: Iterable[str],
    kind: ShapeKind | None,
) -> Project:
    """The project, once it is known to be of the kind and to offer the classes."""
    own_kind, offered = interface_of(str(found["label_config"]), str(found["title"]), kind)
    project = Project(
        id=int(found["id"]),
        title=str(found["title"]),
        url=f"{url_of(client)}/projects/{found['id']}",
        class_names=offered,
        kind=own_kind,
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
    client: LabelStudio,
    options: LabelStudioOptions,
    class_names: Sequence[str],
    kind: ShapeKind,
) -> dict[str, Any]:
    _require_permission(client, options)
    if not class_names:
        where = f"at {url_of(client)}"
        raise LabelStudioError(
            f"The project '{options.project}' cannot be made {where} without classes, and the "
            "data source names none. List them under classes in the configuration."
        )
    body = {"title": options.project, "label_config": label_config(class_names, kind)}
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
