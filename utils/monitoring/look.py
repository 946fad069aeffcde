"""One look at the notes: each version beside its reference."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from utils.dataset.labeled import LabeledTile
from utils.geometry import FloatArray
from utils.monitoring.alarms import alarms_of
from utils.monitoring.drift import drifts_of
from utils.monitoring.monitoring import Monitoring
from utils.monitoring.options import MonitoringOptions
from utils.monitoring.quantities import comparable, confidence_of, groups_of, predicted, values_of
from utils.monitoring.reviewed import reviewed_of
from utils.monitoring.tables import NoteRows, notes_in
from utils.monitoring.verdict import Samples, Verdict, verdict_of
from utils.monitoring.watched import Distribution, FarOut, Latency, Stretch, Watched

_DAY = 86_400.0
_BINS = 20
_GRID = 12
_OUTERMOST = (0.005, 0.995)
_SCENES = "/scenes"


@dataclass(frozen=True, slots=True)
class Reference:
    """The notes that a version is compared with.

    Attributes:
        notes: Notes of the test split, as columns; None where there are none.
        class_names: Classes of the detector.
        problem: Why there are none, and what to do; empty if there are.
    """

    notes: pa.Table | None = None
    class_names: tuple[str, ...] = ()
    problem: str = ""


Key = tuple[str, str, str]  # source, role, version
References = Callable[[str, str], Reference]  # of a version and the digest of its bundle
Pictures = Callable[[FarOut], str]  # name of the picture of a window; empty without one


def look(
    model: str,
    rows: NoteRows,
    references: References,
    options: MonitoringOptions,
    *,
    labels: Sequence[LabeledTile] = (),
    pictures: Pictures = lambda _: "",
    folder: Path = Path(),
    now: float | None = None,
) -> Monitoring:
    """Compare the notes of a model with the references of its versions.

    Args:
        model: Name of the model; notes of other models are passed over.
        rows: Notes, in order of time.
        references: The reference of a version.
        options: Period, rule and alarms.
        labels: Labelled tiles, of which the reviewed ones tell precision and recall.
        pictures: Finds the picture of a window.
        folder: Folder of the pictures.
        now: Time of the look, in seconds since 1970; by default now.
    """
    now = time.time() if now is None else now
    own = rows.table.filter(pc.equal(rows.table["model"], model))
    versions = [
        _watched(model, key, notes, references, options, labels, pictures, now)
        for key, notes in _by_version(own)
    ]
    versions.sort(key=lambda one: -one.last)
    return Monitoring(
        model=model,
        made=now,
        versions=tuple(versions),
        alarms=tuple(alarm for one in versions for alarm in alarms_of(one, options.alarms)),
        dropped=rows.dropped,
        damaged=rows.damaged,
        future=rows.future,
        false_alarms=options.drift.false_alarms,
        folder=folder,
    )


def _by_version(notes: pa.Table) -> Iterator[tuple[Key, pa.Table]]:
    columns = ["source", "role", "version"]
    for key in notes.group_by(columns).aggregate([]).to_pylist():
        chosen = pa.scalar(True)
        for column in columns:
            chosen = pc.and_(chosen, pc.equal(notes[column], key[column]))
        yield (key["source"], key["role"], key["version"]), notes.filter(chosen)


def _watched(
    model: str,
    key: Key,
    notes: pa.Table,
    references: References,
    options: MonitoringOptions,
    labels: Sequence[LabeledTile],
    pictures: Pictures,
    now: float,
) -> Watched:
    source, role, version = key
    windows, times = predicted(notes), notes["time"].to_numpy()
    digest = str(notes["digest"][-1].as_py())  # a version that was packed again has several
    reference = references(version, digest)
    confidence = 0.0 if reference.notes is None else confidence_of(reference.notes)
    found = Watched(
        source,
        role,
        model,
        version,
        digest,
        first=float(times[0]),
        last=float(times[-1]),
        latency=latency_of(notes),
        windows=windows.num_rows,
        no_reference=reference.problem,
        stretches=tuple(_stretches(notes, confidence, reference.class_names, options, now)),
    )
    if reference.notes is None:
        told = f"no verdict: {reference.problem}"
        return replace(found, verdict=Verdict("nothing compared", told))
    if not windows.num_rows:
        return replace(found, verdict=Verdict("waits", "no verdict: no window was predicted."))
    return _compared(found, windows, reference, confidence, options, labels, pictures)


def _compared(
    watched: Watched,
    windows: pa.Table,
    reference: Reference,
    confidence: float,
    options: MonitoringOptions,
    labels: Sequence[LabeledTile],
    pictures: Pictures,
) -> Watched:
    """Add to a watched version how its newest windows compare with the reference."""
    whole = comparable(windows, confidence)
    newest = whole.slice(max(whole.num_rows - options.period.windows, 0))
    names = reference.class_names
    usual = values_of(predicted(reference.notes), confidence, names)
    current = values_of(newest, confidence, names) if newest.num_rows else {}
    groups = groups_of(reference.notes), groups_of(newest)
    beyond = current.get("outlier")
    far = [replace(one, picture=pictures(one)) for one in _far_out(newest, options.pictures)]
    left_out, usual_windows = windows.num_rows - whole.num_rows, predicted(reference.notes).num_rows
    drifts = tuple(drifts_of(usual, current, options.drift, newest.num_rows, groups))
    samples = Samples(newest.num_rows, groups[1], usual_windows, groups[0], left_out)
    return replace(
        watched,
        compared=newest.num_rows,
        left_out=left_out,
        reference_windows=usual_windows,
        drifts=drifts,
        verdict=verdict_of(drifts, samples, options.drift),
        distributions={
            name: _distribution(usual[name], current[name]) for name in usual if name in current
        },
        places=_places(usual, current),
        far_out=tuple(far),
        beyond=None if beyond is None else float((beyond > 1).mean()),
        reviewed=reviewed_of(notes_in(whole), labels, names, confidence),
    )


def latency_of(notes: pa.Table) -> Latency:
    """The latency of the requests in some notes; of windows where all are of scenes."""
    is_request = pc.invert(pc.is_in(notes["route"], value_set=pa.array(["", _SCENES])))
    chosen = notes.filter(is_request)
    if chosen.num_rows:
        names = chosen["request"].to_numpy(zero_copy_only=False)
        chosen = chosen.take(np.sort(np.unique(names, return_index=True)[1]))
    else:
        chosen = notes
    status = chosen["status"].to_numpy()
    times = chosen["milliseconds"].to_numpy()[status == 200]
    p50, p95, p99 = np.percentile(times, [50, 95, 99]).tolist() if len(times) else [None] * 3
    refused = int(((status >= 400) & (status < 500)).sum())
    return Latency(len(status), int((status >= 500).sum()), refused, p50, p95, p99)


def _stretches(
    notes: pa.Table,
    confidence: float,
    class_names: Sequence[str],
    options: MonitoringOptions,
    now: float,
) -> Iterator[Stretch]:
    """Yield the period in equal stretches of time, empty ones among them."""
    times = notes["time"].to_numpy()
    begin = max(float(times[0]), now - options.period.days * _DAY)
    edges = np.linspace(begin, max(now, begin + 1.0), options.period.bins + 1)
    starts = np.searchsorted(times, edges)
    starts[-1] = len(times)
    for edge, start, end in zip(edges[:-1], starts[:-1], starts[1:], strict=True):
        part = notes.slice(start, end - start)
        windows = comparable(predicted(part), confidence or 1.0)
        values = values_of(windows, confidence, class_names) if windows.num_rows else {}
        means = {name: float(one.mean()) for name, one in values.items()}
        yield Stretch(float(edge), latency_of(part), windows.num_rows, means)


def _distribution(reference: FloatArray, current: FloatArray) -> Distribution:
    both = np.concatenate([reference, current])
    low, high = (float(value) for value in np.quantile(both, _OUTERMOST))
    if set(np.unique(both)) <= {0.0, 1.0}:
        edges = np.array([0.0, 0.5, 1.0])
    elif np.all(both == both.round()) and high - low < 2 * _BINS:
        edges = np.arange(np.floor(low) - 0.5, np.ceil(high) + 1.0)  # counts
    else:
        edges = np.linspace(low, high if high > low else low + 1, _BINS + 1)
    return Distribution(edges.tolist(), _shares(current, edges), _shares(reference, edges))


def _shares(values: FloatArray, edges: FloatArray) -> list[float]:
    inside = values.clip(edges[0], edges[-1])
    shares: list[float] = (np.histogram(inside, bins=edges)[0] / len(values)).tolist()
    return shares


def _places(
    reference: dict[str, FloatArray], current: dict[str, FloatArray]
) -> tuple[list[list[float]], list[list[float]]] | None:
    if "x" not in reference or "x" not in current:
        return None
    return _grid(current), _grid(reference)


def _grid(values: dict[str, FloatArray]) -> list[list[float]]:
    edges = np.linspace(0, 1, _GRID + 1)
    counts = np.histogram2d(values["y"], values["x"], bins=[edges, edges])[0]
    shares: list[list[float]] = (counts / counts.sum()).tolist()
    return shares


def _far_out(windows: pa.Table, most: int) -> Iterable[FarOut]:
    known = windows.filter(pc.is_valid(windows["outlier"]))
    order = pc.sort_indices(known, [("outlier", "descending"), ("time", "descending")])
    for row in known.take(order[:most]).to_pylist():
        yield FarOut(
            time=row["time"],
            image=row["image"],
            window=tuple(row["window"]),
            outlier=row["outlier"],
            classes=tuple(row["classes"]),
            scores=tuple(row["scores"]),
            boxes=tuple(tuple(box) for box in row["boxes"]),
            size=(row["width"], row["height"]),
        )
