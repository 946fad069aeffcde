"""The page of a labelled dataset: its tiles, their boxes, and the reviews."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import nsmallest
from itertools import starmap

from markupsafe import Markup
from PIL import Image, ImageStat

from utils.dataset.labeled import LabeledDataset, LabeledTile
from utils.errors import StoreError
from utils.issues import IssueReport
from utils.reports.charts import bars
from utils.reports.counting import in_order, share, shuffled
from utils.reports.issues_page import issues_section
from utils.reports.page import (
    NOTHING,
    Cell,
    columns,
    facts,
    page,
    paragraph,
    section,
    table,
    warning,
)
from utils.reports.pictures import key, sheet, tile_picture
from utils.reports.review_counts import ReviewCounts
from utils.reports.tile_counts import TileCounts
from utils.storage.cache import local_copy

_SAMPLE_TILES = 12
_TILES_MEASURED = 200
_SIDE_MEASURED = 64


def dataset_page(
    dataset: LabeledDataset,
    splits: Mapping[str, str] | None = None,
    issues: IssueReport | None = None,
    advice: Sequence[str] = (),
) -> str:
    """Make the page; the dataset is streamed once, and the images of twelve tiles are opened.

    Args:
        dataset: The labelled tiles.
        splits: The split of each scene id; with it the splits are compared, and the brightness of
            200 more images is measured.
        issues: Faults that the checks found, if they were made.
        advice: Sentences on what the labels of a training lack.
    """
    counts = _Counts(splits or {})
    chosen = nsmallest(_SAMPLE_TILES, counts.passing(dataset), key=_most_telling)
    counts.measure_brightness()
    return page(
        "Labelled dataset",
        f"The tiles with the {counts.all.boxes.kind.noun} people left on them.",
        _facts(counts),
        _advice_section(advice),
        *_splits_sections(counts, dataset.class_names),
        *_boxes_sections(counts.all, dataset.class_names),
        _people_section(counts),
        issues_section(issues) if issues is not None else NOTHING,
        section("Sample tiles", key(), sheet(map(_picture, chosen))),
    )


def _advice_section(advice: Sequence[str]) -> Markup:
    told = (warning(f"{sentence[0].upper()}{sentence[1:]}.") for sentence in advice)
    return section("Advice", *told) if advice else NOTHING


@dataclass
class _Counts:
    """Counts of the tiles, gathered while they stream by."""

    split_of: Mapping[str, str]
    all: TileCounts = field(default_factory=TileCounts)
    splits: dict[str, TileCounts] = field(default_factory=lambda: defaultdict(TileCounts))
    reviewed: int = 0
    people: Counter[str] = field(default_factory=Counter)
    reviews: ReviewCounts = field(default_factory=ReviewCounts)
    sample: list[tuple[str, LabeledTile]] = field(default_factory=list)

    def passing(self, tiles: Iterable[LabeledTile]) -> Iterator[LabeledTile]:
        for tile in tiles:
            self.all.add(tile)
            self.reviewed += tile.reviewed
            if tile.reviewed:
                self.people[tile.annotator or "somebody without a name"] += 1
            if tile.review is not None:
                self.reviews.add(tile.review)
            if split := self.split_of.get(tile.scene_id):
                self.splits[split].add(tile)
                self._consider(tile)
            yield tile

    def _consider(self, tile: LabeledTile) -> None:
        """Keep a fair sample of the tiles."""
        self.sample.append((shuffled(tile.tile_id), tile))
        if len(self.sample) >= 2 * _TILES_MEASURED:
            self.sample = nsmallest(_TILES_MEASURED, self.sample, key=lambda keyed: keyed[0])

    def measure_brightness(self) -> None:
        """Measure the brightness of the tiles in the sample."""
        chosen = nsmallest(_TILES_MEASURED, self.sample, key=lambda keyed: keyed[0])
        for _, tile in chosen:
            brightness = _brightness(tile)
            if brightness is not None:
                self.all.brightness.append(brightness)
                self.splits[self.split_of[tile.scene_id]].brightness.append(brightness)


def _facts(counts: _Counts) -> Markup:
    return facts(
        {
            "Tiles": counts.all.tiles,
            counts.all.boxes.noun: counts.all.boxes.total,
            "Scenes": len(counts.all.scenes),
            "Groups of scenes": len(counts.all.groups),
            "Reviewed by a person": share(counts.reviewed, counts.all.tiles),
            "Not yet reviewed": counts.all.tiles - counts.reviewed,
            f"Tiles without {counts.all.boxes.kind.noun}": share(
                counts.all.empty, counts.all.tiles
            ),
        }
    )


def _splits_sections(counts: _Counts, class_names: Iterable[str]) -> Iterator[Markup]:
    """Compare the splits, which should be alike."""
    if not counts.splits:
        return
    noun = counts.all.boxes.kind.noun
    headings = ["Split", "Scenes", "Groups", "Tiles", f"Without {noun}", counts.all.boxes.noun]
    headings += [f"{counts.all.boxes.noun} a tile"]
    rows_of_splits = starmap(_split_row, counts.splits.items())
    yield section(
        "Splits",
        table([*headings, "Brightness"], rows_of_splits),
        paragraph("Scenes of one group are nearly the same picture and stay in one split."),
    )
    boxes_of = {
        split: in_order(one.boxes.classes, class_names) for split, one in counts.splits.items()
    }
    names = dict.fromkeys(name for boxes in boxes_of.values() for name in boxes)
    rows: list[list[Cell]] = [
        [name, *(boxes.get(name, 0) for boxes in boxes_of.values())] for name in names
    ]
    charts = (paragraph(split) + bars(boxes) for split, boxes in boxes_of.items())
    yield section(
        f"{counts.all.boxes.noun} by class and split",
        table(["Class", *boxes_of], rows),
        columns(*charts),
    )


def _split_row(split: str, counts: TileCounts) -> list[Cell]:
    tiles, boxes = counts.tiles, counts.boxes.total
    row: list[Cell] = [split, len(counts.scenes), len(counts.groups), tiles]
    return [*row, share(counts.empty, tiles), boxes, boxes / tiles, _mean(counts.brightness)]


def _boxes_sections(counts: TileCounts, class_names: Iterable[str]) -> Iterator[Markup]:
    noun = counts.boxes.kind.noun
    places = [
        section(f"{counts.boxes.noun} by width : height", counts.aspect_chart()),
        section(f"Tiles by number of {noun}", counts.per_tile_chart()),
        section(
            f"Where in a tile the centres of {noun} lie",
            counts.centres_chart(),
            paragraph("Darker where there are more; even is good."),
        ),
    ]
    yield columns(
        *counts.boxes.charts(class_names),
        *(places if counts.boxes.kind.has_places else ()),
        section(
            "Tiles by brightness",
            counts.brightness_chart(),
            paragraph(f"Mean grey value, 0 to 255, of {len(counts.brightness):,} tiles."),
        )
        if counts.brightness
        else NOTHING,
    )


def _people_section(counts: _Counts) -> Markup:
    if not counts.people:
        return section("Reviews", paragraph("Nobody has reviewed a tile yet."))
    people = table(["Who", "Tiles"], counts.people.most_common())
    changes = paragraph("Their changes to the labels that were proposed to them:")
    return section("Reviews", people, changes, counts.reviews.tables())


def _most_telling(tile: LabeledTile) -> tuple[bool, bool, str]:
    """Reviewed tiles first, then tiles with boxes, otherwise a fair sample."""
    return not tile.reviewed, not len(tile.shapes), shuffled(tile.tile_id)


def _picture(tile: LabeledTile) -> Markup:
    state = tile.review.state if tile.review else "reviewed"
    review = f"{state} by {tile.annotator or 'somebody'}" if tile.reviewed else "not reviewed"
    caption = f"{tile.scene_id} at {tile.window.x}, {tile.window.y}, {review}"
    return tile_picture(tile.uri, tile.sha256, tile.window, caption, tile.shapes)


def _brightness(tile: LabeledTile) -> float | None:
    """The mean grey value of a tile, or None if its image cannot be read."""
    try:
        with Image.open(local_copy(tile.uri, tile.sha256)) as image:
            image.draft("L", (_SIDE_MEASURED, _SIDE_MEASURED))  # JPEG: decoded small, and fast
            return float(ImageStat.Stat(image.convert("L")).mean[0])
    except (OSError, StoreError):
        return None


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None
