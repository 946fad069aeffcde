"""The model card: what a detector is for, what it learned from, and how good and bad it is.

After Mitchell et al. 2019, "Model cards for model reporting".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from markupsafe import Markup
from PIL import Image

from utils.detection.augmentations import names_of
from utils.detection.detector import Detector, readable_score
from utils.detection.onnx.letterbox import Pixels
from utils.evaluation.bootstrap import Estimate
from utils.evaluation.scores import Intervals, Scores
from utils.reports.evaluation_charts import curves_of, error_kinds, errors_of
from utils.reports.page import NOTHING, columns, facts, page, paragraph, section, table
from utils.reports.pictures import key, picture, sheet
from utils.serving.bundle import Bundle
from utils.serving.card_parts import Part, as_markdown
from utils.serving.card_weaknesses import weaknesses
from utils.serving.model_facts import NOT_STATED, ModelFacts
from utils.shapes.shapes import Shapes

_WEAKNESSES = "Known weaknesses"
_TITLES = {"top1": "top-1", "top5": "top-5"}
_HEADLINES = ("mAP50", "mAP50-95", "top1", "precision", "recall", "F1")
_SIZES = {"small": "below 32² pixels", "medium": "32² to 96² pixels", "large": "above 96² pixels"}


def card_markdown(bundle: Bundle, facts_: ModelFacts) -> str:
    """The card of a bundle as Markdown."""
    return as_markdown(_title(bundle), _summary(bundle), list(card_parts(bundle, facts_)))


def card_page(bundle: Bundle, facts_: ModelFacts, image: Pixels, found: Shapes) -> str:
    """The card of a bundle as a self-contained page.

    Args:
        bundle: The bundle.
        facts_: Facts of its model version.
        image: The test image.
        found: Shapes that the bundle finds on it.
    """
    use, *parts = card_parts(bundle, facts_)
    shown = [_section(part) for part in parts]
    charts_at = [part.heading for part in parts].index(_WEAKNESSES)
    return page(
        _title(bundle),
        _summary(bundle),
        facts(_headline(bundle, facts_)),
        _section(use),
        _test_section(image, found),
        *shown[:charts_at],
        _charts(facts_),
        *shown[charts_at:],
    )


def card_parts(bundle: Bundle, facts_: ModelFacts) -> Iterator[Part]:
    """Yield the parts of the card, the intended use first."""
    yield Part(
        "Intended use",
        (f"Intended: {facts_.intended_use}", f"Not intended: {facts_.not_intended}"),
    )
    yield from _score_parts(facts_)
    yield Part(_WEAKNESSES, tuple(weaknesses(facts_)))
    yield Part("Minimum score", (_threshold(bundle, facts_.detector),))
    yield from _data_parts(facts_)
    yield _training_part(facts_)
    yield _service_part(bundle)


def _title(bundle: Bundle) -> str:
    return f"{bundle.model}, version {bundle.version}"


def _summary(bundle: Bundle) -> str:
    names = ", ".join(bundle.class_names[:20])
    more = f" and {len(bundle.class_names) - 20} more" if len(bundle.class_names) > 20 else ""
    if not bundle.kind.has_places:
        return f"Tells the class of a whole image, of {len(bundle.class_names)}: {names}{more}."
    return f"Finds {bundle.kind.noun} of {len(bundle.class_names)} classes: {names}{more}."


def _headline(bundle: Bundle, facts_: ModelFacts) -> dict[str, Any]:
    scores = {} if facts_.evaluation is None else facts_.evaluation.tile_scores.metrics
    told: dict[str, Any] = {
        _TITLES.get(name, name): _with_interval(scores[name])
        for name in _HEADLINES
        if name in scores
    }
    if bundle.kind.has_places:
        told["Minimum score"] = readable_score(bundle.settings.confidence)
    return told | {"Network input": f"{bundle.image_size} px"}


def _with_interval(estimate: Estimate) -> Markup:
    interval = Markup("<small>{}</small>").format(estimate.interval)
    return Markup("{:.3f}{}").format(estimate.value, interval if estimate.interval else NOTHING)


def _score_parts(facts_: ModelFacts) -> Iterator[Part]:
    evaluation = facts_.evaluation
    if evaluation is None:
        yield Part("Scores", ("It was not evaluated.",))
        return
    tile, scene = evaluation.tile_scores, evaluation.scene_scores
    text = (
        f"On the {evaluation.split} split: {tile.images:,} tiles of {tile.scenes:,} scenes that it "
        f"was not trained on, with {tile.boxes:,} true {tile.kind.noun}. Intervals (level "
        f"{evaluation.bootstrap.level:.0%}) are of groups of scenes drawn with replacement."
    )
    rows = [
        (_TITLES.get(name, name), *_told(own), *_told(scene.metrics.get(name)))
        for name, own in tile.metrics.items()
    ]
    headings = ("Score", "In tiles", "Interval", "In scenes", "Interval")
    yield Part("Scores", (text,), headings, tuple(rows))
    yield _class_part(tile)
    if tile.kind.has_places:
        yield _size_part(tile)


def _told(estimate: Estimate | None) -> tuple[str, str]:
    if estimate is None:
        return "-", ""
    return f"{estimate.value:.3f}", estimate.interval or ""


def _class_part(tile: Scores) -> Part:
    names = ("precision", "recall", "F1", *(("mAP50", "mAP50-95") if tile.kind.has_places else ()))
    rows = []
    for label, own in tile.classes.items():
        values = own.precision, own.recall, own.f1, own.map50, own.map50_95
        told = [
            _between(value, own.intervals, name) for name, value in zip(names, values, strict=False)
        ]
        rows.append((label, f"{own.boxes:,}", *told))
    noun = tile.kind.noun if tile.kind.has_places else "tiles"
    return Part("Scores by class", (), ("Class", f"True {noun}", *names), tuple(rows))


def _size_part(tile: Scores) -> Part:
    rows = []
    for size, area in _SIZES.items():
        intervals = tile.sizes_intervals.get(size, {})
        map50 = _between(tile.sizes_map50.get(size), intervals, "mAP50")
        rows.append((size, area, map50, _between(tile.sizes.get(size), intervals, "mAP50-95")))
    return Part("Scores by size", (), ("Size", "Area", "mAP50", "mAP50-95"), tuple(rows))


def _between(value: float | None, intervals: Intervals, name: str) -> str:
    """A score with its interval, if it has one."""
    if value is None:
        return "-"
    ends = intervals.get(name)
    return f"{value:.3f}" + (f" ({ends[0]:.3f} to {ends[1]:.3f})" if ends else "")


def _threshold(bundle: Bundle, detector: Detector) -> str:
    if not bundle.kind.has_places:
        return "The best classes of an image are its answer; none needs a minimum score."
    used = readable_score(bundle.settings.confidence)
    chosen = detector.threshold()
    if detector.least_score() == bundle.settings.confidence:
        return f"{chosen}."
    return f"{used}, as set when it was packed. The training's own: {chosen}."


def _data_parts(facts_: ModelFacts) -> Iterator[Part]:
    detector = facts_.detector
    fingerprint = detector.data_fingerprint or NOT_STATED
    labels = facts_.labels | {"fingerprint of the training data": fingerprint}
    yield Part("Labels", (), ("Fact", "Value"), tuple(labels.items()))
    sources = tuple(
        (one.name, f"{one.scenes:,}", f"{one.tiles:,}", one.licence) for one in facts_.sources
    )
    if sources:
        headings = ("Source", "Scenes", "Labelled tiles", "Licence of the images")
        yield Part("Sources of the data", (), headings, sources)
    else:
        yield Part("Sources of the data", (f"Sources and licences: {NOT_STATED}.",))
    if facts_.splits:
        rows = tuple(
            (one.split, f"{one.scenes:,}", f"{one.tiles:,}", _counts(one.objects))
            for one in facts_.splits
        )
        text = "Whole scenes, and scenes of nearly the same picture together, belong to one split."
        yield Part("Splits", (text,), ("Split", "Scenes", "Tiles", "Objects"), rows)


def _counts(objects: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in objects.items()) or "none"


def _training_part(facts_: ModelFacts) -> Part:
    detector = facts_.detector
    arguments = {
        name: _told_argument(name, value) for name, value in sorted(detector.arguments.items())
    }
    known = {name: value for name, value in arguments.items() if value}
    if detector.origin:
        known = {"origin": f"trained elsewhere: {detector.origin}"} | known
    else:
        known = {"epochs": f"{detector.epochs:,}"} | known
    rows = {
        "started from": PurePosixPath(detector.checkpoint).name or NOT_STATED,
        "code (git commit of Spyglass)": facts_.code_version,
        "licence of the weights": facts_.licence,
        "SHA-256 of the weights": detector.weights_sha256,
        **known,
    }
    return Part("Training", (), ("Fact", "Value"), tuple(rows.items()))


# Arguments that say where a training ran, and not how.
_OF_THE_MACHINE = {"device", "workers", "cache", "project", "name", "data", "save_dir", "model"}


def _told_argument(name: str, value: Any) -> str:
    """A training argument as text; empty for one of the machine, and for a path."""
    if name == "augmentations":
        return ", ".join(names_of(value))
    text = str(value)
    return "" if name in _OF_THE_MACHINE or value is None or "/" in text else text


def _stretch(pixels: Mapping[str, Any]) -> str:
    """How images of more than 8 bits a band are stretched, in words."""
    if limits := pixels.get("limits"):
        return f"{limits[0]:g} to {limits[1]:g}"
    low, high = pixels["percentiles"]
    return f"percentile {low:g} to {high:g}"


def _service_part(bundle: Bundle) -> Part:
    settings = bundle.settings
    rows = {
        "size of the windows": f"{settings.tile_size} px, {settings.overlap} px shared",
        "NMS threshold": f"{settings.iou:g} in a window, {settings.merge_iou:g} between windows",
        "objects in a window": f"at most {settings.max_boxes:,}",
        "pixels": f"8 bits a band, RGB; more bits are stretched from {_stretch(settings.pixels)}",
    }
    if settings.ground_sample_distance:
        rows["ground sample distance"] = f"{settings.ground_sample_distance:.3g} m, as trained"
    if not bundle.kind.has_places:
        rows = {"classes in an answer": f"at most {settings.top_k}", "pixels": rows["pixels"]}
    return Part("How it predicts", (), ("Setting", "Value"), tuple(rows.items()))


def _section(part: Part) -> Markup:
    shown = table(part.headings, part.rows, names=True) if part.rows else NOTHING
    return section(part.heading, *map(paragraph, part.text), shown)


def _test_section(image: Pixels, found: Shapes) -> Markup:
    height, width = image.shape[:2]
    noun = found.kind.singular if len(found) == 1 else found.kind.noun
    caption = f"{len(found)} {noun}"
    drawn = picture(Image.fromarray(image), (width, height), caption, found=found, side=960)
    note = (
        "A tile of the test split. A service of this bundle answers nobody before it has found the "
        "same here, on the machine that it runs on."
    )
    sign = key(truth=False, found=True)
    return section("Test image", paragraph(note), sign, sheet([drawn], cell=480))


def _charts(facts_: ModelFacts) -> Markup:
    if facts_.evaluation is None:
        return NOTHING
    tile = facts_.evaluation.tile_scores
    if not tile.kind.has_places:
        return section("Curves", columns(curves_of("Tiles", tile), NOTHING))
    drawn = columns(curves_of("Precision and recall", tile), errors_of("Errors by kind", tile))
    return section("Curves and errors", drawn, error_kinds())
