"""The versions of the labelled dataset: listed, and found by name, tag or query."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from zenml.client import Client
from zenml.models import ArtifactVersionResponse
from zenml.utils.pagination_utils import depaginate_stream

from utils.dataset.query import Query
from utils.errors import DatasetError

_ARTIFACT = "labeled_dataset"
_SIGNS = set("<>=")


def dataset_versions() -> Iterator[ArtifactVersionResponse]:
    """Every version, newest first."""
    yield from depaginate_stream(
        Client().list_artifact_versions, artifact=_ARTIFACT, sort_by="desc:created", hydrate=True
    )


def dataset_version(wanted: str | int) -> ArtifactVersionResponse:
    """The version of that name or number, else the newest with that tag or that fits the query.

    Args:
        wanted: Such as `7`, `gold`, or `reviewed>=100, ship>50`.

    Raises:
        ConfigurationError: If a query cannot be understood.
        DatasetError: If there is no such version.
    """
    text = str(wanted).strip()
    versions = list(dataset_versions())
    if _SIGNS & set(text):
        fitting = _fitting(versions, Query.parse(text))
    else:
        named = [one for one in versions if one.version == text]
        fitting = named or [one for one in versions if text in tags_of(one)]
    if not fitting:
        raise DatasetError(
            f"No version of the labelled dataset is named or tagged '{text}' or fits it. "
            "See what there is: python run.py --datasets"
        )
    return fitting[0]


def tags_of(version: ArtifactVersionResponse) -> list[str]:
    """The names of its tags."""
    return sorted(tag.name for tag in version.tags)


def facts_of(version: ArtifactVersionResponse) -> dict[str, Any]:
    """What a query may ask of a version."""
    figures: dict[str, Any] = dict(version.run_metadata)
    by_class = figures.pop("boxes_by_class", {})
    numbers = {name: value for name, value in figures.items() if isinstance(value, int | float)}
    about = {"date": version.created.date().isoformat(), "tag": tags_of(version)}
    return dict(by_class) | numbers | about


def _fitting(
    versions: list[ArtifactVersionResponse], query: Query
) -> list[ArtifactVersionResponse]:
    facts = [facts_of(version) for version in versions]
    if versions:
        query.check_keys(set().union(*facts))
    return [one for one, its in zip(versions, facts, strict=True) if query.matches(its)]
