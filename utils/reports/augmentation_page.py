"""The page of augmentations: some tiles as a training sees them."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup
from PIL import Image

from utils.detection.ultralytics.augmentation_preview import AugmentedTile, View
from utils.reports.page import page, paragraph, section
from utils.reports.pictures import key, picture, sheet

_SIDE = 320


def augmentation_page(tiles: Sequence[AugmentedTile]) -> str:
    """Make the page: each tile as it is, under each augmentation, and as the training sees it."""
    return page(
        "Augmentations",
        "Some training tiles as the training sees them. Validation and test see the tiles as they "
        "are.",
        key(),
        _note(tiles),
        *(_tile_section(tile) for tile in tiles),
    )


def _note(tiles: Sequence[AugmentedTile]) -> Markup:
    if not tiles:
        return paragraph("There are no tiles to train on.")
    if not tiles[0].alone:
        return paragraph(
            "No augmentation is listed under training.augmentations: a training applies those of "
            "ultralytics (mosaic, scale, mirrors, colours)."
        )
    return paragraph(
        "Beside each tile: every listed augmentation, applied alone and for certain (its "
        "probability in training in brackets); then examples from the training, with all of them, "
        "each by its probability, and those of ultralytics (mosaic, scale, mirrors, colours)."
    )


def _tile_section(tile: AugmentedTile) -> Markup:
    views = (tile.original, *tile.alone, *tile.trained)
    return section(tile.tile_id, sheet(map(_picture, views), cell=180))


def _picture(view: View) -> Markup:
    height, width = view.pixels.shape[:2]
    image = Image.fromarray(view.pixels)
    return picture(image, (width, height), view.caption, truth=view.boxes, side=_SIDE)
