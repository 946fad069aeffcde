"""A detector of which only the last layer is learned, so that a training takes about a second.

Everything before it, and where a box lies that belongs to a place of the feature maps, is as COCO
taught it. What is learned is a logistic regression a level: whether the box of a place shows an
object. A whole training of a few epochs costs a thousand times as much, and differs more by its
seed than by what it is shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from scipy.optimize import minimize
from torchvision.ops import nms

from utils.dataset.labeled import LabeledTile
from utils.detection.ultralytics.checkpoint import load_weights
from utils.geometry import FloatArray
from utils.shapes.shapes import Shapes

_IS_OBJECT, _IS_NONE = 0.5, 0.4  # of the overlap with the best true box
_PLACES_WITHOUT = (60, 40, 25)  # to learn from, of each level of a tile; they stand for all
_LEAST_SCORE, _MOST_BOXES, _SAME = 0.05, 120, 0.5
_RIDGE = 100.0
_USUAL_OBJECTS = 10  # places of a tile that show one
_FIRST_BIAS = -5.0
_STRIDES = (8, 16, 32)
_BINS = 16


@dataclass(frozen=True, slots=True)
class Places:
    """One level of a tile's feature maps.

    Attributes:
        features: Features of each place, standardised, with a 1 at the end, shape (places, d).
        xyxy: Its box in tile pixels.
        shown: The places to learn from.
        is_object: Whether each of these is an object.
        weights: How many places each of these stands for.
    """

    features: FloatArray
    xyxy: FloatArray
    shown: Any
    is_object: FloatArray
    weights: FloatArray


@dataclass(frozen=True, slots=True)
class SeenTile:
    """The features of a tile before the last layer.

    Attributes:
        levels: Its places.
        look: The end of the backbone, averaged, shape (channels,).
    """

    levels: tuple[Places, ...]
    look: FloatArray


Weights = list[FloatArray]


def see(tiles: Sequence[LabeledTile], weights: Path, image_size: int) -> dict[str, SeenTile]:
    """Look at tiles once, by tile id.

    Args:
        tiles: With an image each.
        weights: Weights of a YOLOv8.
        image_size: To which the longer side is brought, in pixels, a multiple of 32.
    """
    network = load_weights(weights).model.float().eval()
    raw = [_raw(network, tile, image_size) for tile in tiles]
    chance = np.random.default_rng(0)
    seen: dict[str, list[Places]] = {tile.tile_id: [] for tile in tiles}
    for level in range(len(_STRIDES)):
        sample = np.concatenate([one.features[level][::7] for one in raw]).astype(np.float32)
        mean, spread = sample.mean(0), sample.std(0) + 1e-3
        for tile, one in zip(tiles, raw, strict=True):
            features = np.clip((one.features[level].astype(np.float32) - mean) / spread, -6, 6)
            with_one = np.hstack([features, np.ones((len(features), 1), np.float32)])
            places = _places(with_one, one.xyxy[level], tile.shapes, level, chance)
            seen[tile.tile_id].append(places)
    return {
        tile.tile_id: SeenTile(tuple(seen[tile.tile_id]), one.look)
        for tile, one in zip(tiles, raw, strict=True)
    }


def learn(seen: Sequence[SeenTile]) -> Weights:
    """The last layer: weights of each level."""
    return [
        _regression(
            np.concatenate(
                [tile.levels[level].features[tile.levels[level].shown] for tile in seen]
            ),
            np.concatenate([tile.levels[level].is_object for tile in seen]),
            np.concatenate([tile.levels[level].weights for tile in seen]),
        )
        for level in range(len(_STRIDES))
    ]


def find(weights: Weights, tile: SeenTile, label: str) -> Shapes:
    """The predictions of a detector with that last layer on a tile, by descending score."""
    scores = np.concatenate(
        [_sigmoid(one.features @ weight) for one, weight in zip(tile.levels, weights, strict=True)]
    )
    xyxy = np.concatenate([one.xyxy for one in tile.levels])
    likely = np.flatnonzero(scores > _LEAST_SCORE)
    xyxy, scores = xyxy[likely], scores[likely]
    kept = nms(torch.from_numpy(xyxy), torch.from_numpy(scores), _SAME)[:_MOST_BOXES].numpy()
    return Shapes(xyxy[kept], (label,) * len(kept), scores[kept])


def looks(seen: Mapping[str, SeenTile], tile_ids: Sequence[str]) -> FloatArray:
    """The features of tiles, as `embed_images` computes them."""
    vectors = np.stack([seen[tile_id].look for tile_id in tile_ids])
    vectors = vectors - vectors.mean(axis=0)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


@dataclass(frozen=True, slots=True)
class _Raw:
    features: list[Any]
    xyxy: list[FloatArray]
    look: FloatArray


def _raw(network: Any, tile: LabeledTile, image_size: int) -> _Raw:
    """Features before the last layer, and the boxes that COCO's last layer makes of them."""
    pixels, ratio = _squared(Path(tile.uri), image_size)
    kept: dict[str, Any] = {}
    head, backbone = network.model[-1], network.model[len(network.yaml["backbone"]) - 1]
    hooks = [
        head.register_forward_pre_hook(lambda _, given: kept.update(maps=given[0])),
        backbone.register_forward_hook(lambda _, __, made: kept.update(end=made)),
    ]
    with torch.no_grad():
        network(pixels)
        levels = [_level(head, level, maps, ratio) for level, maps in enumerate(kept["maps"])]
    for hook in hooks:
        hook.remove()
    look = kept["end"].mean((2, 3))[0].numpy().astype(np.float64)
    return _Raw([features for features, _ in levels], [xyxy for _, xyxy in levels], look)


