"""The kind of a source, recognized by its label files."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from utils.errors import ConfigurationError
from utils.images.video import VIDEO_SUFFIXES
from utils.labels.makesense_csv import is_makesense
from utils.labels.vector_files import VECTOR_SUFFIXES
from utils.options import told_problem
from utils.scenes.class_folders import are_class_folders
from utils.scenes.image_files import existing_folder, files_below, is_one_image
from utils.scenes.listing import is_image_file, list_files
from utils.scenes.options import SourceOptions
from utils.storage.objects import is_local
from utils.storage.store import open_store

_HEAD_BYTES = 1 << 20
_SAMPLED = 20  # label files of one suffix; the first few show the kind
_ROW = re.compile(rb"^\s*\"?-?[\w.]+\"?([\s,;]+-?[\d.]+([eE][-+]?\d+)?){4,}\s*$")
_DOTA_ROW = re.compile(rb"^\s*(-?\d+(\.\d+)?\s+){8}[A-Za-z][\w -]*(\s+[012])?\s*$")
_HUGGING_FACE = ("dataset_dict.json", "dataset_infos.json", "dataset_info.json")
_METADATA = ("metadata.jsonl", "metadata.csv", "metadata.parquet")
_NO_LABELS = (
    "it holds no labels of COCO, VOC, YOLO or on the map. Mask images, and folders that name "
    "classes, are read where source.kind says so: masks or classes"
)
# Keys of files that list images. COCO's images may come last, behind megabytes of annotations.
_LISTING_KEYS = (
    (b'"images"',),
    (b'"image_id"',),
    (b'"filepath"', b'"samples"'),  # FiftyOne
    (b'"classes"', b'"labels"'),  # FiftyOne's tables of labels by image
    (b'"items"', b'"categories"'),  # Datumaro
    (b'"regions"', b'"filename"'),  # VGG's annotator
    (b'"shapes"', b'"imagePath"'),  # labelme
    (b'"resources"', b'"deployments"', b'"observations"'),  # Camtrap DP
)
_HUB_ID = re.compile(r"^[\w.-]+/[\w.-]+$")
_LABEL_KINDS = {"coco": ".json", "voc": ".xml", "yolo": ".txt"}


@dataclass(frozen=True, slots=True)
class FoundKind:
    """The kind of a source.

    Attributes:
        kind: As in `source.kind` of a configuration.
        reason: One sentence that says what shows it.
    """

    kind: str
    reason: str


def source_options(kind: str, path: str, **options: Any) -> SourceOptions:
    """The options of a source from its kind and its place.

    Args:
        kind: As in `source.kind` of a configuration.
        path: A folder, `gs://bucket/prefix`, or the id of a dataset on the Hugging Face hub.
        options: Further fields of the options of that kind.

    Raises:
        ConfigurationError: If a field is unknown or a value does not fit.
    """
    place = {"synthetic": {}, "hugging_face": {"dataset": path}}.get(kind, {"path": path})
    adapter: TypeAdapter[SourceOptions] = TypeAdapter(SourceOptions)
    try:
        return adapter.validate_python({"kind": kind, **place, **options})
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(["source", *(str(part) for part in problem["loc"][1:])])
        raise ConfigurationError(f"{where}: {told_problem(problem)}") from error


def find_kind(path: str) -> FoundKind:
    """Recognize the kind of a source by the names and the first bytes of its files.

    Args:
        path: A folder, `gs://bucket/prefix`, or the id of a dataset on the Hugging Face hub.

    Raises:
        SourceError: If there is no such folder.
        StoreError: If the bucket cannot be read.
    """
    if not is_local(path):
        return _kind_in_bucket(path)
    if _HUB_ID.match(path) and not Path(path).expanduser().exists():
        return FoundKind("hugging_face", f"no folder has this name, and '{path}' is an id of a hub")
    if is_one_image(path):
        return FoundKind("folder", "it is one image")
    if Path(path).suffix.lower() in VIDEO_SUFFIXES and Path(path).expanduser().is_file():
        return FoundKind("video", "it is a video")
    root = existing_folder(Path(path))
    return (
        _videos(root)
        or _hugging_face(root)
        or _labelled(root)
        or _hugging_face_tables(root)
        or _on_map(root)
        or _class_folders(root)
        or FoundKind("folder", _NO_LABELS)
    )


def _kind_in_bucket(path: str) -> FoundKind:
    suffixes = Counter(Path(found.key).suffix.lower() for found in open_store(path).list())
    counts = {kind: suffixes[suffix] for kind, suffix in _LABEL_KINDS.items()}
    kind = max(counts, key=lambda name: counts[name])
    if not counts[kind]:
        return FoundKind("folder", _NO_LABELS)
    return FoundKind(kind, f"it holds {counts[kind]} {_LABEL_KINDS[kind]} files")


def _hugging_face(root: Path) -> FoundKind | None:
    """A dataset of the hub by files that nothing else has."""
    named = [name for name in _HUGGING_FACE if any(root.glob(f"**/{name}"))]
    return FoundKind("hugging_face", f"it holds {named[0]}") if named else None


def _hugging_face_tables(root: Path) -> FoundKind | None:
    """A dataset of the hub by its tables, such as other programs leave beside labels as well."""
    for name in _METADATA:
        if any(_names_files(file) for file in root.glob(f"**/{name}")):
            return FoundKind("hugging_face", f"it holds {name}")
    tables = next(root.glob("**/*.parquet"), None) or next(root.glob("**/*.arrow"), None)
    return FoundKind("hugging_face", f"it holds {tables.name}") if tables else None


def _names_files(metadata: Path) -> bool:
    """Whether a table names the file of each row, as those of image folders do."""
    return metadata.suffix == ".parquet" or b"file_name" in _head(metadata)


def _videos(root: Path) -> FoundKind | None:
    """Videos without images beside them, or sequences of frames with labels of MOT or CVAT."""
    if sequence := next(filter(_is_of_mot, root.glob("**/img1")), None):
        return FoundKind("video", f"{sequence.relative_to(root)} holds frames as MOT names them")
    tracks = next(_of_suffix(root, ".xml", lambda head: b"<track " in head), None)
    if tracks is not None:
        return FoundKind("video", f"{tracks.relative_to(root)} holds tracks as CVAT writes them")
    listed = list_files(root).files
    videos = [file for file in listed if file.suffix.lower() in VIDEO_SUFFIXES]
    if not videos or any(map(is_image_file, listed)):
        return None
    return FoundKind("video", f"it holds {len(videos)} videos and no images")


def _is_of_mot(frames: Path) -> bool:
    return any((frames.parent / name).exists() for name in ("gt", "det", "seqinfo.ini"))


def _on_map(root: Path) -> FoundKind | None:
    vectors = files_below(root, VECTOR_SUFFIXES.__contains__)
    if not vectors:
        return None
    return FoundKind("gis", f"{vectors[0].relative_to(root)} holds shapes on the map")


def _class_folders(root: Path) -> FoundKind | None:
    is_one = are_class_folders(root)
    return FoundKind("classes", "its splits have folders of the same names") if is_one else None


def _labelled(root: Path) -> FoundKind | None:
    """The kind with the most label files; a JSON file of COCO's holds labels of many images."""
    if listing := next(_of_suffix(root, ".json", _lists_images), None):
        return FoundKind("coco", f"{listing.relative_to(root)} lists images with their labels")
    if table := next(filter(is_makesense, files_below(root, ".csv".__eq__)), None):
        return FoundKind("coco", f"{table.relative_to(root)} lists boxes as makesense does")
    counts = {
        "voc": sum(1 for _ in _of_suffix(root, ".xml", _is_voc)),
        "yolo": sum(1 for _ in _of_suffix(root, ".txt", _is_yolo)),
    }
    kind = max(counts, key=lambda name: counts[name])
    if not counts[kind]:
        return None
    first = next(_of_suffix(root, _LABEL_KINDS[kind], _is_voc if kind == "voc" else _is_yolo))
    return FoundKind(kind, f"{first.relative_to(root)} holds {_form(kind, _head(first))}")


