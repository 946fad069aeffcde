"""What a tile's annotations say of the boxes that were proposed: by a model, or by the ingest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from utils.annotation.label_studio.connection import ask, explained, url_of
from utils.annotation.label_studio.regions import DrawnBoxes, boxes_of
from utils.annotation.preannotations import model_version_of
from utils.annotation.review import Annotation, annotator_of, is_reviewed, moment
from utils.dataset.review import BoxChanges, Review, ReviewState, box_changes, state_of
from utils.geometry import Boxes, Window
from utils.tiling.tile import Tile

if TYPE_CHECKING:
    from label_studio_sdk import LabelStudio

GROUND_TRUTH = "ground truth"
_UNNAMED = "a model without a version"


@dataclass(frozen=True, slots=True)
class ReviewedBoxes:
    """A review and the boxes that it left.

    Attributes:
        review: What became of the proposal.
        boxes: In tile pixels; none of a skipped tile.
    """

    review: Review
    boxes: Boxes


class Proposals:
    """Compares annotations with what was proposed.

    Label Studio keeps in an annotation a copy of the prediction that was shown, which outlives the
    prediction itself. Where there is none, the prediction that the annotation names is asked for.
    What is no prediction's is the ingest's: the ground truth that the tile was sent with.
    """

    def __init__(
        self, client: LabelStudio, class_names: tuple[str, ...], users: Mapping[int, str]
    ) -> None:
        """Compare for one project.

        Args:
            client: From `connect`.
            class_names: Of the project.
            users: The e-mail of every user by number.
        """
        self._client = client
        self._class_names = class_names
        self._users = users
        self._prediction = lru_cache(maxsize=1000)(self._fetch_prediction)

    def reviews(self, tile: Tile, annotations: list[dict[str, Any]]) -> list[ReviewedBoxes]:
        """The reviews of a tile: each annotation that a person submitted, updated or skipped."""
        reviews = (
            self.review(tile.window, tile.boxes, one)
            for one in annotations
            if is_reviewed(one) or one.get("was_cancelled")
        )
        return [review for review in reviews if review is not None]

    def review(
        self, window: Window, truth: Boxes | None, annotation: Annotation
    ) -> ReviewedBoxes | None:
        """What became of the proposal for a tile in one annotation.

        Args:
            window: Of the tile.
            truth: The ground truth it was sent with, in tile pixels, if any.
            annotation: As Label Studio tells it.

        Returns:
            The review; None where people marked objects of which no box could be made, since that
            rejects no proposal.

        Raises:
            LabelStudioError: If a prediction has to be asked for and the server fails.
        """
        proposed_by, proposed = self._proposal(window, truth, annotation)
        skipped = bool(annotation.get("was_cancelled"))
        drawn = self._drawn(window, annotation)
        if drawn.are_all_lost and not skipped:
            return None
        left = Boxes() if skipped else drawn.boxes
        changes = BoxChanges() if skipped else box_changes(proposed, left)
        state = ReviewState.DRAWN if proposed_by is None else state_of(changes)
        review = Review(
            state=ReviewState.SKIPPED if skipped else state,
            proposed_by=proposed_by,
            changes=changes,
            by=annotator_of(annotation, self._users),
            at=moment(annotation),
            seconds=annotation.get("lead_time"),
        )
        return ReviewedBoxes(review, left)

    def _proposal(
        self, window: Window, truth: Boxes | None, annotation: Annotation
    ) -> tuple[str | None, Boxes]:
        prediction = annotation.get("prediction") or {}
        parent = annotation.get("parent_prediction")
        if parent is not None and parent != prediction.get("id"):
            prediction = self._prediction(parent) or prediction
        if prediction:
            name = str(prediction.get("model_version") or _UNNAMED)
            return model_version_of(name) or name, self._drawn(window, prediction).boxes
        return (None, Boxes()) if truth is None else (GROUND_TRUTH, truth)

    def _drawn(self, window: Window, holder: Mapping[str, Any]) -> DrawnBoxes:
        return boxes_of(holder["result"], window.width, window.height, self._class_names)

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
