"""Answers in the forms that clients ask for: JSON, COCO, GeoJSON, or a picture."""

from __future__ import annotations

import json
from typing import Any

from utils.detection.coco_annotations import annotations_of
from utils.detection.map_geometries import geometries_on_earth
from utils.errors import GeoreferenceError
from utils.geometry import BoolArray
from utils.images.georeference import Georeference
from utils.serving.service.detector import SceneScan
from utils.serving.service.forms import Form
from utils.serving.service.overlay import overlay_png
from utils.shapes.shapes import Shapes


def content_of(
    form: Form, answer: dict[str, Any], shapes: Shapes, at_edge: BoolArray, scan: SceneScan
) -> bytes:
    """The body of an answer.

    Args:
        form: One of the forms.
        answer: The answer in JSON.
        shapes: Objects of the image, with scores.
        at_edge: Whether each touches an area without data, shape (n,).
        scan: Plan of the prediction, with the image.

    Raises:
        GeoreferenceError: If places on Earth are asked for and the image has none.
        ImageError: If the image cannot be read again for the picture.
    """
    match form:
        case Form.JSON:
            return _encoded(answer)
        case Form.COCO:
            return _encoded(coco_of(answer, shapes, at_edge, scan.bundle.class_names))
        case Form.GEOJSON:
            features = features_of(shapes, at_edge, scan.georeference, answer["version"])
            members = {name: answer[name] for name in ("model", "version", "kind")}
            return _encoded({"type": "FeatureCollection", **members, "features": features})
        case Form.PNG:
            return overlay_png(scan.path, scan.size, scan.pixels, shapes)


def coco_of(
    answer: dict[str, Any], shapes: Shapes, at_edge: BoolArray, class_names: tuple[str, ...]
) -> dict[str, Any]:
    """One image in the layout of COCO; its file is named after nothing that is ours."""
    categories = {name: number for number, name in enumerate(class_names, start=1)}
    size = answer["width"], answer["height"]
    annotations = annotations_of(shapes, at_edge.tolist(), size, categories)
    return {
        "info": {name: answer[name] for name in ("model", "version", "kind")},
        "images": [{"id": 1, "file_name": "image", "width": size[0], "height": size[1]}],
        "annotations": [
            {"id": number, "image_id": 1, **one} for number, one in enumerate(annotations, start=1)
        ],
        "categories": [{"id": number, "name": name} for name, number in categories.items()],
    }


def features_of(
    shapes: Shapes, at_edge: BoolArray, georeference: Georeference | None, version: str
) -> list[dict[str, Any]]:
    """The objects of a georeferenced image as features in WGS 84.

    Raises:
        GeoreferenceError: If the image has no place on Earth.
    """
    if georeference is None:
        raise GeoreferenceError(
            "The image is not georeferenced, so that GeoJSON cannot hold its objects. Ask for "
            "application/json."
        )
    rows = zip(
        geometries_on_earth(shapes, georeference),
        shapes.labels,
        shapes.confidences.tolist(),
        shapes.xyxy.tolist(),
        at_edge.tolist(),
        strict=True,
    )
    return [
        {
            "type": "Feature",
            "geometry": geometry,
            "properties": {
                "label": label,
                "score": score,
                "model_version": version,
                "pixel_box": box,
                "at_edge": touches,
            },
        }
        for geometry, label, score, box, touches in rows
    ]


def _encoded(content: dict[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False, allow_nan=False).encode()
