"""Cut a scene into tiles: streamed, encoded in parallel, each file whole or not at all."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

from utils.files import write_whole
from utils.images.damage import DamageSigns
from utils.images.reader import image_size, read_strips
from utils.scenes.scene import Scene
from utils.shapes.shapes import ShapeKind, Shapes
from utils.tiling.options import EXTENSIONS, TilingOptions
from utils.tiling.plan import PlannedTile, TilePlan, plan_tiles
from utils.tiling.tile import Tile

_ENCODERS = min(8, os.cpu_count() or 1)
Stored = TypeVar("Stored")


def tile_image(
    path: Path | str,
    out_dir: Path | str,
    *,
    tile_size: int = 1000,
    overlap: int = 0,
    image_format: str = "png",
    scene_id: str | None = None,
    shapes: Shapes | None = None,
    **options: Any,
) -> list[Tile]:
    """Cut one image into tiles, as files named by tile id.

    Args:
        path: The image.
        out_dir: Receives the files; made when missing.
        tile_size: Largest width and height of a tile, in pixels.
        overlap: How many pixels neighbouring tiles share.
        image_format: `png`, `jpeg` or `webp`.
        scene_id: Names the scene in tile ids; by default the path as it is given, so that equal
            names in different folders never meet.
        shapes: Ground truth in pixels of the upright image; unusable ones are left out.
        **options: Further fields of `TilingOptions`, such as `min_visibility`.

    Returns:
        The tiles, from top to bottom, then from left to right.

    Raises:
        ImageError: If the image does not decode, is larger than the limit, or is no image.
        ValueError: If an option is out of range.
    """
    wanted = TilingOptions.model_validate(
        {"tile_size": tile_size, "overlap": overlap, "image_format": image_format, **options}
    )
    scene = Scene(scene_id or Path(path).as_posix(), Path(path), shapes)
    return list(tile_scene(scene, Path(out_dir), wanted))


def tile_scene(scene: Scene, out_dir: Path, options: TilingOptions) -> Iterator[Tile]:
    """Cut a scene into files in `out_dir`; yields each tile when its file is whole.

    Raises:
        ImageError: If the image does not decode, is larger than the limit, or is no image.
    """
    width, height = image_size(scene.path, options.pixels)
    kind = scene.shapes.kind if scene.shapes is not None else ShapeKind.DETECT
    options = options.for_scene(width, height, kind)
    return write_tiles(plan_tiles(scene, width, height, options), out_dir, options)


def write_tiles(plan: TilePlan, out_dir: Path, options: TilingOptions) -> Iterator[Tile]:
    """Cut the tiles of a plan into files in `out_dir`; yields each tile when its file is whole.

    Raises:
        ImageError: If the image does not decode.
    """
    folder = out_dir.absolute()

    def write(planned: PlannedTile, content: bytes) -> Tile:
        file = folder / f"{planned.tile_id}.{EXTENSIONS[options.image_format]}"
        write_whole(file, content, synced=False)
        sha256 = hashlib.sha256(content).hexdigest()
        return finished_tile(plan, planned, str(file), sha256, len(content))

    return cut_tiles(plan, options, write)


def cut_tiles(
    plan: TilePlan,
    options: TilingOptions,
    store: Callable[[PlannedTile, bytes], Stored],
    damage: DamageSigns | None = None,
) -> Iterator[Stored]:
    """Decode a scene strip by strip and encode its tiles in parallel.

    At most two strips are in memory: one being encoded while the next is decoded.

    Args:
        plan: The tiles to cut.
        options: How to read and encode.
        store: Called with each tile and its encoded bytes, from several threads.
        damage: Sees every row of the scene.

    Yields:
        What `store` returned, in the order of the plan.

    Raises:
        ImageError: If the image does not decode.
    """
    from utils.tiling.encoding import as_image, encode

    def finish(strip: Any, tile: PlannedTile) -> Stored:
        return store(tile, encode(strip, tile.window, options))

    rows = {y: list(tiles) for y, tiles in groupby(plan.tiles, key=lambda tile: tile.window.y)}
    encoding: list[Future[Stored]] = []
    with ThreadPoolExecutor(_ENCODERS, thread_name_prefix="encode") as encoders:
        for y, strip in read_strips(
            plan.scene.path,
            tile_size=options.tile_size,
            overlap=options.overlap,
            pixels=options.pixels,
            damage=damage,
            full_last=options.has_full_edges,
        ):
            image = as_image(strip)
            submitted = [encoders.submit(finish, image, tile) for tile in rows.get(y, [])]
            yield from (future.result() for future in encoding)
            encoding = submitted
        yield from (future.result() for future in encoding)


def finished_tile(
    plan: TilePlan, planned: PlannedTile, uri: str, sha256: str, size_bytes: int
) -> Tile:
    """The tile that `planned` has become, now that it is encoded and stored at `uri`."""
    return Tile(
        tile_id=planned.tile_id,
        scene_id=plan.scene.id,
        window=planned.window,
        uri=uri,
        sha256=sha256,
        size_bytes=size_bytes,
        scene_width=plan.width,
        scene_height=plan.height,
        shapes=planned.shapes,
        objects=planned.objects,
        tags=plan.scene.tags,
        georeference=plan.scene.georeference,
        group=plan.scene.group or plan.scene.id,
        split=plan.scene.split,
    )
