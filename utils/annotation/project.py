"""The project of an annotation tool that receives the tiles."""

from __future__ import annotations

from dataclasses import dataclass

from utils.shapes.shapes import ShapeKind


@dataclass(frozen=True, slots=True)
class Project:
    """A project on an annotator's server.

    Attributes:
        id: Number of the project.
        title: Name of the project.
        url: Address of its page.
        class_names: The classes that people can choose there, in order.
        kind: Kind of the labels that people can give there.
    """

    id: int
    title: str
    url: str
    class_names: tuple[str, ...]
    kind: ShapeKind = ShapeKind.DETECT
