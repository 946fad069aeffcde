"""The results of a run in a few lines."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zenml.models import ArtifactVersionResponse, PipelineRunResponse

from commands.project import chosen_project
from commands.runs.reports import shown_path
from records.runs import outputs_of
from utils.annotation.label_studio.server import running_label_studio
from utils.detection.detector import LEAST_SCORE, readable_score
from utils.shapes.shapes import ShapeKind

_LINES = {
    "tile_manifest": "{scenes} scenes ({scenes_unchanged} unchanged), {tiles} tiles, "
    "{boxes} {noun}",
    "sync_issues": "{added} new tasks, {already_there} already there, in {project}",
    "labeled_dataset": "{tiles} tiles: {reviewed} reviewed, {ground_truth} with their ground "
    "truth; {unlabeled} unlabelled and {skipped} skipped left out",
    "dataset_changes": "since {since}: {tiles_added} tiles added, {tiles_changed} changed, "
    "{tiles_removed} removed; {newly_reviewed} newly reviewed",
    "splits": "scenes by split: {scenes}",
    "evaluation": "on unseen scenes: mAP50 {mAP50:.3f}, mAP50-95 {mAP50-95:.3f}",
    "evaluation of classes": "on unseen scenes: top-1 {top1:.3f}, top-5 {top5:.3f}, F1 {F1:.3f}",
    "promotion": "{verdict}",
    "packed_evaluation": "{verdict}",
    "bundle": "packed {model}, version {version}, in {megabytes} MB",
    "predictions": "{boxes} objects found in {scenes} scenes",
    "predictions of classes": "{scenes} scenes classified: {boxes} classes with a score",
    "monitoring": "{windows} windows noted, of {versions}",
    "picked_tiles": "{tiles} tiles picked: {reasons}",
    "counts": "{answer}",
    "send_issues": "{added} new tasks, {updated} with new proposals, {unchanged} unchanged, in "
    "{project}",
    "fiftyone_issues": "{added} samples added, {updated} updated, {unchanged} unchanged",
}

_NOTHING = (
    "nothing scores as much as that; to see what scores less, add: --set "
    f"inference.confidence={LEAST_SCORE}"
)
_NOTHING_AT_ALL = "nothing scores as much as that: the detector needs more labels or epochs"
_OUTCOMES = (
    "of the reviewed: {accepted} accepted, {changed} changed, {rejected} rejected, {drawn} drawn "
    "without a proposal"
)
WEAK = (
    "warning: a weak detector; its minimum score is a fallback, since {weak}. More labels or "
    "epochs help"
)
# Printed in this order, each where its figure is there and not 0.
_LINES_BY_FIGURE = {
    "threshold": "minimum score {threshold}",
    "weak": WEAK,
    "split_rule": "{split_rule}",
    "sending": "{sending}",
    "advice_next": "{advice_next}",
    "csv": "as CSV: {csv}",
    "map": "as GeoJSON: {map}",
    "is_concentrated": "the score rests on few scenes: {groups} groups, worth "
    "{effective_groups:.1f} of equal size ({interval})",
    "backend": "the network ran in {backend}",
    "skipped_windows": "{skipped_windows} of {windows} windows passed over as empty water",
    "tiles_without_data": "{tiles_without_data} tiles without data passed over",
    "tiles_outside_regions": "{tiles_outside_regions} tiles outside the regions passed over",
    "boxes_outside_regions": "{boxes_outside_regions} {noun} outside the regions left out",
    "windows_without_data": "{windows_without_data} of {windows} windows passed over without data",
    "windows_outside": "{windows_outside} of {windows} windows passed over outside the regions",
    "edge_boxes": "{edge_boxes} of the objects touch an area without data, where false alarms are "
    "frequent (`at_edge`; inference.edges: drop leaves them out)",
    "waiting": "{waiting} tasks wait for a review",
    "became_proposals": "{became_proposals} untouched annotations of earlier ingests wait as "
    "proposals now",
    "reviewed_by": "by whom: {reviewed_by}",
    "edge_boxes_dropped": "{edge_boxes_dropped} {noun} at the edge of an area without data dropped",
    "boxes_outside": "{boxes_outside} {noun} outside the regions dropped",
    "coco_json": "as COCO json: {coco_json}",
    "geojson": "as GeoJSON ({georeferenced_scenes} of {scenes} scenes know where they lie): "
    "{geojson}",
    "label_files": "for other programs: {label_files}",
    "told_by": "told by {told_by}",
    "not_told": "{not_told}",
    "viewer": "viewer: {viewer}",
    "record": "record of the training: {record}",
    "bundle_folder": "bundle: {bundle_folder}",
}
_OF_A_SHARD = "shard_"
_SENDS = ("sync_issues", "send_issues")
# Artifacts whose page says most about a run; `--reports` lists the others.
_WITH_PAGE = {
    "tile_manifest",
    "labeled_dataset",
    "evaluation",
    "promotion",
    "packed_evaluation",
    "bundle",
    "predictions",
    "picked_tiles",
    "monitoring",
    "counts",
}


def summary_of(run: PipelineRunResponse, pages: Mapping[str, Path]) -> list[str]:
    """Return the figures of a run's artifacts, its first issues, and where its pages lie.

    The artifacts of shards are passed over: the gathered artifact has their figures together.

    Args:
        run: The run.
        pages: Its pages by name of their artifact.
    """
    lines: list[str] = []
    chosen = ""
    for name, artifact in sorted(outputs_of(run), key=_place):
        metadata: dict[str, Any] = dict(artifact.run_metadata)
        kind = ShapeKind(metadata.get("kind", ShapeKind.DETECT))
        metadata["noun"] = kind.noun
        metadata |= {key: shown_path(pages[key]) for key in metadata if key in pages}
        if name.startswith(_OF_A_SHARD):
            chosen = metadata.get("confidence_chosen", chosen)
            continue
        if name == "evaluation" and "top1" in metadata:
            lines.append(f"  {_LINES['evaluation of classes'].format_map(metadata)}")
        elif name == "evaluation" and "mAP50" not in metadata:
            lines.append("  on unseen scenes: no object to find, so no score")
        elif name == "predictions" and not kind.has_places:
            lines.append(f"  {_LINES['predictions of classes'].format_map(metadata)}")
        elif name in _LINES:
            lines.append(f"  {_LINES[name].format_map(_Readable(metadata))}")
        lines += [
            f"  {told}" for told in (*metadata.get("verdicts", ()), *metadata.get("losses", ()))
        ]
        if name in _SENDS:
            lines += _how_to_label(str(metadata["project"]))
        if metadata.get("least_score"):
            least = metadata["least_score"]
            lines.append(f"  {_least_score(least, metadata.get('faint_boxes'))}")
            if not metadata["boxes"]:
                lines.append(f"  {_NOTHING if least > LEAST_SCORE else _NOTHING_AT_ALL}")
            lines += [f"  that score was chosen {chosen}"] if chosen else []
        # The labels that a training has checked tell their reviews, too, but not the outcomes.
        if name == "labeled_dataset" and metadata.get("reviewed"):
            lines.append(f"  {_OUTCOMES.format_map(metadata)}")
        lines += lines_by_figure(metadata)
        if name in _WITH_PAGE and name in pages:
            lines.append(f"  page: {shown_path(pages[name])}")
        if name.endswith("_issues") and metadata.get("issues"):
            lines += _issue_lines(metadata, pages.get(name))
    return list(dict.fromkeys(lines))  # a training and its evaluation may warn of the same


def lines_by_figure(metadata: Mapping[str, Any]) -> list[str]:
    """Return a line for each figure of an artifact that is there and not 0."""
    name, label = ("top1", "top-1") if "top1" in metadata else ("mAP50", "mAP50")
    told = dict(metadata) | {"interval": f"{label} interval {metadata.get(f'{name} interval')}"}
    lines = [
        f"  {line.format_map(told)}"
        for figure, line in _LINES_BY_FIGURE.items()
        if metadata.get(figure)
    ]
    return [*lines, *(f"  warning: {sentence}" for sentence in metadata.get("advice", ()))]


def _place(output: tuple[str, ArtifactVersionResponse]) -> int:
    """The place of an artifact in a summary: figures as listed, then files, then issues."""
    name, _ = output
    if name in _LINES:
        return list(_LINES).index(name)
    return len(_LINES) + name.endswith("_issues")


def _least_score(least: float, faint_boxes: int | None) -> str:
    """Say what each box scores at least, and how many boxes score half of it, if that is known."""
    told, half = f"each scores at least {readable_score(least)}", readable_score(least / 2)
    if half == readable_score(least) or faint_boxes is None:
        return told  # nothing below is predicted
    return f"{told}; {faint_boxes} more score between {half} and that"


def _how_to_label(address: str) -> list[str]:
    """Name the command that opens a project, where it is in the embedded Label Studio."""
    server = running_label_studio()
    if server is None or not address.startswith(f"{server.url}/"):
        return []
    project = chosen_project()
    choice = f"PROJECT={shlex.quote(project)} " if project else ""
    return [f"  to label: {choice}make label-studio"]


def _issue_lines(metadata: Mapping[str, Any], page: Path | None) -> list[str]:
    """Return the number of issues of each kind, the first of them, and where all are."""
    kinds = ", ".join(f"{count} x {kind}" for kind, count in metadata["kinds"].items())
    lines = [f"  issues: {kinds}", *(f"    {one}" for one in metadata.get("first", ()))]
    return [*lines, f"    all of them: {shown_path(page)}"] if page else lines


class _Readable(dict[str, Any]):
    """Metadata by name, with mappings as `train 5, val 1`."""

    def __getitem__(self, key: str) -> Any:
        value = super().__getitem__(key)
        if isinstance(value, dict):
            return ", ".join(f"{name} {count}" for name, count in value.items())
        return value
