"""Compare experiments side by side: their parameters, data, scores and cost."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any

from utils.detection.detector import Detector
from utils.evaluation.bootstrap import Estimate
from utils.evaluation.evaluation import Evaluation

UNKNOWN = "-"

_SHORT = 12


@dataclass(frozen=True, slots=True)
class Experiment:
    """One training with its result.

    Attributes:
        name: Name of its run.
        version: Version of the model, such as "ship-detector 3", or None.
        parameters: All configured parameters, by dotted path.
        detector: The trained detector.
        tile_counts: Number of tiles in each split.
        evaluation: Evaluation at the end of the training, or None.
        machine: Resources that the training asked for beside its device, such as a type of machine,
            or None.
    """

    name: str
    version: str | None
    parameters: dict[str, Any]
    detector: Detector
    tile_counts: dict[str, int]
    evaluation: Evaluation | None
    machine: str | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """One part of the comparison.

    Attributes:
        heading: Heading of the part.
        rows: By name, the value of each experiment.
    """

    heading: str
    rows: dict[str, list[str]]


def letters(experiments: Sequence[Experiment]) -> list[str]:
    """Short names for columns (A, B, C, ...), in the order given; 26 at most."""
    return list(ascii_uppercase[: len(experiments)])


def flattened(values: Mapping[str, Any], within: str = "") -> dict[str, Any]:
    """Flatten nested mappings to dotted paths; an empty one stays as it is."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        path = f"{within}{key}"
        if isinstance(value, Mapping) and value:
            flat |= flattened(value, f"{path}.")
        else:
            flat[path] = value
    return flat


def comparison(experiments: Sequence[Experiment]) -> list[Rows]:
    """The comparison in rows, the same for the terminal and the page."""
    return [
        Rows("What was recorded where", _places(experiments)),
        Rows("Parameters that differ", _differing(experiments)),
        Rows("Data", _data(experiments)),
        Rows("Scores on unseen tiles", _scores(experiments)),
        Rows("Scores by class", _classes(experiments)),
        Rows("Cost", _cost(experiments)),
    ]


def warnings_about(experiments: Sequence[Experiment]) -> list[str]:
    """Reasons why the scores may not be compared, in plain sentences."""
    evaluations = [one.evaluation for one in experiments if one.evaluation is not None]
    prints = {evaluation.tiles_fingerprint for evaluation in evaluations}
    warnings = []
    if len(evaluations) < len(experiments):
        missing = _named(experiments, lambda one: one.evaluation is None)
        warnings.append(
            f"There is no evaluation of {missing} that this version of Spyglass can read."
        )
    if len(prints - {""}) > 1:
        warnings.append(
            "The test tiles are not the same, so the scores cannot be compared. Train on the same "
            "dataset and splits, or let --promote production evaluate two versions on the same "
            "tiles."
        )
    elif "" in prints and len(evaluations) > 1:
        older = _named(experiments, lambda one: _tiles_of(one) == "")
        warnings.append(
            f"An earlier version of Spyglass evaluated {older}, so it is not known whether the "
            "test tiles are the same. Where they are not, the scores cannot be compared."
        )
    return warnings


def training_seconds(history: Iterable[Mapping[str, float]]) -> list[float]:
    """Seconds of each epoch, validation included.

    Args:
        history: As in `Detector.history`, whose clock starts again when a training is resumed.
    """
    seconds, before = [], 0.0
    for epoch in history:
        now = epoch["time"]
        seconds.append(now - before if now >= before else now)
        before = now
    return seconds


def _places(experiments: Sequence[Experiment]) -> dict[str, list[str]]:
    records = [one.detector.record for one in experiments]
    return {
        "run": [one.name for one in experiments],
        "model version": [one.version or UNKNOWN for one in experiments],
        "MLflow run": [one.detector.mlflow_run_id or "not recorded" for one in experiments],
        **({"record": records} if any(records) else {}),
    }


def _differing(experiments: Sequence[Experiment]) -> dict[str, list[str]]:
    names = dict.fromkeys(name for one in experiments for name in one.parameters)
    rows = {
        name: [_plain(one.parameters[name]) if name in one.parameters else UNKNOWN
               for one in experiments]
        for name in names
    }  # fmt: skip
    return {name: row for name, row in rows.items() if len(set(row)) > 1}


def _data(experiments: Sequence[Experiment]) -> dict[str, list[str]]:
    splits = dict.fromkeys(split for one in experiments for split in one.tile_counts)
    return {
        "fingerprint": [one.detector.data_fingerprint[:_SHORT] for one in experiments],
        "fingerprint of the test tiles": [
            (_tiles_of(one) or UNKNOWN)[:_SHORT] for one in experiments
        ],
        **{
            f"{split} tiles": [str(one.tile_counts.get(split, UNKNOWN)) for one in experiments]
            for split in splits
        },
        "classes": [", ".join(one.detector.class_names) for one in experiments],
    }


def _scores(experiments: Sequence[Experiment]) -> dict[str, list[str]]:
    levels = {"": "tile_scores", "scene ": "scene_scores"}
    scores: list[dict[str, Estimate]] = [
        {
            f"{prefix}{name}": estimate
            for prefix, level in levels.items()
            for name, estimate in getattr(one.evaluation, level).metrics.items()
        }
        if one.evaluation
        else {}
        for one in experiments
    ]
    names = dict.fromkeys(name for own in scores for name in own)
    return {name: [_estimate(own.get(name)) for own in scores] for name in names}


def _classes(experiments: Sequence[Experiment]) -> dict[str, list[str]]:
    scores = [one.evaluation.tile_scores.classes if one.evaluation else {} for one in experiments]
    names = dict.fromkeys(name for own in scores for name in own)
    measures = {"mAP50": "map50", "mAP50-95": "map50_95", "F1": "f1"}
    rows = {
        f"{name}, {measure}": [_score(getattr(own.get(name), field, None)) for own in scores]
        for name in names
        for measure, field in measures.items()
    }
    return {name: row for name, row in rows.items() if set(row) != {UNKNOWN}}


def _cost(experiments: Sequence[Experiment]) -> dict[str, list[str]]:
    seconds = [training_seconds(one.detector.history) for one in experiments]
    rows = {
        "epochs": [str(one.detector.epochs) for one in experiments],
        "training": [_duration(sum(own)) if own else UNKNOWN for own in seconds],
        "seconds per epoch": [f"{sum(own) / len(own):.1f}" if own else UNKNOWN for own in seconds],
        "device": [str(one.detector.arguments.get("device", UNKNOWN)) for one in experiments],
        "machine": [one.machine or UNKNOWN for one in experiments],
        "milliseconds per tile, evaluating": [
            f"{one.evaluation.milliseconds:.1f} on {one.evaluation.device}"
            if one.evaluation
            else UNKNOWN
            for one in experiments
        ],
    }
    return {name: row for name, row in rows.items() if set(row) != {UNKNOWN}}


def _tiles_of(experiment: Experiment) -> str | None:
    return experiment.evaluation.tiles_fingerprint if experiment.evaluation else None


def _named(experiments: Sequence[Experiment], is_meant: Callable[[Experiment], bool]) -> str:
    pairs = zip(letters(experiments), experiments, strict=True)
    return ", ".join(letter for letter, one in pairs if is_meant(one))


def _estimate(estimate: Estimate | None) -> str:
    if estimate is None:
        return UNKNOWN
    interval = f" ({estimate.interval})" if estimate.interval else ""
    return f"{estimate.value:.3f}{interval}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _score(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.3f}"


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)
