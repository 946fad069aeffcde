"""Images from production: what the service noted of them, and the images that it kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from utils.dataset.labeled import LabeledDataset
from utils.dataset.likeness import Likeness
from utils.detection.merge import merge_windows
from utils.detection.predictions import ScenePrediction
from utils.errors import ImageError
from utils.feedback.noted import NotedScene
from utils.feedback.pick import chance
from utils.geometry import FloatArray, Window
from utils.images.reader import image_size
from utils.issues import IssueReport
from utils.monitoring.notes import Note
from utils.shapes.shapes import Shapes
from utils.tiling.tile import Tile

NOT_KEPT = "images that are not kept"
KEEP = "deployment.keep=images"
_DEPLOY = "python run.py --deploy"
_OK = 200
_ROUNDED = 1e-6  # clients write thresholds with few digits
_MEASURES = ("brightness", "contrast", "sharpness")


@dataclass(frozen=True, slots=True)
class Production:
    """Images that came in.

    Attributes:
        scenes: Images that are kept, by scene id, in order of time.
        images: The file of each, by scene id.
        groups: The group of each, by scene id: near-duplicates have one.
        noted: Number of images that were noted.
        gone: Number of these that were not kept, or dropped since.
        thumbnails: Number of these of which only a thumbnail is there.
    """

    scenes: Mapping[str, NotedScene] = field(default_factory=dict)
    images: Mapping[str, Path] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)
    noted: int = 0
    gone: int = 0
    thumbnails: int = 0

    def sent_scenes(
        self, sent: Sequence[Tile], labels: LabeledDataset | None, tile_size: int
    ) -> tuple[set[str], set[str]]:
        """The scenes with nothing left to send, and those with a tile that waits for a review.

        Args:
            sent: Tiles that were sent before.
            labels: The newest labels, or None.
            tile_size: Side of a tile in pixels.
        """
        reviewed = (
            {tile.tile_id for tile in labels if tile.reviewed} if labels is not None else set()
        )
        waiting = {tile.scene_id for tile in sent if tile.tile_id not in reviewed}
        scenes = {tile.scene_id for tile in sent} & self.scenes.keys()
        sides = {one: max(self.scenes[one].width, self.scenes[one].height) for one in scenes}
        return {one for one, side in sides.items() if side <= tile_size}, waiting

    def predictions(self, version: str, *, has_boxes: bool) -> list[ScenePrediction]:
        """The images as predicted scenes; the boxes are merged over windows.

        Where no version is named, boxes are to be predicted anew.

        Args:
            version: Version of the detector. Images that another one answered are without boxes,
                and are predicted anew if they are picked.
            has_boxes: Whether upright boxes are the shapes of the detector; others are not noted.
        """
        return [
            ScenePrediction(
                scene_id,
                str(self.images[scene_id]),
                scene.width,
                scene.height,
                _merged(scene) if has_boxes else _NOTHING,
                version if has_boxes and scene.version == version else "",
                group=self.groups[scene_id],
            )
            for scene_id, scene in self.scenes.items()
        ]

    def some(
        self,
        count: int,
        confidence: float,
        seed: int,
        *,
        done: Set[str] = frozenset(),
        waiting: Set[str] = frozenset(),
    ) -> Production:
        """The images that are worth cutting: those with the highest scores, and some by chance.

        Args:
            count: Number of each.
            confidence: Threshold of the detector.
            seed: Seed of the random choice.
            done: Ids of scenes without a tile that was not sent yet.
            waiting: Ids of scenes that wait for a review, which are all there.
        """
        ids = [one for one in self.scenes if one not in done]
        best = sorted(ids, key=lambda one: -self.scenes[one].first_score(confidence))[:count]
        by_chance = sorted(ids, key=lambda one: -chance(seed, one))[:count]
        chosen = {*best, *by_chance, *waiting}
        scenes = {one: scene for one, scene in self.scenes.items() if one in chosen}
        return replace(self, scenes=scenes)


_NOTHING = Shapes(np.zeros((0, 4)), (), np.zeros(0))


def production_of(
    notes: Iterable[Note],
    images: Path,
    reference: Sequence[Note],
    likeness: Likeness,
    *,
    confidence: float,
) -> Production:
    """Join the notes of a service with the images that it kept.

    Args:
        notes: Notes in order of time; those of shadows and refusals are passed over.
        images: Folder of kept images, each named by the SHA-256 of its content.
        reference: Notes of the test split; without any, drift is unknown.
        likeness: Groups of images that look alike, over all runs.
        confidence: Threshold of the detector. An image of which no answer holds all boxes from it
            on, since clients asked for higher scores, is to be predicted anew.
    """
    by_image = _answers(notes, confidence)
    usual = _Usual.of(reference)
    files = {path.stem: path for path in images.glob("*.*")} if images.is_dir() else {}
    scenes: dict[str, NotedScene] = {}
    kept: dict[str, Path] = {}
    thumbnails = 0
    for sha256, of_image in by_image.items():
        scene = _scene(sha256, of_image, usual, confidence)
        if (file := files.get(sha256)) is None:
            continue
        if _is_thumbnail(file, scene):
            thumbnails += 1
            continue
        scenes[scene.scene_id], kept[scene.scene_id] = scene, file
    gone = len(by_image) - len(kept) - thumbnails
    groups = likeness.groups_of(kept)
    return Production(scenes, kept, groups, len(by_image), gone, thumbnails)


def require_kept(
    production: Production,
    days: float,
    issues: IssueReport,
    *,
    keep: str = f"{_DEPLOY} --set {KEEP}",
) -> None:
    """Make sure that there are images to pick from, and report those that are not kept.

    Args:
        production: The images.
        days: Days that were looked back.
        issues: Receives images that are not kept.
        keep: Command that has the service keep more.

    Raises:
        ImageError: If there is none.
    """
    count = production.noted
    if not count:
        raise ImageError(
            f"The service noted no prediction in the last {days:g} days, so there are no images to "
            "pick from. Send it some, or pick from an inference: "
            "python run.py --feedback --set feedback.source=predictions"
        )
    if not production.scenes:
        small = (
            "; of some there are thumbnails, which are too small" if production.thumbnails else ""
        )
        raise ImageError(
            f"The service noted {count} images in the last {days:g} days and kept none of "
            f"them{small}. Have it keep what comes in from now on: {keep}"
        )
    if missing := production.gone + production.thumbnails:
        detail = f"{missing} of {count} noted images are not kept, or only as thumbnails"
        issues.add("the service", NOT_KEPT, detail, set_aside=False)


def _is_thumbnail(file: Path, scene: NotedScene) -> bool:
    """Whether a kept file is smaller than the image was; one that cannot be read is none."""
    try:
        return max(image_size(file)) < max(scene.width, scene.height)
    except ImageError:
        return False


def _answers(notes: Iterable[Note], confidence: float) -> dict[str, list[Note]]:
    """The notes of one answer about each image: of the first that holds all boxes, if any does."""
    by_image: dict[str, list[Note]] = {}
    for note in notes:
        if note.status != _OK or note.role == "shadow" or note.window is None:
            continue
        known = by_image.get(note.image)
        if known and known[0].request == note.request:
            known.append(note)
        elif not known or (_holds_all(note, confidence) and not _holds_all(known[0], confidence)):
            by_image.pop(note.image, None)  # the images stay in order of time
            by_image[note.image] = [note]
    return by_image


def _holds_all(note: Note, confidence: float) -> bool:
    return note.confidence <= confidence + _ROUNDED


def _scene(sha256: str, notes: Sequence[Note], usual: _Usual, confidence: float) -> NotedScene:
    first = notes[0]
    return NotedScene(
        sha256,
        first.time,
        first.width,
        first.height,
        first.version if _holds_all(first, confidence) else "",
        tuple(_window(note) for note in notes),
        tuple(
            Shapes(np.array(note.boxes).reshape(-1, 4), note.classes, np.array(note.scores))
            for note in notes
        ),
        tuple(note.outlier for note in notes),
        tuple(usual.drift(note) for note in notes),
    )


def _window(note: Note) -> Window:
    x, y, width, height = note.window or (0, 0, note.width, note.height)
    return Window(x=x, y=y, width=width, height=height)


@dataclass(frozen=True, slots=True, eq=False)
class _Usual:
    """The test split, as far as it was noted.

    Attributes:
        values: Its measures by name, ascending.
        extremes: How unusual each of its windows is, ascending.
    """

    values: Mapping[str, FloatArray]
    extremes: FloatArray

    @classmethod
    def of(cls, reference: Sequence[Note]) -> _Usual:
        known = {name: [getattr(note, name) for note in reference] for name in _MEASURES}
        values = {
            name: np.sort(np.array(own, dtype=float))
            for name, own in known.items()
            if own and None not in own
        }
        found = [_extreme(note, values) for note in reference]
        return cls(values, np.sort([one for one in found if one is not None]))

    def drift(self, note: Note) -> float | None:
        """The share of the test split that is less unusual by its most unusual measure."""
        extreme = _extreme(note, self.values)
        return None if extreme is None else _share_below(self.extremes, extreme)


def _extreme(note: Note, values: Mapping[str, FloatArray]) -> float | None:
    """The share of the reference nearer to its median, by the most unusual measure."""
    shares = [
        abs(2 * _share_below(own, value) - 1)
        for name, own in values.items()
        if (value := getattr(note, name)) is not None
    ]
    return max(shares, default=None)


def _share_below(values: FloatArray, value: float) -> float:
    both = [np.searchsorted(values, value, side="left"), np.searchsorted(values, value, "right")]
    return float(np.mean(both) / len(values))


def _merged(scene: NotedScene) -> Shapes:
    found = list(zip(scene.windows, scene.shapes, strict=True))
    return merge_windows(found, scene.width, scene.height)
