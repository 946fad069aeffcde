"""Files of weights and names of architectures: where they lie, and how they are downloaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from utils.detection.ultralytics.library import load_ultralytics, quiet
from utils.errors import DetectorError
from utils.files import sha256_of
from utils.paths import local_folder
from utils.shapes.shapes import ShapeKind
from utils.storage.cache import newest_copy
from utils.storage.objects import is_local

ARCHITECTURE = (".yaml", ".yml")
SUFFIXES = {
    ShapeKind.DETECT: "",
    ShapeKind.OBB: "-obb",
    ShapeKind.SEGMENT: "-seg",
    ShapeKind.CLASSIFY: "-cls",
}
_TASKS = ("-obb", "-seg", "-cls", "-pose", "-sem", "-depth", "-world")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The checkpoint that a training starts from.

    Attributes:
        source: A weights file, also `gs://...`, or the name of an architecture (`yolov8n.yaml`).
        identity: SHA-256 of the weights file, or the name of the architecture.
        local_copy: Local copy of a source that is in a bucket.
        architecture: Architecture of another task, such as `yolov8n-seg.yaml`, that takes over the
            weights of a detector as far as it has layers like them; None to train the model of the
            source itself.
    """

    source: str
    identity: str
    local_copy: Path | None = None
    architecture: str | None = None

    @property
    def model(self) -> str:
        """The file or the architecture for ultralytics to load."""
        return str(self.local_copy or self.source)

    @property
    def from_scratch(self) -> bool:
        """Whether there are no weights, only an architecture."""
        return self.source.endswith(ARCHITECTURE)


class DownloadError(DetectorError):
    """Weights of a known name that cannot be had from here: their architecture still can."""


def name_for(wanted: str, kind: ShapeKind) -> str:
    """The name of the sibling of a detector that is trained on shapes of a kind.

    A path, and a name that says its task itself, stay as they are.
    """
    stem, dot, suffix = wanted.rpartition(".")
    if not is_bare_name(wanted) or any(task in stem for task in _TASKS):
        return wanted
    return f"{stem}{SUFFIXES[kind]}{dot}{suffix}"


def find_weights(place: str) -> Checkpoint | None:
    """The weights at a path or `gs://...`, if there are any."""
    if is_local(place):
        path = Path(place).expanduser().absolute()
        return Checkpoint(str(path), sha256_of(path)) if path.is_file() else None
    copy = newest_copy(place)
    return Checkpoint(place, sha256_of(copy), copy) if copy else None


def is_bare_name(wanted: str) -> bool:
    """Whether weights are named without a folder."""
    return is_local(wanted) and Path(wanted).name == wanted


def find_by_name(wanted: str, weights_dir: str | None) -> Checkpoint:
    """The weights of a name in a folder, downloaded if they are not there.

    Args:
        wanted: Name of the weights.
        weights_dir: Folder, also `gs://...`; by default `.local/weights`.

    Raises:
        DetectorError: If there are none.
        StoreError: If the bucket cannot be read.
    """
    if not is_local(wanted):
        raise DetectorError(
            f"{wanted} does not exist. Correct model_checkpoint, or put the weights there with: "
            f"gcloud storage cp <file> {wanted}"
        )
    folder = weights_dir or str(local_folder("weights"))
    found = find_weights(f"{folder}/{wanted}")
    if found is None:
        keep = Path(folder).expanduser() if is_local(folder) else local_folder("weights")
        downloaded = _download(wanted, keep).absolute()
        found = Checkpoint(str(downloaded), sha256_of(downloaded))
    return found


def _download(name: str, folder: Path) -> Path:
    load_ultralytics()
    from ultralytics.utils.checks import check_yolov5u_filename
    from ultralytics.utils.downloads import GITHUB_ASSETS_NAMES, attempt_download_asset

    published = check_yolov5u_filename(
        name, verbose=False
    )  # yolov5n.pt is published as yolov5nu.pt
    if published not in GITHUB_ASSETS_NAMES:
        raise DetectorError(
            f"'{name}' is neither a file nor in {folder}, and ultralytics publishes no weights of "
            f"that name. {_remedy(name)}"
        )
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with quiet():
            return Path(attempt_download_asset(folder / published))
    except Exception as error:  # requests, urllib3 and ConnectionError alike
        raise DownloadError(
            f"The weights '{published}' are not in {folder} and cannot be downloaded: "
            f"{first_line(error)}. Put the file there."
        ) from error


def _remedy(name: str) -> str:
    if is_bare_name(name) and Path(name).is_file():
        return f"To use the file of the current folder, set model_checkpoint: ./{name}"
    return "Put the file there, or name another in model_checkpoint."


def first_line(error: Exception) -> str:
    """The first line of an error's message, without a full stop."""
    text = str(error).strip("❌ \n")
    return text.splitlines()[0].rstrip(".") if text else type(error).__name__
