"""The choice among images that the service noted and kept."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from utils.curation.cutting import tiles_of_predicted
from utils.dataset.likeness import Likeness
from utils.errors import ImageError
from utils.feedback.candidates import candidates
from utils.feedback.options import FeedbackOptions
from utils.feedback.pick import pick
from utils.feedback.picked import Reason
from utils.feedback.production import Production, production_of, require_kept
from utils.issues import IssueReport
from utils.monitoring.notes import Note
from utils.tiling.options import TilingOptions

SIDE = 64
TILING = TilingOptions(tile_size=SIDE, overlap=0)


def picture(seed: int) -> np.ndarray:
    """A picture of coarse patches, unlike that of another seed."""
    patches = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    return patches.repeat(SIDE // 8, axis=0).repeat(SIDE // 8, axis=1)


def kept(folder: Path, pixels: np.ndarray) -> str:
    """Keep a picture as the service does; returns its hash."""
    folder.mkdir(exist_ok=True)
    path = folder / "new.png"
    Image.fromarray(pixels).save(path)
    name = sha256(path.read_bytes()).hexdigest()
    path.rename(folder / f"{name}.png")
    return name


def note(image: str, *, request: str = "", scores: Sequence[float] = (), **changes) -> Note:
    """A note of an image of one window with some boxes in a row."""
    request = request or f"request of {image}"
    values = {
        "time": 1.0,
        "id": f"{request} {image} {changes.get('window')}",
        "window": (0, 0, SIDE, SIDE),
        "width": SIDE,
        "height": SIDE,
        "version": "3",
        "brightness": 0.5,
        "contrast": 0.2,
        "sharpness": 0.1,
    }
    boxes = tuple((10.0 * n, 0.0, 10.0 * n + 8, 8.0) for n in range(len(scores)))
    found = {"classes": ("ship",) * len(scores), "scores": tuple(scores), "boxes": boxes}
    return Note(image=image, request=request, **{**values, **found, **changes})


REFERENCE = [note(f"r{n}", brightness=n / 10, contrast=0.2, sharpness=0.1) for n in range(11)]


def joined(notes: Sequence[Note], folder: Path) -> Production:
    likeness = Likeness(folder / "likeness.json")
    return production_of(notes, folder / "images", REFERENCE, likeness, confidence=0.25)


def test_an_image_is_there_once_and_a_shadow_or_a_refusal_not_at_all(tmp_path):
    one, other = (kept(tmp_path / "images", picture(seed)) for seed in (1, 2))
    found = joined(
        [
            note(one, scores=[0.9]),
            note(one, request="the same image again", scores=[0.1, 0.2]),
            note(one, request="a shadow", role="shadow", scores=[0.3] * 3),
            note(other, role="challenger"),
            note("refused", status=415, window=None),
        ],
        tmp_path,
    )
    assert list(found.scenes) == [f"production/{one}", f"production/{other}"]
    assert (found.noted, found.gone) == (2, 0)
    first, second = found.predictions("3", has_boxes=True)
    assert [box.tolist() for box in first.shapes.xyxy] == [[0, 0, 8, 8]]
    assert (first.model_version, len(second.shapes)) == ("3", 0)


def test_boxes_of_another_version_or_kind_are_to_be_predicted_anew(tmp_path):
    one = kept(tmp_path / "images", picture(1))
    found = joined([note(one, scores=[0.9])], tmp_path)
    assert [scene.model_version for scene in found.predictions("4", has_boxes=True)] == [""]
    assert [scene.model_version for scene in found.predictions("3", has_boxes=False)] == [""]


@pytest.mark.parametrize(
    ("asked", "scores", "version"),
    [
        pytest.param((0.9, 0.25), [0.5], "3", id="a later answer that holds all boxes"),
        pytest.param((0.1, 0.9), [0.6], "3", id="a first answer that holds all boxes"),
        pytest.param((0.9, 0.8), [0.6], "", id="no answer that holds all boxes"),
    ],
)
def test_boxes_that_a_client_did_not_ask_for_are_not_taken_for_absent(
    tmp_path, asked, scores, version
):
    one = kept(tmp_path / "images", picture(1))
    first, later = asked
    notes = [
        note(one, request="first", confidence=first, scores=[0.6]),
        note(one, request="later", confidence=later, scores=[0.5], time=2.0),
    ]
    (scene,) = joined(notes, tmp_path).predictions("3", has_boxes=True)
    assert scene.shapes.confidences.tolist() == scores
    assert scene.model_version == version


def test_an_object_in_two_windows_is_one_box(tmp_path):
    wide = np.concatenate([picture(1), picture(2)], axis=1)
    one = kept(tmp_path / "images", wide)
    size = {"width": 2 * SIDE, "height": SIDE, "classes": ("ship",)}
    found = joined(
        [
            note(one, window=(0, 0, 80, SIDE), boxes=((60, 9, 72, 20),), scores=(0.8,), **size),
            note(one, window=(48, 0, 80, SIDE), boxes=((60, 9, 72, 20),), scores=(0.7,), **size),
        ],
        tmp_path,
    )
    (scene,) = found.predictions("3", has_boxes=True)
    assert scene.shapes.xyxy.tolist() == [[60, 9, 72, 20]]
    assert scene.shapes.confidences.tolist() == [0.8]


@pytest.mark.parametrize(
    ("brightness", "drift"),
    [(0.5, 0.05), (0.0, 0.91), (1.0, 0.91), (-1.0, 1.0), (2.0, 1.0)],
)
def test_drift_is_the_share_of_the_test_split_that_is_less_unusual(tmp_path, brightness, drift):
    one = kept(tmp_path / "images", picture(1))
    found = joined([note(one, brightness=brightness)], tmp_path)
    (scene,) = found.scenes.values()
    assert scene.drifts[0] == pytest.approx(drift, abs=0.06)


def test_the_most_uncertain_and_unusual_are_cut_and_some_by_chance(tmp_path):
    names = [kept(tmp_path / "images", picture(seed)) for seed in range(12)]
    notes = [note(name, outlier=0.0, scores=[0.99]) for name in names]
    notes[4] = note(names[4], outlier=0.0, scores=[0.5])
    notes[7] = note(names[7], outlier=0.9, scores=[0.99])
    found = joined(notes, tmp_path)
    ids = [f"production/{name}" for name in names]
    chosen = found.some(2, 0.5, seed=0)
    assert {ids[4], ids[7]} <= chosen.scenes.keys()
    assert len(chosen.scenes) in (2, 3, 4)
    assert chosen.scenes.keys() == found.some(2, 0.5, seed=0).scenes.keys()
    again = found.some(2, 0.5, seed=0, done={ids[4], ids[7]}, waiting={ids[4]})
    assert ids[4] in again.scenes
    assert ids[7] not in again.scenes


def test_each_reason_has_its_share_of_the_budget(tmp_path):
    names = [kept(tmp_path / "images", picture(seed)) for seed in range(30)]
    notes = [
        note(name, scores=[0.5 + n / 100], outlier=n % 10 / 10, brightness=2.0)
        for n, name in enumerate(names)
    ]
    found = joined(notes, tmp_path)
    predictions = found.predictions("3", has_boxes=True)
    tiles = tiles_of_predicted((), predictions, TILING, IssueReport())
    options = FeedbackOptions(budget=10, random_share=0.1)
    shares = {Reason.UNCERTAIN: 0.3, Reason.OUTLIER: 0.2, Reason.DRIFTED: 0.2}
    rated = list(candidates(tiles, confidence=0.5, predictions=predictions, noted=found.scenes))
    alone = Counter(one.reason for one in pick(rated, options))
    assert alone == {Reason.DRIFTED: 9, Reason.RANDOM: 1}
    picked = Counter(one.reason for one in pick(rated, options, reason_shares=shares))
    assert picked == {Reason.UNCERTAIN: 3, Reason.OUTLIER: 2, Reason.DRIFTED: 4, Reason.RANDOM: 1}


def test_near_duplicates_are_one_group_and_a_later_image_changes_none(tmp_path):
    images = tmp_path / "images"
    first = picture(1)
    brighter = np.clip(first.astype(int) + 12, 0, 255).astype(np.uint8)
    names = [kept(images, first), kept(images, picture(2)), kept(images, brighter)]
    groups = list(joined([note(name) for name in names[:2]], tmp_path).groups.values())
    assert len(set(groups)) == 2
    later = joined([note(name) for name in names], tmp_path)
    assert list(later.groups.values()) == [*groups, groups[0]]
    (images / f"{names[0]}.png").unlink()
    assert joined([note(names[2])], tmp_path).groups == {f"production/{names[2]}": groups[0]}


def test_a_plain_image_is_like_no_other(tmp_path):
    plain = [np.full((SIDE, SIDE, 3), grey, dtype=np.uint8) for grey in (10, 11)]
    names = [kept(tmp_path / "images", pixels) for pixels in plain]
    assert len(set(joined([note(name) for name in names], tmp_path).groups.values())) == 2


def test_a_damaged_list_of_groups_is_made_again(tmp_path):
    one = kept(tmp_path / "images", picture(1))
    (tmp_path / "likeness.json").write_text("{")
    assert joined([note(one)], tmp_path).groups
    assert json.loads((tmp_path / "likeness.json").read_text())


def test_what_was_not_kept_is_said_with_the_command_that_keeps_it(tmp_path):
    with pytest.raises(ImageError, match="noted no prediction in the last 30 days"):
        require_kept(joined([], tmp_path), 30, IssueReport())
    notes = [note("gone"), note(kept(tmp_path / "images", picture(1)), width=900, height=900)]
    with pytest.raises(ImageError, match=r"noted 2 images .* there are thumbnails.*keep=images"):
        require_kept(joined(notes, tmp_path), 30, IssueReport())
    notes.append(note(kept(tmp_path / "images", picture(2))))
    issues = IssueReport()
    require_kept(joined(notes, tmp_path), 30, issues)
    assert [issue.detail for issue in issues.issues] == [
        "2 of 3 noted images are not kept, or only as thumbnails"
    ]
