"""The forms of an answer, and the choice of one by the header `Accept`."""

from __future__ import annotations

from enum import StrEnum

from utils.serving.service.refusals import Refused


class Form(StrEnum):
    """A form of an answer; its value is its content type."""

    JSON = "application/json"
    COCO = "application/vnd.coco+json"
    GEOJSON = "application/geo+json"
    PNG = "image/png"


def wanted_form(accept: str) -> Form:
    """The form that a client likes best, by the quality factors of RFC 9110; JSON of equals.

    Args:
        accept: The header, perhaps empty.

    Raises:
        Refused: If it accepts none.
    """
    best, liked = Form.JSON, 0.0
    ranges = [_range(part) for part in (accept or "*/*").split(",")]
    for form in Form:
        group = form.value.split("/")[0]
        matching = [
            (len(name), quality)
            for name, quality in ranges
            if name in (form.value, f"{group}/*", "*/*")
        ]
        # The most specific range counts: "*/*" is the shortest, and the exact name the longest.
        quality = max(matching)[1] if matching else 0.0
        if quality > liked:
            best, liked = form, quality
    if not liked:
        raise Refused(406, f"The answer can be {', '.join(Form)}.")
    return best


def _range(part: str) -> tuple[str, float]:
    name, *parameters = (piece.strip().lower() for piece in part.split(";"))
    quality = 1.0
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                quality = float(parameter[2:])
            except ValueError:
                quality = 0.0
    return name, quality
