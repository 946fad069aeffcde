"""Opening and reading whole sources, and writing small ones."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from utils.issues import IssueReport
from utils.scenes.options import SourceOptions
from utils.scenes.scene import Scene, SceneSource
from utils.scenes.sources import open_source
from utils.shapes.shapes import ShapeKind, Shapes


@dataclass(frozen=True)
class Reading:
    """Scenes and issues of a source."""

    source: SceneSource
    scenes: list[Scene]
    report: IssueReport

    @property
    def ids(self) -> list[str]:
        return [scene.id for scene in self.scenes]

    @property
    def kinds(self) -> dict[str, int]:
        return self.report.counts()

    @property
    def set_aside(self) -> list[str]:
        return [issue.kind for issue in self.report.issues if issue.set_aside]

    @property
    def lost(self) -> tuple[int, int]:
        """Labels lost by the scenes, and by the report."""
        return sum(scene.lost for scene in self.scenes), self.report.labels_lost()

    def boxes(self, index: int = 0) -> list[list[float]]:
        boxes = self.scenes[index].shapes
        assert boxes is not None
        return boxes.xyxy.tolist()

    def labels(self, index: int = 0) -> tuple[str, ...]:
        boxes = self.scenes[index].shapes
        assert boxes is not None
        return boxes.labels


def open_kind(kind: str, **options: Any) -> SceneSource:
    return open_source(TypeAdapter(SourceOptions).validate_python({"kind": kind, **options}))


def read(kind: str, shapes: ShapeKind | None = ShapeKind.DETECT, **options: Any) -> Reading:
    """All of a source, brought to a kind of shapes; None for the least kind in each scene."""
    source = open_kind(kind, **options)
    report = IssueReport()
    return Reading(source, list(source.read(report, kind=shapes)), report)


def write_voc(path: Path, *objects: tuple[str, Sequence[object]]) -> None:
    """One XML file with (class, (xmin, ymin, xmax, ymax)) objects."""
    keys = ("xmin", "ymin", "xmax", "ymax")
    inner = "".join(
        f"<object><name>{name}</name><bndbox>"
        + "".join(f"<{key}>{value}</{key}>" for key, value in zip(keys, corners, strict=True))
        + "</bndbox></object>"
        for name, corners in objects
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"<annotation>{inner}</annotation>", encoding="utf-8")


def write_coco(
    path: Path,
    images: dict[int, str],
    annotations: Sequence[tuple[int, int, object]] = (),
    categories: dict[int, str] | None = None,
) -> None:
    """One JSON file; annotations are (image id, category id, bbox)."""
    content = {
        "images": [{"id": key, "file_name": name} for key, name in images.items()],
        "annotations": [
            {"id": number, "image_id": image, "category_id": category, "bbox": box}
            for number, (image, category, box) in enumerate(annotations)
        ],
        "categories": [
            {"id": key, "name": name} for key, name in (categories or {7: "vessel"}).items()
        ],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def write_yolo(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines), encoding="utf-8")


def empty(boxes: Shapes | None) -> bool:
    """Whether somebody looked and found nothing, rather than nobody having looked."""
    return boxes is not None and len(boxes) == 0
