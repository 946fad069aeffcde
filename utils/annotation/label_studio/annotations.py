"""Label Studio's annotations as JSON: the one that counts, its author, and its time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

Annotation = Mapping[str, Any]


def is_reviewed(annotation: Annotation) -> bool:
    """Whether a person has submitted or updated an annotation.

    Label Studio 1.23 leaves `updated_by` and `lead_time` empty on annotations that come inside an
    imported task, sets `updated_by` on each that is submitted or updated, by the page or by the
    API, even unchanged, and keeps `lead_time` where one was carried over from another server.
    """
    return annotation.get("updated_by") is not None or annotation.get("lead_time") is not None


def newest(annotations: Iterable[Annotation]) -> Annotation | None:
    """The uncancelled annotation that was worked on last; people's work comes before imports."""
    uncancelled = [one for one in annotations if not one.get("was_cancelled")]
    return max(
        uncancelled, key=lambda one: (is_reviewed(one), moment(one), one["id"]), default=None
    )


def moment(annotation: Annotation) -> datetime:
    """The time of the last change to an annotation, in UTC."""
    return datetime.fromisoformat(annotation["updated_at"])


def annotator_of(annotation: Annotation, users: Mapping[int, str]) -> str | None:
    """The e-mail of the person who last changed an annotation, or their number where unknown."""
    person = annotation.get("updated_by") or annotation.get("completed_by")
    if isinstance(person, Mapping):
        return str(person.get("email"))
    return None if person is None else users.get(person, str(person))
