"""Files beside an image that say where it lies: world files, .prj and .aux.xml.

They are read here and not by GDAL, which would follow whatever else they name.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from utils.images.orientation import Affine

_MOST_BYTES = 1 << 20
_RPC_NAMES = ("_RPC.TXT", "_rpc.txt", ".rpb", ".RPB", "_metadata_RPC.txt")


class Sidecars(NamedTuple):
    """The facts in the files beside an image.

    Attributes:
        aux_crs: The coordinate reference system that the .aux.xml names, as text, or None.
        aux_transform: The transform in the .aux.xml, as in `Georeference`, or None.
        world_transform: The transform in the world file, or None.
        prj_crs: The coordinate reference system in the .prj beside a world file, or None.
        has_rpcs: Whether there is a file of rational polynomial coefficients.
        not_understood: The names of files that say nothing.
    """

    aux_crs: str | None = None
    aux_transform: Affine | None = None
    world_transform: Affine | None = None
    prj_crs: str | None = None
    has_rpcs: bool = False
    not_understood: tuple[str, ...] = ()


def read_sidecars(image: Path) -> Sidecars:
    """Read the files beside an image; one that is not understood is as if it were not there."""
    aux_crs, aux_transform = _from_aux(_content(image.with_name(image.name + ".aux.xml")))
    worlds = [file for file in _world_files(image) if file.is_file()]
    transforms = [_from_world_file(_content(file)) for file in worlds]
    world_transform = next((found for found in transforms if found is not None), None)
    broken = tuple(file.name for file in worlds) if world_transform is None else ()
    prj = None
    if world_transform is not None or aux_transform is not None:
        prj = (_content(image.with_suffix(".prj")) or "").strip() or None
    has_rpcs = any(image.with_name(image.stem + end).is_file() for end in _RPC_NAMES)
    return Sidecars(aux_crs, aux_transform, world_transform, prj, has_rpcs, broken)


def _world_files(image: Path) -> list[Path]:
    """The names that a world file may have: of `a.tif` they are a.tfw, a.tifw and a.wld."""
    end = image.suffix[1:]
    short = [end[0] + end[-1] + "w"] if len(end) > 1 else []
    ends = [*short, end + "w", "wld"] if end else ["wld"]
    named = [image.with_suffix("." + one) for end in ends for one in (end, end.upper())]
    return list(dict.fromkeys(named))


def _content(file: Path) -> str | None:
    """The text of a small regular file, or None."""
    try:
        if not file.is_file() or file.stat().st_size > _MOST_BYTES:
            return None
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def _from_world_file(content: str | None) -> Affine | None:
    """Six numbers: x and y steps along a row and a column, and the centre of the first pixel."""
    try:
        a, d, b, e, x, y = (float(word.replace(",", ".")) for word in (content or "").split())
    except ValueError:
        return None
    return a, b, x - (a + b) / 2, d, e, y - (d + e) / 2


def _from_aux(content: str | None) -> tuple[str | None, Affine | None]:
    """CRS and transform of GDAL's own metadata file."""
    if content is None or "<!" in content:  # a document type, which could grow without end
        return None, None
    try:
        root = ElementTree.fromstring(content)  # noqa: S314
        numbers = (root.findtext("GeoTransform") or "").split(",")
        crs = (root.findtext("SRS") or "").strip() or None
        if len(numbers) != 6:
            return crs, None
        c, a, b, f, d, e = (float(number) for number in numbers)
    except (ElementTree.ParseError, ValueError):
        return None, None
    return crs, (a, b, c, d, e, f)
