"""The FiftyOne dataset: built once, then kept up to date with people's own tags and fields kept."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from utils.curation.cutting import tiles_of_predicted
from utils.curation.database import database_faults
from utils.curation.documents import Document, KnownSample, pending_document
from utils.curation.evaluation import evaluate, forget_evaluation
from utils.curation.fields import STATE, open_dataset
from utils.curation.samples import TileSample, tile_samples
from utils.curation.transfer import writer
from utils.dataset.labeled import LabeledDataset
from utils.detection.predictions import Predictions
from utils.issues import IssueReport
from utils.locks import exclusive
from utils.shapes.shapes import ShapeKind
from utils.storage.cache import local_copies
from utils.tiling.manifest import TileManifest
from utils.tiling.options import TilingOptions

OTHER_KIND = "labels of another kind"
# Samples in memory at a time; each batch costs a query and a merge in the database.
_SAMPLES_PER_BATCH = 2000


@dataclass(frozen=True, slots=True)
class DatasetUpdate:
    """Counts of an update of a FiftyOne dataset.

    Attributes:
        name: Name of the dataset.
        added: New samples.
        updated: Samples that had changed.
        unchanged: Samples that were up to date.
        evaluated: Samples with both truth and predictions, hence with tp, fp and fn.
        issues: Tiles and scenes left out because their image is missing or cannot be read.
    """

    name: str
    added: int
    updated: int
    unchanged: int
    evaluated: int
    issues: IssueReport = field(default_factory=IssueReport)


def build_dataset(
    name: str,
    tiles: TileManifest | None = None,
    *,
    labels: LabeledDataset | None = None,
    predictions: Predictions | None = None,
    splits: Mapping[str, str] | None = None,
    tiling: TilingOptions | None = None,
) -> DatasetUpdate:
    """Build a FiftyOne dataset of tiles, or bring an existing one up to date.

    Samples are found by tile id, so a second run changes nothing. Tags and fields that people added
    in the App stay, and other samples of the dataset are left alone. Scenes that were predicted but
    never ingested are cut into tiles.

    Args:
        name: Name of the dataset; a missing one is created persistent.
        tiles: The tiles to show.
        labels: The labelled tiles, which replace the ground truth of the ingest.
        predictions: Predictions of whole scenes.
        splits: The split of each scene id, which becomes a tag.
        tiling: Options for cutting the scenes that have no tiles.

    Raises:
        DatasetError: If the dataset has labels of another kind.
        ServerError: If MongoDB cannot be started, or ends meanwhile.
        BusyError: If another process updates the same dataset.
    """
    tiling = tiling or TilingOptions()
    issues = IssueReport()
    kind = next(
        (table.kind for table in (labels, tiles, predictions) if table is not None),
        ShapeKind.DETECT,
    )
    if predictions is not None and predictions.kind != kind:
        detail = f"the labels are {kind.noun}, and the predictions, which are left out, are not"
        issues.add("predictions", OTHER_KIND, detail, set_aside=False)
        predictions = None
    samples = tile_samples(
        tiles_of_predicted(tiles or (), predictions or (), tiling, issues),
        labels=labels or (),
        predictions=predictions or (),
        splits=splits,
        min_visibility=tiling.min_visibility,
    )
    with database_faults(), exclusive("FiftyOne update", f"the dataset {name}"):
        return update_dataset(name, _of_kind(samples, kind, issues), issues, kind)


def _of_kind(
    samples: Iterable[TileSample], kind: ShapeKind, issues: IssueReport
) -> Iterator[TileSample]:
    """Yield the samples; truth of another kind, as of an ingest before the labels, is left out."""
    for sample in samples:
        if sample.truth and sample.truth.kind != kind:
            detail = f"its labels are {sample.truth.kind.noun} and are left out"
            issues.add(sample.tile_id, OTHER_KIND, detail, set_aside=False)
            yield replace(sample, truth=None)
        else:
            yield sample


def update_dataset(
    name: str,
    samples: Iterable[TileSample],
    issues: IssueReport,
    kind: ShapeKind = ShapeKind.DETECT,
) -> DatasetUpdate:
    """Write the samples that are new or have changed, then evaluate if anything was written.

    Args:
        name: Name of the dataset.
        samples: The samples, consumed once, some thousand in memory at a time.
        issues: Receives the tiles whose image is missing.
        kind: Kind of the labels, which a dataset that is there must have.

    Raises:
        DatasetError: If the dataset has labels of another kind.
    """
    dataset = open_dataset(name, kind)
    added = updated = total = 0
    with writer(dataset, kind) as write:
        for batch in _batches(_with_images(samples, issues)):
            known = _known_samples(dataset, [sample.tile_id for sample, _ in batch])
            pending = _pending(batch, known, kind)
            if pending:
                forget_evaluation(dataset)
                write(pending)
            new = sum(document["tile_id"] not in known for document in pending)
            added, updated, total = added + new, updated + len(pending) - new, total + len(batch)
    evaluated = evaluate(dataset, kind)
    return DatasetUpdate(name, added, updated, total - added - updated, evaluated, issues)


def _with_images(
    samples: Iterable[TileSample], issues: IssueReport
) -> Iterator[tuple[TileSample, Path]]:
    """Yield each sample with a local copy of its image, showing progress.

    Args:
        samples: The samples, consumed as a stream, a few ahead.
        issues: Receives the samples whose image is missing; they are left out.
    """
    waiting: deque[TileSample] = deque()

    def files() -> Iterator[tuple[str, str]]:
        for sample in samples:
            waiting.append(sample)
            yield sample.uri, sample.sha256

    for uri, image in local_copies(files(), issues=issues, description="Updating FiftyOne (tiles)"):
        while (sample := waiting.popleft()).uri != uri:
            pass  # its image is missing: `local_copies` has noted it in `issues`
        yield sample, image


def _known_samples(dataset: Any, tile_ids: list[str]) -> dict[str, KnownSample]:
    from fiftyone import ViewField

    view = dataset.match(ViewField("tile_id").is_in(tile_ids))
    ids, tags, states = view.values(["tile_id", "tags", STATE])
    return {
        tile_id: KnownSample(tuple(own or ()), dict(state or {}))
        for tile_id, own, state in zip(ids, tags, states, strict=True)
    }


def _pending(
    batch: list[tuple[TileSample, Path]], known: Mapping[str, KnownSample], kind: ShapeKind
) -> list[Document]:
    documents = (
        pending_document(sample, image, known.get(sample.tile_id), kind) for sample, image in batch
    )
    return [document for document in documents if document is not None]


def _batches(
    samples: Iterator[tuple[TileSample, Path]],
) -> Iterator[list[tuple[TileSample, Path]]]:
    while batch := list(islice(samples, _SAMPLES_PER_BATCH)):
        yield batch
