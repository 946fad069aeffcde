"""Labels out of Label Studio: one export, joined to the tile manifest by tile id."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from utils.annotation.join import Join, Task, TaskRow
from utils.annotation.label_studio.annotations import (
    Annotation,
    annotator_of,
    is_reviewed,
    moment,
    newest,
)
from utils.annotation.label_studio.connection import ask, explained, json_items, url_of
from utils.annotation.label_studio.proposals import Proposals
from utils.annotation.label_studio.regions import shapes_of
from utils.annotation.label_studio.tasks import has_known_labels, sendable_shapes
from utils.annotation.options import ExportOptions
from utils.annotation.project import Project
from utils.annotation.quality import LabelQuality
from utils.annotation.results import ExportResult, ExportStatistics
from utils.dataset.labeled import LabeledDataset, LabeledTile
from utils.dataset.review import Review
from utils.errors import DatasetError, LabelStudioError
from utils.issues import IssueReport
from utils.progress import progress
from utils.scenes.places import ground_sample_distance
from utils.shapes.columns import with_kind
from utils.shapes.shapes import Shapes
from utils.storage.disk import disk_faults
from utils.tiling.manifest import TileManifest
from utils.tiling.tile import Tile

if TYPE_CHECKING:
    from label_studio_sdk import LabelStudio

_SKIPPED = "skipped by a person"
_LIMIT = "export.max_bad_share"


def export_annotations(
    client: LabelStudio,
    project: Project,
    manifest: TileManifest,
    out_path: Path,
    options: ExportOptions,
) -> ExportResult:
    """Fetch every task in one export and write the tiles with the boxes people left on them.

    The newest uncancelled annotation of each task counts. Tasks that nobody has touched since the
    ingest are treated as `options.unreviewed` says.

    Args:
        client: From `connect`.
        project: From `open_project`; its classes and its kind become those of the dataset.
        manifest: The tiles that were sent.
        out_path: Path of the dataset's Parquet file.
        options: The rule for unreviewed tasks and the limit for bad tiles.

    Raises:
        DatasetError: If no tile is labelled.
        LabelStudioError: If the server fails, or its answer is not an export.
        TooManyIssuesError: If too many tiles cannot be used, or too many regions are lost.
    """
    with TemporaryDirectory(prefix="spyglass-export-") as scratch:
        export = Path(scratch, "export.json")
        with explained(url_of(client), "Exporting"):
            users = _users(client)
            download_tasks(client, project, export, options.timeout_s)
        with closing(_join(Path(scratch, "join.sqlite"), manifest, export, project)) as join:
            proposals = Proposals(client, project, users)
            reader = _Reader(project, users, proposals, options)
            tiles = reader.labeled_tiles(join, len(manifest))
            footer = with_kind(project.kind)
            dataset = LabeledDataset.write(out_path, project.class_names, tiles, footer=footer)
    # People skip tiles on purpose, so skipped tiles do not count towards the limit of bad ones.
    faults = IssueReport([issue for issue in reader.issues.issues if issue.kind != _SKIPPED])
    faults.check_share(len(manifest), options.max_bad_share, "tiles", _LIMIT)
    faults.check_labels(reader.statistics.boxes, options.max_bad_share, _LIMIT)
    if not len(dataset):
        raise DatasetError(
            f"No tile of the project '{project.title}' is labelled yet, so there is nothing to "
            "train on. Label some in Label Studio, then export again."
        )
    return ExportResult(dataset, reader.issues, reader.statistics, reader.quality)


@dataclass
class _Reader:
    """Turns tiles with their tasks into labelled tiles, and counts them."""

    project: Project
    users: Mapping[int, str]
    proposals: Proposals
    options: ExportOptions
    issues: IssueReport = field(default_factory=IssueReport)
    statistics: ExportStatistics = field(default_factory=ExportStatistics)
    quality: LabelQuality = field(default_factory=LabelQuality)

    def labeled_tiles(self, join: Join, tile_count: int) -> Iterator[LabeledTile]:
        with progress("Reading annotations (tiles)", total=tile_count) as advance:
            for tile, tasks in join.tiles_with_tasks():
                labeled = self._labeled(tile, tasks)
                if labeled is not None:
                    self.statistics.add(labeled.review, labeled.reviewed, labeled.shapes)
                    yield labeled
                advance(1)
        for task_id, tile_id in join.tasks_without_tile():
            detail = f"its tile {tile_id or ''} is not in the manifest".replace("  ", " ")
            self.issues.add(f"task {task_id}", "unknown task", detail, set_aside=False)

    def _labeled(self, tile: Tile, tasks: list[Task]) -> LabeledTile | None:
        self._note_tasks(tile, tasks)
        annotations = [one | {"task": task["id"]} for task in tasks for one in task["annotations"]]
        self.quality.add(tile.tile_id, self.proposals.reviews(tile, annotations))
        # The choice spans all tasks of the tile, since work on a duplicate task counts as well.
        chosen = newest(annotations)
        if chosen is None and not annotations and _has_known_labels(tile, tasks):
            return self._waiting(tile, tasks[-1])
        if chosen is None:
            self._note_nothing(tile, bool(tasks), bool(annotations))
            return None
        reviewed = is_reviewed(chosen)
        if not reviewed and self.options.unreviewed == "skip":
            self.statistics.unreviewed += 1
            return None
        drawn = shapes_of(
            chosen["result"],
            tile.window.width,
            tile.window.height,
            self.project.class_names,
            self.project.kind,
        )
        for problem in drawn.problems:
            if problem.spoils_tile:
                continue  # told of the tile
            detail = f"task {chosen['task']}: {problem.detail}"
            lost = int(problem.is_loss)
            self.issues.add(tile.tile_id, problem.kind, detail, set_aside=False, lost=lost)
        if drawn.refusal:
            kind, detail = drawn.refusal
            self.issues.add(tile.tile_id, kind, f"task {chosen['task']}: {detail}")
            return None
        return _labeled_tile(
            tile,
            drawn.shapes,
            reviewed=reviewed,
            annotator=annotator_of(chosen, self.users) if reviewed else None,
            annotated_at=moment(chosen) if reviewed else None,
            task_id=chosen["task"],
            annotation_id=chosen["id"],
            review=self._review(tile, chosen, annotations),
        )

    def _waiting(self, tile: Tile, task: Task) -> LabeledTile | None:
        """A tile whose known labels wait as a proposal, with these as its boxes."""
        if self.options.unreviewed == "skip":
            self.statistics.unreviewed += 1
            return None
        return _labeled_tile(tile, sendable_shapes(tile), task_id=task["id"])

    def _review(
        self, tile: Tile, chosen: Annotation, annotations: list[dict[str, Any]]
    ) -> Review | None:
        """The review of the annotation that counts, else the last skip of the tile, if any."""
        skips = [one for one in annotations if one.get("was_cancelled")]
        telling = chosen if is_reviewed(chosen) else max(skips, key=moment, default=None)
        found = self.proposals.review(tile.window, tile.shapes, telling) if telling else None
        return found.review if found else None

    def _note_tasks(self, tile: Tile, tasks: list[Task]) -> None:
        if len(tasks) > 1:
            numbers = ", ".join(str(task["id"]) for task in tasks)
            detail = f"tasks {numbers} show the same tile; the one worked on last counts"
            self.issues.add(tile.tile_id, "several tasks for one tile", detail, set_aside=False)
        if any(task.get("drafts") for task in tasks):
            detail = "somebody has left a draft that was never submitted; it does not count"
            self.issues.add(tile.tile_id, "unsubmitted draft", detail, set_aside=False)

    def _note_nothing(self, tile: Tile, has_task: bool, has_annotations: bool) -> None:
        """Note why a tile has no annotation that counts."""
        if not has_task:
            # A tile without ground truth loses nothing, and was perhaps never sent: the step that
            # picked it may have been killed.
            is_lost = tile.shapes is not None
            detail = "the project has no task for it"
            self.issues.add(tile.tile_id, "vanished task", detail, set_aside=is_lost)
        elif has_annotations:
            self.statistics.skipped += 1
            self.issues.add(tile.tile_id, _SKIPPED, "all its annotations are cancelled")
        elif tile.shapes is not None:
            detail = "the ground truth it was sent with has been deleted in Label Studio"
            self.issues.add(tile.tile_id, "deleted annotation", detail)
        else:
            self.statistics.unlabeled += 1


def _has_known_labels(tile: Tile, tasks: list[Task]) -> bool:
    """Whether a tile has ground truth, and a task that was sent with a proposal."""
    return has_known_labels(tile) and any(task.get("predictions") for task in tasks)


def _labeled_tile(tile: Tile, shapes: Shapes, **work: Any) -> LabeledTile:
    """A tile with the boxes that count, and what is known of people's work on it."""
    return LabeledTile(
        tile_id=tile.tile_id,
        scene_id=tile.scene_id,
        window=tile.window,
        uri=tile.uri,
        sha256=tile.sha256,
        shapes=shapes,
        tags=tile.tags,
        group=tile.group,
        split=tile.split,
        ground_sample_distance=ground_sample_distance(
            tile.georeference, tile.scene_width, tile.scene_height
        ),
        **work,
    )


