"""Images with what is there and what was found, and evaluations of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.builders import boxes, write_image
from utils.evaluation.evaluated_images import EvaluatedImage
from utils.evaluation.evaluation import Evaluation, WorstTile
from utils.evaluation.options import BootstrapOptions, EvaluationOptions
from utils.evaluation.scoring import score
from utils.geometry import Window
from utils.shapes.shapes import Shapes

SIDE = 100


def evaluated(
    truth: Shapes, found: Shapes, *, scene: str = "port/a", image: str | None = None, x: int = 0
) -> EvaluatedImage:
    """An image of 100 by 100 pixels."""
    return EvaluatedImage(
        image or f"{scene}-{x}", scene, Window(x=x, y=0, width=SIDE, height=SIDE), truth, found
    )


def found(*rows: tuple[float, ...], label: str = "ship") -> Shapes:
    """Shapes of one class from (x1, y1, x2, y2, score) rows."""
    array = np.array(rows, dtype=float).reshape(-1, 5)
    return Shapes(array[:, :4], (label,) * len(array), array[:, 4])


def make_evaluation(
    folder: Path, *, mistakes: int, label: str = "ship", scenes: int = 3
) -> Evaluation:
    """An evaluation of three tiles with one box each, of which so many are missed."""
    truth = boxes((10, 10, 30, 30), label=label)
    images = [
        evaluated(
            truth,
            found(*([] if number < mistakes else [(10, 10, 30, 30, 0.9)]), label=label),
            scene=f"port/{number % scenes}",
            image=f"port/{number}",
        )
        for number in range(3)
    ]
    options = EvaluationOptions(confidence=0.5, bootstrap=BootstrapOptions(samples=100))
    scores = score(images, (label,), options)
    worst = tuple(
        WorstTile(
            f"{label}-{number}",
            SIDE,
            SIDE,
            truth,
            found(label=label),
            {"missed": 1},
            write_image(folder / f"worst-{number}.jpg", seed=number),
        )
        for number in range(mistakes)
    )
    return Evaluation("test", scores, scores, 12.5, "cpu", worst, options.bootstrap)
