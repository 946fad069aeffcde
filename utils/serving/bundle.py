"""A bundle: a detector packed for the world outside, in a folder that is also a bento.

    <root>/bento.yaml               for BentoML
           README.md                the model card
           env/python/requirements.txt, env/docker/Dockerfile
           src/bundle.json          what `Bundle` says, with a hash of every other file of `src`
               network.onnx
               test/image.png, test/expected.json
               outliers.npz             features of the training set (monitoring)
               reference.parquet        notes of the test split (monitoring)
               card.md, card.html, LICENSE, service.py
               utils/...            the code that serves

Nothing in it depends on when or where it was packed.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from utils.detection.onnx.heads import Head, NetworkSettings
from utils.detection.onnx.network import OnnxNetwork
from utils.files import sha256_of, write_whole
from utils.monitoring.outliers import OutlierReference
from utils.serving.bundle_files import (
    BYTE_CODE,
    CARD,
    FORMAT,
    checked_card,
    damaged,
    files_in,
)
from utils.shapes.shapes import ShapeKind

SOURCE = "src"
_NETWORK = "network.onnx"
_OUTLIERS = "outliers.npz"
_REFERENCE = "reference.parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleSettings:
    """Settings of the predictions, as in `InferenceOptions` but with every number chosen.

    Attributes:
        confidence: Minimum score of a shape that is kept.
        iou: NMS threshold within a window.
        merge_iou: Threshold between windows.
        max_boxes: Maximum number of shapes per window.
        outline_tolerance: Distance by which an outline may be simplified, in pixels.
        top_k: Maximum number of classes of a whole image.
        tile_size: Side of the windows, in pixels.
        overlap: Overlap of neighbouring windows, in pixels.
        classify: Subject of a classification: `scene` or `tile`.
        skip_empty: Whether windows of empty water are skipped.
        empty_contrast: Minimum contrast of a window that is not skipped then.
        edges: Treatment of boxes at areas without data: `keep` or `drop`.
        pixels: How the pixels are read, as in `PixelOptions`.
        ground_sample_distance: Length of a pixel of the training tiles on the ground, in metres, or
            None if it is not known, or if the size of the windows was chosen by hand.
        tile_side: Longest side of the training tiles, in pixels, or None if it is not known.
    """

    confidence: float
    iou: float
    merge_iou: float
    max_boxes: int
    outline_tolerance: float
    top_k: int
    tile_size: int
    overlap: int
    classify: str
    skip_empty: bool
    empty_contrast: int
    edges: str
    pixels: dict[str, Any]
    ground_sample_distance: float | None
    tile_side: int | None

    def of_network(self, confidence: float) -> NetworkSettings:
        """The settings of one window, with a minimum score of its own."""
        return NetworkSettings(
            confidence=confidence,
            iou=self.iou,
            max_boxes=self.max_boxes,
            outline_tolerance=self.outline_tolerance,
            top_k=self.top_k,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A bundle whose files are as they were packed.

    Attributes:
        folder: Its folder `src`.
        digest: SHA-256 of `bundle.json`, in hex: the identity of the bundle.
        model: Name of the model.
        version: Version of the model.
        kind: Kind of the shapes that it predicts.
        class_names: Class names in the order of the network's outputs.
        image_size: Side of the network's input, in pixels.
        head: Form of the network's outputs.
        settings: Settings of the predictions.
        evaluation: Scores by name, such as `mAP50`.
        weights: SHA-256 of the weights that the network was exported from, in hex.
    """

    folder: Path
    digest: str
    model: str
    version: str
    kind: ShapeKind
    class_names: tuple[str, ...]
    image_size: int
    head: Head
    settings: BundleSettings
    evaluation: dict[str, float] = field(default_factory=dict)
    weights: str = ""

    @property
    def root(self) -> Path:
        """The folder of the bento."""
        return self.folder.parent

    @property
    def network(self) -> Path:
        """The network, for one image at a time."""
        return self.folder / _NETWORK

    @property
    def test_image(self) -> Path:
        """The test image."""
        return self.folder / "test" / "image.png"

    @property
    def expected(self) -> Path:
        """The answer of `POST /predict` for the test image: the service must find this."""
        return self.folder / "test" / "expected.json"

    @property
    def outliers(self) -> Path:
        """The features of the training set; bundles of networks without features have none."""
        return self.folder / _OUTLIERS

    @property
    def reference(self) -> Path:
        """The notes of the test split; bundles from before there were notes have none."""
        return self.folder / _REFERENCE

    def load_outliers(self) -> OutlierReference | None:
        """The features of the training set, or None where the bundle has none."""
        return OutlierReference.load(self.outliers) if self.outliers.is_file() else None

    def load_network(self, confidence: float, threads: int = 1) -> OnnxNetwork:
        """Load the network.

        Args:
            confidence: Minimum score of a shape that is kept.
            threads: Number of threads that compute one image.
        """
        settings = self.settings.of_network(confidence)
        return OnnxNetwork.load(
            self.network, self.class_names, self.kind, self.head, settings, threads
        )

    def write(self) -> Self:
        """Write `bundle.json` beside the other files of its folder, whose hashes it then holds."""
        files = {name: sha256_of(self.folder / name) for name in files_in(self.folder)}
        card = {
            "format": FORMAT,
            "model": self.model,
            "version": self.version,
            "kind": self.kind.value,
            "class_names": list(self.class_names),
            "network": {
                "file": _NETWORK,
                "image_size": self.image_size,
                "head": self.head.value,
            },
            "settings": asdict(self.settings),
            "test": {"image": "test/image.png", "expected": "test/expected.json"},
            "evaluation": self.evaluation,
            "weights": self.weights,
            "files": files,
        }
        text = json.dumps(card, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
        write_whole(self.folder / CARD, text + "\n")
        return type(self).open(self.folder)

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open a bundle, and make sure that every file is as it was packed.

        Args:
            folder: Its folder `src`, which holds `bundle.json`.

        Raises:
            BundleError: If there is no bundle, one of another format, or a file that is missing,
                changed or added.
        """
        card, digest = checked_card(folder)
        try:
            return cls._of(card, folder, digest)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise damaged() from None

    @classmethod
    def _of(cls, card: dict[str, Any], folder: Path, digest: str) -> Self:
        return cls(
            folder=folder,
            digest=digest,
            model=str(card["model"]),
            version=str(card["version"]),
            kind=ShapeKind(card["kind"]),
            class_names=tuple(str(name) for name in card["class_names"]),
            image_size=int(card["network"]["image_size"]),
            head=Head(card["network"]["head"]),
            settings=BundleSettings(**card["settings"]),
            evaluation={str(name): float(one) for name, one in card["evaluation"].items()},
            weights=str(card["weights"]),
        )

    def save(self, folder: Path) -> None:
        """Copy the bundle, with all its files, to a folder."""
        ignored = shutil.ignore_patterns(BYTE_CODE)
        shutil.copytree(self.root, folder, dirs_exist_ok=True, ignore=ignored)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Open a bundle that `save` wrote; see `open`."""
        return cls.open(folder / SOURCE)