def _squared(path: Path, image_size: int) -> tuple[torch.Tensor, float]:
    """An image in a grey square, shape (1, 3, size, size), and by what it was enlarged."""
    with Image.open(path) as opened:
        image = opened.convert("RGB")
    ratio = image_size / max(image.size)
    width, height = (max(1, round(side * ratio)) for side in image.size)
    square = np.full((image_size, image_size, 3), 114, np.uint8)
    square[:height, :width] = np.asarray(image.resize((width, height), Image.Resampling.BILINEAR))
    return torch.from_numpy(square).permute(2, 0, 1)[None].float() / 255, ratio


def _level(head: Any, level: int, maps: torch.Tensor, ratio: float) -> tuple[Any, FloatArray]:
    """Features and boxes of the places of a level, the boxes in tile pixels."""
    of_boxes = head.cv2[level][:-1](maps)
    of_classes = head.cv3[level][:-1](maps)
    bins = head.cv2[level][-1](of_boxes).view(4, _BINS, -1).softmax(1)
    sides = (bins * torch.arange(float(_BINS))[None, :, None]).sum(1)
    y, x = (
        one.reshape(-1) + 0.5
        for one in torch.meshgrid(*(torch.arange(side) for side in maps.shape[2:]), indexing="ij")
    )
    xyxy = torch.stack([x - sides[0], y - sides[1], x + sides[2], y + sides[3]], dim=1)
    features = torch.cat([of_classes, of_boxes], dim=1)[0].flatten(1).T
    return features.half().numpy(), (xyxy * _STRIDES[level] / ratio).numpy().astype(np.float64)


def _places(
    features: FloatArray, xyxy: FloatArray, truth: Shapes, level: int, chance: np.random.Generator
) -> Places:
    overlap = Shapes(xyxy, ("",) * len(xyxy)).overlaps(truth).max(axis=1, initial=0)
    objects, others = np.flatnonzero(overlap > _IS_OBJECT), np.flatnonzero(overlap < _IS_NONE)
    drawn = chance.choice(others, min(len(others), _PLACES_WITHOUT[level]), replace=False)
    each = len(others) / max(1, len(drawn))
    return Places(
        features,
        xyxy,
        np.concatenate([objects, drawn]),
        np.concatenate([np.ones(len(objects)), np.zeros(len(drawn))]),
        np.concatenate([np.ones(len(objects)), np.full(len(drawn), each)]),
    )


def _regression(features: FloatArray, is_object: FloatArray, weights: FloatArray) -> FloatArray:
    """Logistic regression with a ridge on all but the bias."""
    x = features.astype(np.float64)
    ridge = np.full(x.shape[1], _RIDGE)
    ridge[-1] = 0

    def loss(beta: FloatArray) -> tuple[float, FloatArray]:
        z = x @ beta
        value = (weights * (np.logaddexp(0, z) - is_object * z)).sum() + ridge @ beta**2 / 2
        return value, x.T @ (weights * (_sigmoid(z) - is_object)) + ridge * beta

    start = np.zeros(x.shape[1])
    start[-1] = _FIRST_BIAS
    return np.asarray(minimize(loss, start, jac=True, method="L-BFGS-B").x)


def _sigmoid(values: FloatArray) -> FloatArray:
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -30, 30))), dtype=np.float64)
