"""The versions of the labelled dataset: listed, and found by name, tag or query."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

from zenml.client import Client
from zenml.models import ArtifactVersionResponse
from zenml.utils.pagination_utils import depaginate, depaginate_stream

from utils.dataset.query import Query
from utils.errors import DatasetError

_ARTIFACT = "labeled_dataset"
_SIGNS = set("<>=")


def dataset_versions(model: str | None = None) -> Iterator[ArtifactVersionResponse]:
    """Yield every version, of one model or of all, newest first."""
    yield from depaginate_stream(
        Client().list_artifact_versions,
        artifact=_ARTIFACT,
        model=model,
        sort_by="desc:created",
        hydrate=True,
    )


def models_with_datasets() -> list[str]:
    """List the names of the models that have a version of the labelled dataset."""
    names = (model.name for model in depaginate(Client().list_models))
    return [name for name in names if next(dataset_versions(name), None)]


def dataset_version(wanted: str | int, model: str | None = None) -> ArtifactVersionResponse:
    """Find a version by name or number, else the newest with that tag or that fits the query.

    Args:
        wanted: Name, tag or query, such as `7`, `gold`, or `reviewed>=100, ship>50`.
        model: Name of the model whose versions count; None for all models. A version that belongs
            to no model counts for each.

    Raises:
        ConfigurationError: If a query cannot be understood.
        DatasetError: If there is no such version, or only one of another model: its classes are
            those of another task.
    """
    text = str(wanted).strip()
    if _SIGNS & set(text):
        fitting = _fitting(list(dataset_versions(model)), Query.parse(text))
    else:
        own = list(dataset_versions(model))
        named = (one for one in own if one.version == text)
        tagged = (one for one in own if text in tags_of(one))
        elsewhere = (one for one in dataset_versions() if one.version == text)
        fitting = list(islice(chain(named, tagged, elsewhere), 1))
        _refuse_of_other_model(fitting, text, model)
    if not fitting:
        whose = f" of the model '{model}'" if model else ""
        raise DatasetError(
            f"No version of the labelled dataset{whose} is named or tagged '{text}' or fits it. "
            "See what there is: python run.py --datasets"
        )
    return fitting[0]


def move_tag(version: ArtifactVersionResponse, tag: str) -> list[ArtifactVersionResponse]:
    """Give a tag to one version, and take it from the others of the same models.

    Returns:
        The versions that had the tag before.
    """
    holders = [one for one in _others_of_its_models(version) if tag in tags_of(one)]
    for holder in holders:
        Client().update_artifact_version(holder.id, remove_tags=[tag])
    Client().update_artifact_version(version.id, add_tags=[tag])
    return holders


def tags_of(version: ArtifactVersionResponse) -> list[str]:
    """Return the names of a version's tags, sorted."""
    return sorted(tag.name for tag in version.tags)


def facts_of(version: ArtifactVersionResponse) -> dict[str, Any]:
    """Return the facts about a version that a query can compare, by name."""
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


def _refuse_of_other_model(
    found: list[ArtifactVersionResponse], text: str, model: str | None
) -> None:
    owners = _models_of(found[0]) if found and model else []
    if owners and model not in owners:
        raise DatasetError(
            f"Version {text} of the labelled dataset belongs to the model '{owners[0]}', not to "
            f"'{model}'. See its own versions: python run.py --datasets"
        )


def _models_of(version: ArtifactVersionResponse) -> list[str]:
    """List the models that have a version."""
    models = [model.name for model in depaginate(Client().list_models)]
    # ZenML links versions to models, not the other way round, so each model is asked.
    return [
        model
        for model in models
        if Client().list_artifact_versions(id=version.id, model=model, size=1).total
    ]


def _others_of_its_models(version: ArtifactVersionResponse) -> list[ArtifactVersionResponse]:
    """List the other versions of the models that have a version; all, if no model has it."""
    linked = _models_of(version)
    others = chain.from_iterable(map(dataset_versions, linked)) if linked else dataset_versions()
    return [one for one in others if one.id != version.id]
