"""The images of a Hugging Face dataset as local files."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from utils.files import write_whole
from utils.images.formats import IMAGE_SUFFIXES
from utils.paths import local_folder

_HASH_DIGITS = 16
_SIGNATURES = {
    b"\x89PNG": ".png",
    b"\xff\xd8\xff": ".jpg",
    b"II*\x00": ".tif",
    b"MM\x00*": ".tif",
    b"RIFF": ".webp",
    b"BM": ".bmp",
}


@dataclass(frozen=True, slots=True)
class DatasetImage:
    """An image of a dataset.

    Attributes:
        place: In the dataset, unique to its content.
        source: The local file that it is, or else its bytes.
        sha256: SHA-256 of the bytes, in hex.
    """

    place: PurePosixPath
    source: Path | bytes
    sha256: str = ""


class ImageSpool:
    """The images of a dataset as local files, named by their content."""

    def __init__(self, name: str, dataset: str) -> None:
        """Name the source and the dataset, a hub id or a local folder."""
        self.name = name
        self._folder = local_folder("cache", "scenes", name)
        self._root = Path(dataset).expanduser().absolute()
        self._content: dict[PurePosixPath, str] = {}

    def find(self, image: dict[str, Any] | bytes | str | None) -> DatasetImage:
        """The image of a row; asked row by row, since equal names are distinguished by content.

        Args:
            image: `path` and `bytes` as the dataset holds them, of which one may be None; or, from
                a column that is not declared to hold images, only its bytes, or only its path.

        Raises:
            ValueError: If there is no image.
            OSError: If it cannot be read.
        """
        named, source = self._source_of(image)
        if isinstance(source, Path):
            return DatasetImage(_place_of(source, self._root), source)
        digest = hashlib.sha256(source).hexdigest()
        place = self._unique(_place_in_dataset(named), digest, _suffix(source, named))
        return DatasetImage(place, source, digest)

    def beside(self, image: dict[str, Any] | bytes | str | None) -> Path:
        """The local file of an image that is no scene, such as a mask; see `find`."""
        named, source = self._source_of(image)
        if isinstance(source, Path):
            return source
        digest = hashlib.sha256(source).hexdigest()
        return self.save(
            DatasetImage(PurePosixPath(f"{digest}{_suffix(source, named)}"), source, digest)
        )

    def _source_of(self, image: dict[str, Any] | bytes | str | None) -> tuple[str, Path | bytes]:
        """The path of an image in the dataset, if it has one, and its local file or its bytes."""
        if isinstance(image, bytes):
            image = {"bytes": image, "path": None}
        if isinstance(image, str):
            image = {"bytes": None, "path": str(self._inside(image))}
        if image is None or not (image.get("bytes") or image.get("path")):
            raise ValueError("it holds no image")
        named = image.get("path") or ""
        if not image.get("bytes") and Path(named).is_file():
            return named, Path(named)
        return named, image.get("bytes") or _fetched(named)

    def _inside(self, named: str) -> Path:
        """The file that a plain path names, which must lie in the dataset's folder."""
        file = self._root / named
        if not file.is_file() or not file.resolve().is_relative_to(self._root.resolve()):
            raise ValueError(f"its image '{named:.200}' is no file in the dataset's folder")
        return file

    def save(self, image: DatasetImage) -> Path:
        """The local file of an image, written unless it is there.

        Raises:
            OSError: If it cannot be written.
        """
        if isinstance(image.source, Path):
            return image.source
        file = self._folder / f"{image.sha256}{image.place.suffix}"
        if not file.is_file():
            write_whole(file, image.source, synced=False)
        return file

    def _unique(self, place: PurePosixPath | None, digest: str, suffix: str) -> PurePosixPath:
        """The place in the dataset; with the content's hash where another image has the same."""
        if place is None:
            return PurePosixPath(f"{digest[:_HASH_DIGITS]}{suffix}")
        if place.suffix.lower() not in IMAGE_SUFFIXES:
            place = place.with_name(place.name + suffix)
        if self._content.setdefault(place, digest) != digest:
            return place.with_name(f"{place.stem}-{digest[:_HASH_DIGITS]}{place.suffix}")
        return place


def _place_of(file: Path, root: Path) -> PurePosixPath:
    relative = file.relative_to(root) if file.is_relative_to(root) else Path(file.name)
    return PurePosixPath(relative.as_posix())


def _place_in_dataset(named: str) -> PurePosixPath | None:
    """The path of an image inside a dataset, from any form that datasets give it.

    Such as `x.png`, `/somewhere/x.png`, `zip://train/x.png::data.zip`, or
    `hf://datasets/owner/name@commit/train/x.png`.
    """
    scheme, _, rest = named.partition("::")[0].rpartition("://")
    parts = [part for part in rest.split("/") if part not in ("", ".", "..")]
    if scheme == "hf":
        parts = parts[3:]
    return PurePosixPath(*parts) if parts else None


def _suffix(content: bytes, named: str) -> str:
    suffix = PurePosixPath(named.partition("::")[0]).suffix.lower()
    if suffix in IMAGE_SUFFIXES:
        return suffix
    return next((end for start, end in _SIGNATURES.items() if content.startswith(start)), ".png")


def _fetched(path: str) -> bytes:
    """The bytes of an image that the dataset only points to, on the hub or in an archive."""
    import fsspec  # type: ignore[import-untyped]

    with fsspec.open(path, "rb") as stream:
        content: bytes = stream.read()
    return content
