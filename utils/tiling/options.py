"""How scenes are cut: the configuration types."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from utils.errors import ImageError
from utils.images.options import PixelOptions
from utils.options import Options
from utils.shapes.grid import Grid
from utils.shapes.shapes import ShapeKind

ImageFormat = Literal["png", "jpeg", "webp"]
Share = Annotated[float, Field(ge=0, le=1)]

EXTENSIONS: dict[ImageFormat, str] = {"png": "png", "jpeg": "jpg", "webp": "webp"}

_LARGEST_SIDE: dict[ImageFormat, int] = {"jpeg": 65535, "webp": 16383}


class TilingOptions(Options):
    """How scenes are cut into tiles, and which boxes and tiles are kept.

    "Box" stands for shapes of every kind; the area of a polygon is its own. A box belongs to a
    tile when at least `min_visibility` of its area is in it, and is clipped to it. A box that no
    tile shows well enough (it is larger than a tile) goes to the tile that shows most of it, so
    that every box is in at least one tile. An oriented box that is clipped becomes the rectangle
    of least area around the part that is left.
    """

    tile_size: Annotated[int, Field(ge=1)] = 1000
    """Largest width and height of a tile, in pixels."""
    overlap: Annotated[int, Field(ge=0)] = 100
    """How many pixels neighbouring tiles share; less than `tile_size`."""
    edges: Literal["auto", "full", "cut"] = "auto"
    """The last tile of a row or column, where it would be smaller than the others: `full` moves it
    back until it has the size of the others, so that it shares more than the overlap, and `cut`
    leaves it small. `auto` is `full`, or the choice of the project's earlier ingest."""
    min_visibility: Annotated[float, Field(gt=0, le=1)] = 0.3
    """Smallest share of a box's area that must be in a tile for the box to belong to it."""
    empty_tiles: Literal["keep", "drop"] | Share = "keep"
    """Tiles of labelled scenes without a box: `keep` or `drop` them, or the fraction to keep, such
    as 0.1, chosen by a hash of the tile id. Tiles of unlabelled scenes are always kept."""
    image_format: ImageFormat = "png"
    """Format of the tiles: `png` is lossless, `jpeg` and `webp` are smaller."""
    png_compression: Annotated[int, Field(ge=0, le=9)] = 1
    """Effort spent on making PNG tiles smaller, 0 (none) to 9: 2 makes them a third smaller than 1
    and takes half as long again, more gains little."""
    quality: Annotated[int, Field(ge=1, le=100)] = 90
    """Quality of JPEG and WebP tiles, 1 to 100."""
    image_classes: Literal["whole", "cut"] = "whole"
    """Tiles of scenes that have one class for the whole image: `whole` makes each scene one tile,
    whatever its size, and `cut` cuts it as other scenes, so that each tile inherits the class."""
    pixels: PixelOptions = PixelOptions()
    """How the pixels of the scenes are read."""

    @property
    def has_full_edges(self) -> bool:
        """Whether the last tile of a row or column is moved back to full size."""
        return self.edges != "cut"

    def grid_over(self, width: int, height: int) -> Grid:
        """The windows of a scene of `width` × `height` pixels."""
        full_last = self.has_full_edges
        return Grid.over(width, height, self.tile_size, self.overlap, full_last=full_last)

    def for_scene(self, width: int, height: int, kind: ShapeKind) -> Self:
        """The options for a scene whose labels are of a kind: one tile where it has a class.

        Raises:
            ImageError: If the scene is too large to be one tile.
        """
        if kind.has_places or self.image_classes == "cut":
            return self
        longest = max(width, height)
        largest = _LARGEST_SIDE.get(self.image_format, longest)
        if longest > largest:
            raise ImageError(
                f"it has {width} x {height} pixels, and one {self.image_format} tile has at most "
                f"{largest}. Set tiling.image_format=png, or tiling.image_classes=cut"
            )
        return self.updated(tile_size=longest, overlap=0)

    def beside(self, earlier: TilingOptions | None) -> TilingOptions:
        """The same with `edges` decided: as in an earlier ingest, whose tiles stay so, or full."""
        if self.edges != "auto":
            return self
        return self.updated(edges=earlier.edges if earlier else "full")

    @field_validator("empty_tiles", mode="before")
    @classmethod
    def _known_policy(cls, value: Any) -> Any:
        is_share = isinstance(value, int | float) and not isinstance(value, bool)
        if value in ("keep", "drop") or (is_share and 0 <= value <= 1):
            return value
        raise ValueError(f"empty_tiles must be keep, drop or a fraction from 0 to 1, not {value}")

    @model_validator(mode="after")
    def _possible_tile(self) -> TilingOptions:
        if self.overlap >= self.tile_size:
            raise ValueError(
                f"overlap ({self.overlap}) must be smaller than tile_size ({self.tile_size})"
            )
        largest = _LARGEST_SIDE.get(self.image_format, self.tile_size)
        if self.tile_size > largest:
            raise ValueError(
                f"tile_size ({self.tile_size}) must be at most {largest} for {self.image_format}"
            )
        return self
