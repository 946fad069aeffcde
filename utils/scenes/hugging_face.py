"""Hugging Face datasets, streamed: neither the dataset nor its images are ever all in memory.

Images are not decoded: their bytes go to files in the local cache as they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from utils.errors import SourceError
from utils.files import write_whole
from utils.issues import IssueReport
from utils.paths import local_folder
from utils.scenes.georeference import read_georeference
from utils.scenes.hugging_face_columns import LabelColumns, check_image_column, label_columns
from utils.scenes.hugging_face_loading import dataset_name, load_streamed
from utils.scenes.image_files import IMAGE_SUFFIXES, folder_tags
from utils.scenes.options import HuggingFaceSource
from utils.scenes.scene import Scene, SceneSource

if TYPE_CHECKING:
    from datasets import IterableDataset

_HASH_DIGITS = 16
_SIGNATURES = {
    b"\x89PNG": ".png",
    b"\xff\xd8\xff": ".jpg",
    b"II*\x00": ".tif",
    b"MM\x00*": ".tif",
    b"RIFF": ".webp",
    b"BM": ".bmp",
}


def open_hugging_face(options: HuggingFaceSource) -> SceneSource:
    """Open a dataset on the hub or in a local folder; only its description is read.

    A scene's id holds the path of its image in the dataset; where the dataset keeps none, the hash
    of the image's bytes.

    Raises:
        SourceError: If the dataset or its split cannot be found or reached, or has other columns.
        ConfigurationError: If the classes have no names.
    """
    import datasets

    dataset, scene_count = load_streamed(options)
    check_image_column(dataset.features, options.image_column)
    columns = label_columns(dataset.features, options)
    dataset = dataset.cast_column(options.image_column, datasets.Image(decode=False))
    name = options.name or dataset_name(options.dataset)

    def read(report: IssueReport) -> Iterator[Scene]:
        spool = _Spool(name, options.dataset)
        for number, row in enumerate(_rows(dataset, options.dataset)):
            scene = _scene(row, f"{name}, row {number}", spool, columns, options, report)
            if scene is not None:
                yield scene

    class_names = columns.class_names if columns else ()
    return SceneSource(name, class_names, scene_count, read)


def _rows(dataset: IterableDataset, name: str) -> Iterator[dict[str, Any]]:
    try:
        yield from dataset
    except Exception as error:  # network, Parquet and archives each have errors of their own
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise SourceError(
            f"Reading the dataset '{name}' stopped halfway ({reason}). Run this again."
        ) from error


def _scene(
    row: dict[str, Any],
    item: str,
    spool: _Spool,
    columns: LabelColumns | None,
    options: HuggingFaceSource,
    report: IssueReport,
) -> Scene | None:
    try:
        image, place = spool.save(row[options.image_column])
        boxes = columns.boxes_of(row, item, report) if columns else None
    except (OSError, ValueError) as error:
        report.add(item, "row cannot be read", error)
        return None
    return Scene(
        id=f"{spool.name}/{place}",
        path=image,
        boxes=boxes,
        tags=folder_tags(place.parent.parts),
        georeference=read_georeference(image),
    )


class _Spool:
    """The images of a dataset as local files, named by their content."""

    def __init__(self, name: str, dataset: str) -> None:
        self.name = name
        self._folder = local_folder("cache", "scenes", name)
        self._root = Path(dataset).expanduser().absolute()
        self._content: dict[PurePosixPath, str] = {}

    def save(self, image: dict[str, Any] | None) -> tuple[Path, PurePosixPath]:
        """Make sure that an image is a local file.

        Args:
            image: `path` and `bytes` as the dataset holds them; one of the two may be None.

        Returns:
            The file, and the image's place in the dataset, unique to its content.

        Raises:
            ValueError: If there is no image.
            OSError: If it can be neither read nor written.
        """
        if image is None or not (image.get("bytes") or image.get("path")):
            raise ValueError("it holds no image")
        named = image.get("path") or ""
        if not image.get("bytes") and Path(named).is_file():
            file = Path(named)
            return file, _place_of(file, self._root)
        content = image.get("bytes") or _fetched(named)
        digest = hashlib.sha256(content).hexdigest()
        place = self._unique(_place_in_dataset(named), digest, _suffix(content, named))
        file = self._folder / f"{digest}{place.suffix}"
        if not file.is_file():
            write_whole(file, content)
        return file, place

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
