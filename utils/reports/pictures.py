"""Pictures inside a page: small JPEGs as data URIs, with the boxes drawn over them as SVG."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from html import escape
from pathlib import Path

from PIL import Image

from utils.errors import StoreError
from utils.geometry import Boxes, Window
from utils.reports.page import Markup
from utils.storage.cache import local_copy

_QUALITY = 80
_MOST_BOXES = 400
_PLOT_SIDE = 1000


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
    truth: Boxes | None = None,
    found: Boxes | None = None,
    side: int = 360,
) -> Markup:
    """An image with boxes over it.

    Args:
        image: Of any resolution.
        size: Width and height of the space the boxes live in, in pixels.
        caption: Below it.
        truth: Drawn in green.
        found: Drawn in orange.
        side: Longest side of the embedded image, in pixels.
    """
    width, height = size
    drawn = "".join([*_rectangles(truth, "truth"), *_rectangles(found, "found")])
    return Markup(
        f'<figure><div class="picture"><img src="{data_uri(image, side)}" alt="{escape(caption)}">'
        f'<svg viewBox="0 0 {width} {height}" preserveAspectRatio="none">{drawn}</svg></div>'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def plot(path: Path, caption: str) -> Markup:
    """A plot from a file, on white."""
    with Image.open(path) as image:
        source = data_uri(image, _PLOT_SIDE)
    return Markup(
        f'<figure class="plot"><img src="{source}" alt="{escape(caption)}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def sheet(pictures: Iterable[Markup], cell: int = 200) -> Markup:
    """Pictures in rows, each at least `cell` pixels wide."""
    return Markup(f'<div class="sheet" style="--cell:{cell}px">{"".join(pictures)}</div>')


def tile_picture(
    uri: str,
    sha256: str,
    window: Window,
    caption: str,
    truth: Boxes | None,
    *,
    found: Boxes | None = None,
) -> Markup:
    """A stored tile with its boxes; only the caption where its image cannot be had.

    Args:
        uri: Of the tile's image.
        sha256: Of the same.
        window: Of the tile; boxes live in its width and height.
        caption: Below it.
        truth: In tile coordinates, drawn in green.
        found: In tile coordinates, drawn in orange.
    """
    size = window.width, window.height
    try:
        with Image.open(local_copy(uri, sha256)) as image:
            return picture(image, size, caption, truth=truth, found=found)
    except (OSError, StoreError):
        return Markup(f"<figure><figcaption>{escape(caption)} (no image)</figcaption></figure>")


def key(truth: bool = True, found: bool = False) -> Markup:
    """What the colours of the boxes mean."""
    return legend(
        truth="ground truth" if truth else "", found="found by the detector" if found else ""
    )


def legend(truth: str = "", found: str = "") -> Markup:
    """What boxes drawn in green (truth) and in orange (found) are, where there are any."""
    meanings = [("truth", truth), ("found", found)]
    signs = (f'<span class="key {kind}"></span>{escape(text)}' for kind, text in meanings if text)
    return Markup(f'<p class="soft">{"".join(signs)}</p>')


def _rectangles(boxes: Boxes | None, kind: str) -> Iterable[str]:
    if boxes is None:
        return
    for index, ((x1, y1, x2, y2), label) in enumerate(
        zip(boxes.xyxy[:_MOST_BOXES], boxes.labels, strict=False)
    ):
        score = "" if boxes.scores is None else f" {boxes.scores[index]:.2f}"
        yield (
            f'<rect class="{kind}" x="{x1:.1f}" y="{y1:.1f}" width="{x2 - x1:.1f}" '
            f'height="{y2 - y1:.1f}"><title>{escape(label)}{score}</title></rect>'
        )
