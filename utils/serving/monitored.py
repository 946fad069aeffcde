"""The notes of a model on this machine, and what they are compared with."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from PIL import Image

from utils.dataset.labeled import LabeledTile
from utils.errors import BundleError, ConfigurationError, SpyglassError
from utils.files import write_whole
from utils.geometry import Window
from utils.images.options import PixelOptions
from utils.images.reader import image_size
from utils.monitoring.journal import DRIFT, IMAGES
from utils.monitoring.look import Reference, References, look
from utils.monitoring.monitoring import Monitoring
from utils.monitoring.options import MonitoringOptions
from utils.monitoring.tables import NoteRows, read_notes
from utils.monitoring.telling import Told, tell
from utils.monitoring.watched import FarOut, Watched
from utils.paths import local_folder
from utils.reports.scene_pictures import crops
from utils.serving.bundle import SOURCE, Bundle
from utils.serving.running import STATE, deploy_command, service_folder
from utils.tiling.tile import scene_key

_NOTES = "notes"
_TOLD = "told.json"
_SIDE = 640  # of a picture in the result, at most
_SHA256 = re.compile("[0-9a-f]{64}")
_OF_ANY_SIZE = PixelOptions(max_pixels=sys.maxsize)
_AGAIN = "python run.py --package"


def service_notes(model: str) -> Path:
    """The folder in which the service of a model notes."""
    return service_folder(model) / STATE / _NOTES


def inference_notes(model: str) -> Path:
    """The folder in which the inferences with a model note."""
    return local_folder(_NOTES, service_folder(model).name)


def monitoring_folder(model: str) -> Path:
    """The folder of what was told about a model, and of the page that stays up."""
    return local_folder("monitoring", service_folder(model).name)


def notes_of(model: str, days: float, now: float) -> NoteRows:
    """The notes of a model on this machine, of some days.

    Raises:
        ConfigurationError: If there are none.
    """
    folders = [service_notes(model), inference_notes(model)]
    rows = read_notes(folders, since=now - days * 86_400)
    if not len(rows):
        late = f" ({rows.future:,} have a time that is yet to come)" if rows.future else ""
        # A service that an earlier version of Spyglass started goes on with that version's code.
        raise ConfigurationError(
            f"No prediction of '{model}' of the last {days:g} days is noted on this machine{late}. "
            "Predict, or serve the detector and send it images:\n"
            "  python run.py --inference\n"
            "  python run.py --deploy\n"
            "A service that runs since before there were notes has to be ended first:\n"
            "  python run.py --undeploy"
        )
    return rows


def bundle_here(digest: str) -> Bundle | None:
    """The copy of a bundle that was served on this machine."""
    if not digest:
        return None
    try:
        return Bundle.open(local_folder("bundles") / digest / SOURCE)
    except BundleError:
        return None


def reference_of(bundle: Bundle | None, version: str) -> Reference:
    """The reference of a version, from its bundle."""
    if not version:
        return Reference(problem="No version was in service yet.")
    if bundle is None:
        told = f"Version {version} has no bundle that this machine knows. Pack it with: {_AGAIN}"
        return Reference(problem=f"{told} --set version={version}")
    if not bundle.reference.is_file():
        return Reference(
            class_names=bundle.class_names,
            problem=f"The bundle of version {version} was packed before there was monitoring. "
            f"Pack it again with: {_AGAIN} --set version={version}, then python run.py --deploy",
        )
    return Reference(pq.read_table(bundle.reference), bundle.class_names)


@dataclass(slots=True)
class WindowPictures:
    """Copies the pictures of windows, where the service or an inference has kept them.

    Attributes:
        model: Name of the model.
        folder: Folder of the copies.
        scenes: Files of scenes on this machine, by id.
    """

    model: str
    folder: Path
    scenes: dict[str, Path] = field(default_factory=dict)

    def __call__(self, window: FarOut) -> str:
        """Copy the picture of a window; returns its name, empty without one."""
        source = self.scenes.get(window.image) or self._kept(window.image)
        if source is None or not source.is_file():
            return ""
        left, top, *_ = window.window
        name = f"{scene_key(window.image)}-{left}-{top}.jpg"
        try:
            shown = _window_of(source, window)
        except (SpyglassError, OSError, ValueError):
            return ""
        shown.thumbnail((_SIDE, _SIDE))
        self.folder.mkdir(parents=True, exist_ok=True)
        shown.convert("RGB").save(self.folder / name, "JPEG", quality=85)
        return name

    def _kept(self, image: str) -> Path | None:
        if not _SHA256.fullmatch(image):
            return None
        return next((service_notes(self.model) / IMAGES).glob(f"{image}.*"), None)


def _window_of(source: Path, window: FarOut) -> Image.Image:
    """The pixels of a window; of a kept thumbnail its part, whatever its resolution."""
    width, _ = image_size(source, _OF_ANY_SIZE)
    left, top, wide, high = window.window
    scale = width / max(window.size[0], 1)
    place = Window(
        x=int(left * scale),
        y=int(top * scale),
        width=max(int(wide * scale), 1),
        height=max(int(high * scale), 1),
    )
    (pixels,) = (crop for _, crop in crops(source, [place]))
    return pixels


@dataclass(frozen=True, slots=True)
class Monitored:
    """A model whose noted predictions are looked at, once or again and again.

    Attributes:
        model: Name of the model.
        options: Period, rule and alarms.
        references: The reference of each version.
    """

    model: str
    options: MonitoringOptions
    references: References

    def look(
        self, labels: Sequence[LabeledTile], scenes: dict[str, Path], folder: Path
    ) -> Monitoring:
        """Look once, and leave the drift to the service's `/metrics`.

        Args:
            labels: Labelled tiles, of which the reviewed ones tell precision and recall.
            scenes: Files of scenes on this machine, by id.
            folder: Folder of the pictures.

        Raises:
            ConfigurationError: If nothing is noted.
        """
        now = time.time()
        rows = notes_of(self.model, self.options.period.days, now)
        found = look(
            self.model,
            rows,
            self.references,
            self.options,
            labels=labels,
            pictures=WindowPictures(self.model, folder, scenes),
            folder=folder,
            now=now,
        )
        tell_service(found)
        return replace(found, keep=deploy_command(self.model, "deployment.keep=thumbnails"))

    def tell(self, found: Monitoring) -> Told:
        """Tell each alarm of a look once."""
        memory = monitoring_folder(self.model) / _TOLD
        return tell(self.model, found.alarms, self.options.alarms, memory)


def tell_service(found: Monitoring) -> None:
    """Leave the drift of the version in service where its `/metrics` looks for it."""
    folder = service_notes(found.model)
    if folder.is_dir():
        served = [one for one in found.versions if one.source == "service" and one.drifts]
        write_whole(folder / DRIFT, json.dumps(drift_told(served, len(found.alarms))))


def drift_told(served: Sequence[Watched], alarms: int) -> dict[str, Any]:
    """The drift of some versions as JSON."""
    return {
        "alarms": alarms,
        "versions": [
            {
                "version": one.version,
                "role": one.role,
                "windows": one.compared,
                "quantities": {
                    drift.quantity: {
                        "ks": drift.ks,
                        "wasserstein": drift.wasserstein,
                        "found": drift.found,
                        "judged": drift.can_be_judged,
                    }
                    for drift in one.drifts
                },
            }
            for one in served
        ],
    }
