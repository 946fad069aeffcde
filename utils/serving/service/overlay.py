"""A picture of an image with the objects found in it."""

from __future__ import annotations

import colorsys
from io import BytesIO
from pathlib import Path

from utils.detection.whole_scene import read_whole
from utils.images.options import PixelOptions
from utils.shapes.outlines import rings_of
from utils.shapes.shapes import Shapes

_GOLDEN_RATIO = 0.618033988749895  # steps of the hue, which keep neighbours far apart
_LETTERS = 14  # pixels high
_THUMBNAIL = 256


def overlay_png(path: Path, size: tuple[int, int], pixels: PixelOptions, shapes: Shapes) -> bytes:
    """The image with its objects, as PNG of at most 2,048 pixels a side.

    Args:
        path: The image.
        size: Width and height, in pixels.
        pixels: How it is read.
        shapes: Objects in pixels of the image.

    Raises:
        ImageError: If the image cannot be read.
    """
    from PIL import Image, ImageDraw, ImageFont

    picture = Image.fromarray(read_whole(path, *size, pixels))
    shown = shapes.scaled(picture.width / size[0], picture.height / size[1])
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(_LETTERS)
    colours = {name: _colour(index) for index, name in enumerate(sorted(set(shapes.labels)))}
    for index, (label, score) in enumerate(zip(shown.labels, shown.confidences, strict=True)):
        colour = colours[label]
        x, y = (float(value) for value in shown.xyxy[index, :2])
        if not shown.kind.has_places:
            y = index * (_LETTERS + 4.0)
        elif shown.outlines is None:
            draw.rectangle(shown.xyxy[index].tolist(), outline=colour, width=2)
        else:
            for ring in rings_of(shown.outlines[index]):
                points = [(float(one[0]), float(one[1])) for one in [*ring, ring[0]]]
                draw.line(points, fill=colour, width=2)
        place = (x, max(y - _LETTERS - 2, 0) if shown.kind.has_places else y)
        draw.text(place, f"{label} {score:.2f}", colour, font, stroke_width=1, stroke_fill="black")
    content = BytesIO()
    picture.save(content, "PNG", compress_level=1)
    return content.getvalue()


def write_thumbnail(
    path: Path, size: tuple[int, int], pixels: PixelOptions, thumbnail: Path
) -> None:
    """Write a JPEG of at most 256 pixels a side.

    Args:
        path: The image.
        size: Width and height, in pixels.
        pixels: How it is read.
        thumbnail: File to write.

    Raises:
        ImageError: If the image cannot be read.
    """
    from PIL import Image

    picture = Image.fromarray(read_whole(path, *size, pixels))
    picture.thumbnail((_THUMBNAIL, _THUMBNAIL), Image.Resampling.BILINEAR, reducing_gap=2.0)
    picture.save(thumbnail, "JPEG", quality=85)


def _colour(index: int) -> tuple[int, int, int]:
    red, green, blue = colorsys.hls_to_rgb((0.02 + index * _GOLDEN_RATIO) % 1, 0.55, 0.9)
    return int(red * 255), int(green * 255), int(blue * 255)
