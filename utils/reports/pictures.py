"""Pictures inside a page: small JPEGs as data URIs, with the shapes drawn over them as SVG."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from markupsafe import Markup
from PIL import Image

from utils.errors import StoreError
from utils.geometry import FloatArray, Window
from utils.reports.page import joined
from utils.shapes.outlines import rings_of
from utils.shapes.shapes import Shapes
from utils.storage.cache import local_copy

_QUALITY = 80
# Shapes of one picture; more of them could not be told apart, and make the page large.
_MOST_SHAPES = 400
_LETTERS_HIGH = 18  # a class of the whole image is written this many times in the image's height
_PLOT_SIDE = 1000
_TRUE = ("truth", "missed")
_TALLEST = 1.5  # cells


def data_uri(image: Image.Image, side: int) -> str:
    """An image as a JPEG data URI, shrunk to at most `side` pixels."""
    small = image.convert("RGB")
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    content = io.BytesIO()
    small.save(content, "JPEG", quality=_QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(content.getvalue()).decode()


def picture(
    image: Image.Image,
    size: tuple[int, int],
    caption: str,
    *,
    truth: Shapes | None = None,
    found: Shapes | None = None,
    faint: Shapes | None = None,
    missed: Shapes | None = None,
    wrong: Shapes | None = None,
    side: int = 360,
) -> Markup:
    """An image with shapes over it; classes of the whole image are written into it.

    Args:
        image: Image at any resolution.
        size: Width and height of the coordinates of the shapes, in pixels.
        caption: Text below the image.
        truth: Shapes drawn in green.
        found: Shapes drawn in orange.
        faint: Shapes drawn dashed and pale.
        missed: True shapes drawn in blue.
        wrong: Predicted shapes drawn in red.
        side: Longest side of the embedded image, in pixels.
    """
    width, height = size
    return Markup(
        '<figure style="--wide:{wide:.3f}">'
        '<div class="picture"><img src="{source}" alt="{caption}">'
        '<svg viewBox="0 0 {width} {height}" preserveAspectRatio="none">{drawn}</svg></div>'
        "<figcaption>{caption}</figcaption></figure>"
    ).format(
        source=data_uri(image, side),
        caption=caption,
        wide=_relative_width(width, height),
        width=width,
        height=height,
        drawn=joined(
            [
                *_drawn(faint, "faint", height),
                *_drawn(truth, "truth", height),
                *_drawn(missed, "missed", height),
                *_drawn(found, "found", height),
                *_drawn(wrong, "wrong", height),
            ]
        ),
    )


def _relative_width(width: int, height: int) -> float:
    """Return the width of a picture in cells, so that pictures of any shape have equal areas.

    A high one would push the next row far down, so it is at most one and a half cells high.
    """
    shape = width / height
    return min(math.sqrt(shape), _TALLEST * shape)


def caption_alone(caption: str) -> Markup:
    """The caption of a picture whose image cannot be read."""
    return Markup("<figure><figcaption>{}</figcaption></figure>").format(caption)


def plot(path: Path, caption: str) -> Markup:
    """A plot from a file, on white."""
    with Image.open(path) as image:
        source = data_uri(image, _PLOT_SIDE)
    return Markup(
        '<figure class="plot"><img src="{source}" alt="{caption}">'
        "<figcaption>{caption}</figcaption></figure>"
    ).format(source=source, caption=caption)


def sheet(pictures: Iterable[Markup], cell: int = 200) -> Markup:
    """Pictures in rows; a square one is `cell` pixels wide."""
    sheet_of = Markup('<div class="sheet" style="--cell:{}px">{}</div>')
    return sheet_of.format(cell, joined(pictures))


def tile_picture(
    uri: str,
    sha256: str,
    window: Window,
    caption: str,
    truth: Shapes | None,
    *,
    found: Shapes | None = None,
    faint: Shapes | None = None,
) -> Markup:
    """A stored tile with its boxes; the caption alone if its image cannot be read.

    Args:
        uri: URI of the tile's image.
        sha256: SHA-256 of the image in hex.
        window: Window of the tile in its scene.
        caption: Text below the image.
        truth: Shapes in tile coordinates, drawn in green.
        found: Shapes in tile coordinates, drawn in orange.
        faint: Shapes in tile coordinates, drawn dashed and pale.
    """
    size = window.width, window.height
    try:
        with Image.open(local_copy(uri, sha256)) as image:
            return picture(image, size, caption, truth=truth, found=found, faint=faint)
    except (OSError, StoreError):
        return caption_alone(f"{caption} (no image)")


def key(truth: bool = True, found: bool = False) -> Markup:
    """The key to the colours of the boxes."""
    return legend(
        truth="ground truth" if truth else "", found="found by the detector" if found else ""
    )


def legend(
    truth: str = "", found: str = "", faint: str = "", missed: str = "", wrong: str = ""
) -> Markup:
    """The meanings, if given, of green, orange, dashed, blue and red boxes, in this order."""
    meanings = [
        ("truth", truth),
        ("missed", missed),
        ("found", found),
        ("wrong", wrong),
        ("faint", faint),
    ]
    sign = Markup('<span class="key {}"></span>{}')
    signs = joined(sign.format(kind, text) for kind, text in meanings if text)
    return Markup('<p class="soft">{}</p>').format(signs)


def _drawn(shapes: Shapes | None, role: str, height: int) -> Iterator[Markup]:
    """Yield the SVG elements of shapes.

    Args:
        shapes: At most 400 of them are drawn.
        role: Style of the lines: `truth`, `found`, `faint`, `missed` or `wrong`.
        height: Height of the image, in pixels.
    """
    if shapes is None:
        return
    shown = shapes.select(np.arange(min(_MOST_SHAPES, len(shapes))))
    title = Markup("<title>{}</title>")
    element = Markup('<path class="{}" fill-rule="evenodd" d="{}">{}</path>')
    for index, name in enumerate(_names(shown)):
        if not shapes.kind.has_places:
            # The first is the upper one.
            line = index if role in _TRUE else len(shown) - 1 - index
            yield _written(name, role, line, height)
        elif shown.outlines is None:
            yield _rectangle(shown.xyxy[index], role, title.format(name))
        else:
            rings = rings_of(shown.outlines[index])
            yield element.format(role, " ".join(map(_ring_path, rings)), title.format(name))


def _names(shapes: Shapes) -> list[str]:
    """The class of each shape, with its score if it has one."""
    if shapes.scores is None:
        return list(shapes.labels)
    return [f"{name} {score:.2f}" for name, score in zip(shapes.labels, shapes.scores, strict=True)]


def _rectangle(xyxy: FloatArray, role: str, title: Markup) -> Markup:
    x1, y1, x2, y2 = xyxy
    return Markup(
        '<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}">{}</rect>'
    ).format(role, x1, y1, x2 - x1, y2 - y1, title)


def _ring_path(ring: FloatArray) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in ring) + "Z"


def _written(name: str, role: str, line: int, height: int) -> Markup:
    """A class of the whole image: the true class at the top, predicted classes at the bottom."""
    letters = height / _LETTERS_HIGH
    y = letters * (1.2 + 1.2 * line) if role in _TRUE else height - letters * (0.5 + 1.2 * line)
    return Markup('<text class="{}" x="{:.1f}" y="{:.1f}" font-size="{:.1f}">{}</text>').format(
        role, letters / 2, y, letters, name
    )
