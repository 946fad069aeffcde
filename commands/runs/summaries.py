"""The results of a run in a few lines."""

from __future__ import annotations

from typing import Any

from zenml.models import PipelineRunResponse

from records.runs import outputs_of

_LINES = {
    "tile_manifest": "{scenes} scenes ({scenes_unchanged} unchanged), {tiles} tiles, {boxes} boxes",
    "sync_issues": "{added} new tasks, {already_there} already there, in {project}",
    "labeled_dataset": "{tiles} tiles: {reviewed} reviewed, {ground_truth} with their ground "
    "truth; {unlabeled} unlabelled and {skipped} skipped left out",
    "dataset_changes": "since {since}: {tiles_added} tiles added, {tiles_changed} changed, "
    "{tiles_removed} removed; {newly_reviewed} newly reviewed",
    "splits": "scenes by split: {scenes}",
    "evaluation": "on unseen scenes: mAP50 {mAP50:.3f}, mAP50-95 {mAP50-95:.3f}",
    "promotion": "{verdict}",
    "predictions": "{boxes} objects found in {scenes} scenes",
    "picked_tiles": "{tiles} tiles picked: {reasons}",
    "send_issues": "{added} new tasks, {updated} with new boxes, {unchanged} unchanged, in "
    "{project}",
    "fiftyone_issues": "{added} samples added, {updated} updated, {unchanged} unchanged",
}

_LEAST_SCORE = (
    "each scores at least {least_score:.2f}; {faint_boxes} more score between {half:.2f} and that"
)
# Printed in this order, each where its figure is there and not 0.
_LINES_BY_FIGURE = {
    "is_concentrated": "the score rests on few scenes: {groups} groups, worth "
    "{effective_groups:.1f} of equal size (mAP50 interval {mAP50 interval})",
    "backend": "the network ran in {backend}",
    "skipped_windows": "{skipped_windows} of {windows} windows passed over as empty water",
    "tiles_without_data": "{tiles_without_data} tiles without data passed over",
    "tiles_outside_regions": "{tiles_outside_regions} tiles outside the regions passed over",
    "boxes_outside_regions": "{boxes_outside_regions} boxes outside the regions left out",
    "windows_without_data": "{windows_without_data} of {windows} windows passed over without data",
    "windows_outside": "{windows_outside} of {windows} windows passed over outside the regions",
    "edge_boxes": "{edge_boxes} of the objects touch an area without data, where false alarms are "
    "frequent (`at_edge`; inference.edges: drop leaves them out)",
    "waiting": "{waiting} tasks wait for a review",
    "became_proposals": "{became_proposals} untouched annotations of earlier ingests wait as "
    "proposals now",
    "reviewed": "of the reviewed: {accepted} accepted, {changed} changed, {rejected} rejected, "
    "{drawn} drawn without a proposal",
    "reviewed_by": "by whom: {reviewed_by}",
    "edge_boxes_dropped": "{edge_boxes_dropped} boxes at the edge of an area without data dropped",
    "boxes_outside": "{boxes_outside} boxes outside the regions dropped",
    "page": "report: {page}",
    "coco_json": "as COCO json: {coco_json}",
    "geojson": "as GeoJSON ({georeferenced_scenes} of {scenes} scenes know where they lie): "
    "{geojson}",
    "viewer": "to look at in a browser: {viewer}",
}
_OF_A_SHARD = "shard_"


def summary_of(run: PipelineRunResponse) -> list[str]:
    """Return the figures of a run's artifacts, and the number of issues to look at.

    The artifacts of shards are passed over: the gathered artifact has their figures together.
    """
    lines: list[str] = []
    chosen = ""
    for name, artifact in outputs_of(run):
        metadata: dict[str, Any] = dict(artifact.run_metadata)
        if name.startswith(_OF_A_SHARD):
            chosen = metadata.get("confidence_chosen", chosen)
            continue
        if name == "evaluation" and "mAP50" not in metadata:
            lines.append("  on unseen scenes: no object to find, so no score")
        elif name in _LINES:
            lines.append(f"  {_LINES[name].format_map(_Readable(metadata))}")
        if metadata.get("least_score"):
            half = metadata["least_score"] / 2
            lines.append(f"  {_LEAST_SCORE.format_map(metadata | {'half': half})}")
            lines += [f"  that score was chosen {chosen}"] if chosen else []
        lines += [
            f"  {line.format_map(metadata)}"
            for figure, line in _LINES_BY_FIGURE.items()
            if metadata.get(figure)
        ]
        if name.endswith("_issues") and metadata.get("issues"):
            kinds = ", ".join(f"{count} x {kind}" for kind, count in metadata["kinds"].items())
            lines.append(f"  issues: {kinds} (artifact '{name}' in the dashboard lists them)")
            lines += [f"    {one}" for one in metadata.get("first", ())]
    return lines


class _Readable(dict[str, Any]):
    """Metadata by name, with mappings as `train 5, val 1`."""

    def __getitem__(self, key: str) -> Any:
        value = super().__getitem__(key)
        if isinstance(value, dict):
            return ", ".join(f"{name} {count}" for name, count in value.items())
        return value
