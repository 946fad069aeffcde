"""Agreement with reviewers on shadowed images, as a condition of a promotion."""

from __future__ import annotations

import numpy as np
import pytest

from utils.dataset.labeled import LabeledTile
from utils.evaluation.options import EvaluationOptions, PromotionOptions
from utils.evaluation.shadow_agreement import Shadowed, agreement_rule
from utils.geometry import Window
from utils.monitoring.notes import Note
from utils.monitoring.shadowed import shadowed_of
from utils.shapes.shapes import Shapes

SIDE = 64
BOX = (10.0, 10.0, 30.0, 30.0)
WIDE = (10.0, 10.0, 30.0, 44.0)
WINDOW = (0, 0, SIDE, SIDE)


def note(image: int, role: str, version: str, box: tuple[float, float, float, float] = BOX) -> Note:
    return Note(
        time=1.0,
        id=f"{image} {role} {version}",
        role=role,
        version=version,
        image=f"{image:064d}",
        window=WINDOW,
        classes=("ship",),
        scores=(0.9,),
        boxes=(box,),
    )


def tile(image: int, *, reviewed: bool = True, boxes: int = 1) -> LabeledTile:
    return LabeledTile(
        f"t{image}",
        f"production/{image:064d}",
        Window(x=0, y=0, width=SIDE, height=SIDE),
        f"/t/{image}.png",
        "0",
        Shapes(np.array([BOX] * boxes).reshape(-1, 4), ("ship",) * boxes),
        reviewed=reviewed,
    )


def shadowed(count: int = 8, *, champion=BOX, challenger=BOX, labels=None, **options) -> Shadowed:
    notes = [note(one, "champion", "1", champion) for one in range(count)]
    notes += [note(one, "shadow", "2", challenger) for one in range(count)]
    labels = [tile(one) for one in range(count)] if labels is None else labels
    return shadowed_of(notes, labels, "1", "2", **options)


def rule(found: Shadowed, wanted: int = 8):
    return agreement_rule(found, PromotionOptions(shadow_images=wanted), EvaluationOptions())


@pytest.mark.parametrize(
    ("champion", "challenger", "holds"),
    [(BOX, BOX, True), (WIDE, BOX, True), (BOX, WIDE, False)],
)
def test_a_challenger_agrees_as_well_as_the_champion_or_is_kept_out(champion, challenger, holds):
    found = rule(shadowed(champion=champion, challenger=challenger))
    assert found.holds is holds
    assert "mAP50-95" in found.measured


@pytest.mark.parametrize(
    ("found", "told"),
    [
        pytest.param(shadowed(3), "shadowed 3; to shadow more: python run.py --deploy", id="few"),
        pytest.param(
            shadowed(labels=[tile(0), tile(1, reviewed=False)]),
            "reviewed 1 of 8; to review more: python run.py --feedback --set feedback.source=prod",
            id="not reviewed",
        ),
        pytest.param(
            shadowed(learned={f"t{one}" for one in range(6)}), "reviewed 2 of 8", id="learned"
        ),
        pytest.param(
            shadowed(labels=[tile(one, boxes=0) for one in range(8)]),
            "none of 8 reviewed ones has objects",
            id="empty",
        ),
    ],
)
def test_what_is_missing_is_said_with_the_command_that_brings_it(found, told):
    missing = rule(found)
    assert not missing.holds
    assert told in missing.measured


def test_only_images_that_both_versions_predicted_count():
    notes = [
        note(1, "champion", "1"),
        note(1, "shadow", "3"),
        note(2, "shadow", "2"),
        note(3, "champion", "1"),
        note(3, "shadow", "2"),
        note(3, "challenger", "2"),
    ]
    found = shadowed_of(notes, [tile(one) for one in (1, 2, 3)], "1", "2")
    assert [image.image_id for image in found.champion] == ["t3"]
    assert found.shadowed == 1
