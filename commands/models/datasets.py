"""List, compare and tag the versions of the labelled dataset."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from zenml.models import ArtifactVersionResponse, ModelVersionResponse

from commands.console import say
from commands.models.stages import model_to_promote
from commands.runs.next_steps import to_labels
from records.dataset_versions import (
    dataset_version,
    dataset_versions,
    models_with_datasets,
    move_tag,
    tags_of,
)
from records.manifests import manifests_behind
from records.trainings import models_by_dataset
from utils.errors import ConfigurationError
from utils.files import write_whole
from utils.issues import IssueReport
from utils.paths import local_folder

_MOST_COMPARED = 2
_WIDTH_OF_FILES = 200
_COLUMNS = ("Version", "Date", "Tiles", "Reviewed", "Boxes", "Tags", "Models trained on it")


def show_datasets(
    wanted: Sequence[str], tag: str | None, model: str | None, geopackage: Path | None = None
) -> None:
    """List, show, tag or compare versions of the labelled dataset.

    Args:
        wanted: No version to list all, one to show or tag it, two to compare them; each by name,
            tag or query.
        tag: Tag for the one version, or None.
        model: Name of the model whose versions are listed, and found by tag or query; None for
            those of all models.
        geopackage: File that receives the labels of the one version, or None.

    Raises:
        ConfigurationError: If there are more than two, or a tag or file without exactly one, or no
            scene of that version knows where it lies.
        DatasetError: If there is no such version.
    """
    if len(wanted) > _MOST_COMPARED or ((tag or geopackage) and len(wanted) != 1):
        raise ConfigurationError(
            "Give --datasets nothing to list all versions, one version (with --tag NAME to tag "
            "it, or --geopackage FILE to write it), or two to compare."
        )
    versions = [dataset_version(one, model) for one in wanted]
    if tag:
        _tag(versions[0], tag)
    if geopackage:
        _write_map(versions[0], geopackage)
    elif tag:
        return
    elif len(versions) == _MOST_COMPARED:
        _compare(*versions)
    else:
        _list(versions or list(dataset_versions(model)), model)
        if model and not versions:
            _name_others(model)


def _name_others(model: str) -> None:
    """Name the other models with labelled datasets, since the list leaves these out."""
    others = [name for name in models_with_datasets() if name != model]
    if others:
        say(
            f"Labelled datasets of other models: {', '.join(others)}. "
            "List them with --project NAME, or --set model.name=NAME."
        )


def _list(versions: Sequence[ArtifactVersionResponse], model: str | None) -> None:
    if not versions:
        whose = f" of the model '{model}'" if model else ""
        remedy = to_labels(model or model_to_promote([], None))
        say(f"There are no labelled datasets{whose} yet. {remedy}")
        return
    trained = models_by_dataset()
    table = Table(*_COLUMNS, box=None, header_style="dim")
    for version in versions:
        table.add_row(*_row(version, trained.get(str(version.id), [])))
    is_terminal = sys.stdout.isatty()
    Console(width=None if is_terminal else _WIDTH_OF_FILES).print(table)


def _row(version: ArtifactVersionResponse, trained: Sequence[ModelVersionResponse]) -> list[str]:
    figures: dict[str, Any] = dict(version.run_metadata)
    by_class = figures.get("boxes_by_class")
    boxes = [f"{name} {count}" for name, count in by_class.items()] if by_class else []
    return [
        version.version,
        f"{version.created:%Y-%m-%d %H:%M}",
        str(figures.get("tiles", "-")),
        str(figures.get("reviewed", "-")),
        ", ".join(boxes) or str(figures.get("boxes", "-")),
        ", ".join(tags_of(version)),
        ", ".join(map(_name_of, trained)),
    ]


def _name_of(version: ModelVersionResponse) -> str:
    stage = f" ({version.stage})" if version.stage else ""
    return f"{version.model.name} {version.number}{stage}"


def _compare(earlier: ArtifactVersionResponse, later: ArtifactVersionResponse) -> None:
    # Imported late: a list and a tag need none of it.
    import materializers  # noqa: F401  (tells ZenML how to load a dataset)
    from utils.dataset.changes import compare_datasets
    from utils.reports.changes_page import changes_page

    changes = compare_datasets(earlier.load(), later.load())
    names = [f"version {version.version}" for version in (earlier, later)]
    tiles, boxes = changes.tiles, changes.boxes
    say(
        f"From {names[0]} to {names[1]}: {tiles['added']} tiles added, {tiles['changed']} changed, "
        f"{tiles['removed']} removed, {tiles['same']} the same; {changes.newly_reviewed} newly "
        f"reviewed; labels: {boxes['kept']} kept, {boxes['moved']} moved, {boxes['added']} added, "
        f"{boxes['removed']} removed."
    )
    page = local_folder("datasets") / f"{earlier.version}-to-{later.version}.html"
    write_whole(page, changes_page(changes, *names))
    say(f"  report: {page}")


def _write_map(version: ArtifactVersionResponse, path: Path) -> None:
    """Write the labels of a version on the map."""
    # Imported late: a list and a tag need none of it.
    import materializers  # noqa: F401  (tells ZenML how to load a dataset)
    from utils.detection.geopackage import NOT_ON_MAP
    from utils.detection.label_map import places_of, write_label_map

    issues = IssueReport()
    tiles = chain.from_iterable(manifest.load() for manifest in manifests_behind(version))
    scenes = write_label_map(version.load(), places_of(tiles), path, issues)
    left_out = issues.counts().get(NOT_ON_MAP, 0)
    if not scenes:
        raise ConfigurationError(
            f"None of the {left_out} scenes of version {version.version} knows where it lies, so "
            "that nothing can be written on the map."
        )
    say(f"The labels of {scenes} scenes are in {path}; QGIS shows a colour for each class.")
    if left_out:
        say(f"{left_out} scenes do not know where they lie, and are left out.")


def _tag(version: ArtifactVersionResponse, tag: str) -> None:
    """Give a tag to one version, and take it from those of the same model that had it."""
    if tag.isdigit():
        raise ConfigurationError(f"'{tag}' would be taken for the number of a version: use a word.")
    for other in move_tag(version, tag):
        say(f"Version {other.version} is no longer tagged '{tag}'.")
    say(f"Version {version.version} of the labelled dataset is now tagged '{tag}'.")