def _join(scratch: Path, manifest: TileManifest, export: Path, project: Project) -> Join:
    try:
        with export.open("rb") as stream:
            return Join(scratch, manifest, _task_rows(json_items(stream)))
    except ValueError as error:
        raise LabelStudioError(
            f"What Label Studio exported of the project '{project.title}' cannot be read: {error}. "
            "Look at the server's log, then run this again."
        ) from error


def _task_rows(tasks: Iterable[Task]) -> Iterator[TaskRow]:
    for task in tasks:
        yield TaskRow(task["data"].get("tile_id"), task["id"], task)


def download_tasks(client: LabelStudio, project: Project, path: Path, timeout_s: float) -> None:
    """Export every task of a project, with its annotations, as one file of JSON.

    Raises:
        ApiError, httpx.HTTPError: If the server fails. Wrap the call in `explained`.
    """
    chunks = client.projects.exports.download_sync(
        project.id,
        export_type="JSON",
        download_all_tasks=True,
        request_options={"timeout_in_seconds": int(timeout_s)},
    )
    with (
        disk_faults(path.parent),
        path.open("wb") as stream,
        progress("Exporting from Label Studio (bytes)") as advance,
    ):
        for chunk in chunks:
            stream.write(chunk)
            advance(len(chunk))


def _users(client: LabelStudio) -> dict[int, str]:
    """The e-mail of every user by number."""
    return {user["id"]: user["email"] for user in ask(client, "GET", "api/users/")}