def has_cvat_xml(root: Path) -> bool:
    """Whether a folder holds CVAT's own XML of images."""
    return any(_of_suffix(root, ".xml", lambda head: b"<annotations" in head and b"<image" in head))


def _form(kind: str, head: bytes) -> str:
    if kind == "voc":
        return "labels in XML, as Pascal VOC and CVAT write them"
    has_corners = any(map(_DOTA_ROW.match, head.splitlines()[:_SAMPLED]))
    return f"rows of numbers as {'DOTA' if has_corners else 'YOLO'} has them"


def _of_suffix(root: Path, suffix: str, is_one: Callable[[bytes], bool]) -> Iterator[Path]:
    files = files_below(root, suffix.__eq__)
    return (file for file in islice(files, _SAMPLED) if is_one(_head(file)))


def _head(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(_HEAD_BYTES)
    except OSError:
        return b""


def _lists_images(head: bytes) -> bool:
    """Whether a file begins as one that lists images with labels, of COCO or of a tool."""
    start = head.lstrip(b"\xef\xbb\xbf \r\n\t")
    if start.startswith(b"["):  # Label Studio's own JSON, which is read as COCO's is
        return b'"annotations"' in head and b'"data"' in head
    return start.startswith(b"{") and any(
        all(key in head for key in keys) for keys in _LISTING_KEYS
    )


def _is_voc(head: bytes) -> bool:
    return b"<annotation" in head or b"<object" in head or b"HRSC" in head


def _is_yolo(head: bytes) -> bool:
    lines = head.removeprefix(b"\xef\xbb\xbf").splitlines()
    return any(_ROW.match(line) or _DOTA_ROW.match(line) for line in lines[:_SAMPLED])
