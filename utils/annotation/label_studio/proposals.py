"""The proposal behind an annotation in Label Studio: a model's prediction, or the ground truth."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from utils.annotation.label_studio.annotations import (
    Annotation,
    annotator_of,
    is_reviewed,
    moment,
)
from utils.annotation.label_studio.connection import ask, explained, url_of
from utils.annotation.label_studio.image_regions import mended
from utils.annotation.label_studio.regions import DrawnShapes, shapes_of
from utils.annotation.preannotations import holds_known_labels, model_version_of
from utils.annotation.review import GROUND_TRUTH, Proposal, ReviewedShapes, reviewed_shapes
from utils.geometry import Window
from utils.shapes.shapes import Shapes
from utils.tiling.tile import Tile

if TYPE_CHECKING:
    from label_studio_sdk import LabelStudio

    from utils.annotation.project import Project

_UNNAMED = "a model without a version"


class Proposals:
    """Compares annotations with the boxes that were proposed.

    Label Studio keeps in an annotation a copy of the prediction that was shown, which outlives the
    prediction itself. Without a copy, the prediction that the annotation names is fetched. An
    annotation without a prediction started from the ground truth sent at ingest.
    """

    def __init__(self, client: LabelStudio, project: Project, users: Mapping[int, str]) -> None:
        """Compare the annotations of one project.

        Args:
            client: From `connect`.
            project: The project.
            users: The e-mail of every user by number.
        """
        self._client = client
        self._project = project
        self._users = users
        # People's annotations of one tile often start from the same prediction.
        self._prediction = lru_cache(maxsize=1000)(self._fetch_prediction)

    def reviews(self, tile: Tile, annotations: list[dict[str, Any]]) -> list[ReviewedShapes]:
        """The reviews of a tile: each annotation that a person submitted, updated or skipped."""
        reviews = (
            self.review(tile.window, tile.shapes, one)
            for one in annotations
            if is_reviewed(one) or one.get("was_cancelled")
        )
        return [review for review in reviews if review is not None]

    def review(
        self, window: Window, truth: Shapes | None, annotation: Annotation
    ) -> ReviewedShapes | None:
        """Compare one annotation with the proposal that it started from.

        Args:
            window: Window of the tile.
            truth: The ground truth it was sent with, in tile pixels, if any.
            annotation: The annotation as Label Studio's JSON.

        Returns:
            The review; None if the annotation says nothing of its tile, as where people marked
            objects and none could be used, since that rejects no proposal.

        Raises:
            LabelStudioError: If a prediction has to be fetched and the server fails.
        """
        skipped = bool(annotation.get("was_cancelled"))
        drawn = self._drawn(window, annotation)
        if drawn.refusal and not skipped:
            return None
        return reviewed_shapes(
            self._proposal(window, truth, annotation),
            None if skipped else drawn.shapes,
            by=annotator_of(annotation, self._users),
            at=moment(annotation),
            seconds=annotation.get("lead_time"),
        )

    def _proposal(self, window: Window, truth: Shapes | None, annotation: Annotation) -> Proposal:
        prediction = annotation.get("prediction") or {}
        parent = annotation.get("parent_prediction")
        if parent is not None and parent != prediction.get("id"):
            prediction = self._prediction(parent) or prediction
        if prediction:
            name = str(prediction.get("model_version") or _UNNAMED)
            boxes = self._drawn(window, prediction).shapes
            if holds_known_labels(name, prediction.get("score")):
                return Proposal(GROUND_TRUTH, boxes)
            return Proposal(model_version_of(name) or name, boxes)
        if truth is None:
            return Proposal(None, Shapes())
        return Proposal(GROUND_TRUTH, mended(truth)[0])

    def _drawn(self, window: Window, holder: Mapping[str, Any]) -> DrawnShapes:
        project = self._project
        return shapes_of(
            holder["result"], window.width, window.height, project.class_names, project.kind
        )

    def _fetch_prediction(self, number: int) -> dict[str, Any] | None:
        """A prediction, or None where it has been deleted."""
        from label_studio_sdk.core.api_error import ApiError

        with explained(url_of(self._client), "Reading predictions"):
            try:
                found: dict[str, Any] = ask(self._client, "GET", f"api/predictions/{number}/")
            except ApiError as error:
                if error.status_code == 404:
                    return None
                raise
        return found
