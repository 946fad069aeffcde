"""Notes of predictions, one for each window: when, by which version, and what was found.

This module needs the standard library only, since it runs in the service.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, replace
from typing import Self

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One predicted window; an image of one window is a window, too.

    Attributes:
        time: Time of the answer, in seconds since 1970.
        id: Identity; two notes of the same id are the same note.
        source: `service` or `inference`.
        route: Path that was asked, such as `/predict` or `/scenes`; empty for an inference.
        request: Identity of the request, scene or run that the window is part of.
        role: Part that the version plays: `champion`, `challenger` (answers a share of the
            requests), or `shadow` (predicts beside the champion, and answers nobody).
        model: Name of the model.
        version: Version of the model.
        digest: Identity of the bundle; empty for an inference.
        backend: Runtime of the network.
        status: HTTP status of the answer; 200 for an inference.
        milliseconds: Time of the whole request; of the window for scenes and inferences.
        image: SHA-256 of the file that was received, in hex, or the id of the scene.
        window: Left, top, width and height in pixels of the image; None for an error.
        width: Width of the image, in pixels; 0 for an error.
        height: Height of the image, in pixels; 0 for an error.
        confidence: Minimum score of the objects that are noted; a client may ask for another than
            that of the bundle.
        classes: Class of each object; of all classes, whichever a client asks for.
        scores: Score of each object, in [0, 1].
        boxes: Box of each object, xyxy in pixels of the image.
        brightness: Mean luma, in [0, 1], or None.
        contrast: Standard deviation of the luma, in [0, 0.5], or None.
        sharpness: Standard deviation of the Laplacian, or None.
        outlier: Share of test tiles that are nearer to the training set, in [0, 1]; above 1, the
            distance as a multiple of that of the farthest. None where the bundle has no reference.
    """

    time: float
    id: str
    source: str = "service"
    route: str = ""
    request: str = ""
    role: str = "champion"
    model: str = ""
    version: str = ""
    digest: str = ""
    backend: str = ""
    status: int = 200
    milliseconds: float = 0.0
    image: str = ""
    window: tuple[int, int, int, int] | None = None
    width: int = 0
    height: int = 0
    confidence: float = 0.0
    classes: tuple[str, ...] = ()
    scores: tuple[float, ...] = ()
    boxes: tuple[Box, ...] = ()
    brightness: float | None = None
    contrast: float | None = None
    sharpness: float | None = None
    outlier: float | None = None

    @classmethod
    def of_line(cls, line: bytes) -> Self:
        """The note in a line of a journal; fields that a later version added are left out.

        Raises:
            ValueError: If the line is no note, such as one that a kill cut off.
        """
        content = json.loads(line)
        if not isinstance(content, dict):
            raise ValueError("it holds no JSON object")
        try:
            note = cls(**{name: content[name] for name in content.keys() & _NAMES})
            return note.as_promised()
        except (TypeError, AttributeError) as error:
            raise ValueError(f"it is no note: {error}") from None

    def line(self) -> bytes:
        """The note as a line of a journal."""
        content = {name: getattr(self, name) for name in _ORDER}
        return json.dumps(content, separators=(",", ":"), allow_nan=False).encode() + b"\n"

    def as_promised(self) -> Self:
        """This note with tuples where JSON has lists.

        Raises:
            ValueError: If the lists of objects differ in length, or a box has not four numbers.
        """
        boxes = tuple((float(a), float(b), float(c), float(d)) for a, b, c, d in self.boxes)
        scores = tuple(float(score) for score in self.scores)
        classes = tuple(str(name) for name in self.classes)
        if not len(classes) == len(scores) == len(boxes):
            raise ValueError("its lists of objects differ in length")
        window = None
        if self.window is not None:
            left, top, width, height = (int(value) for value in self.window)
            window = left, top, width, height
        return replace(
            self,
            time=float(self.time),
            id=str(self.id),
            window=window,
            classes=classes,
            scores=scores,
            boxes=boxes,
        )


_ORDER = tuple(one.name for one in fields(Note))
_NAMES = frozenset(_ORDER)
