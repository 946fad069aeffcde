"""Detectors that were trained elsewhere: an ultralytics checkpoint, or a network in ONNX."""

from __future__ import annotations

import ast
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from utils.detection.detector import Detector
from utils.detection.exported_detector import load_foreign_network
from utils.detection.onnx.heads import Head, head_of
from utils.detection.ultralytics.checkpoint import load_model
from utils.detection.ultralytics.weights_files import Checkpoint, find_weights
from utils.errors import DetectorError
from utils.files import sha256_of
from utils.options import Options
from utils.shapes.shapes import ShapeKind

_SUFFIXES = (".pt", ".onnx")
_DEFAULT_SIDE = 640  # ultralytics' own


class RegistrationOptions(Options):
    """Options of registering a detector that was trained elsewhere."""

    file: str
    """Ultralytics checkpoint (`.pt`) or network (`.onnx`): a path, or `gs://...`."""

    head: Literal["auto", "nms", "end2end", "rtdetr", "classes"] = "auto"
    """Form of the outputs of an ONNX file: `nms` has a column of centre, size and class scores for
    each candidate; `end2end` a row of corners, score and class; `rtdetr` the same with places as
    shares of a stretched image; `classes` one score for each class. `auto` reads it from a file
    that ultralytics has exported."""

    class_names: tuple[str, ...] | None = None
    """Class names in the order of the outputs; by default those in the file."""

    rename: dict[str, str] = Field(default_factory=dict)
    """Other names for some classes, as the labels call them: `{boat: ship}`."""

    imgsz: Annotated[int, Field(ge=32)] | None = None
    """Side, in pixels, of the input of an ultralytics checkpoint; by default as it was trained. An
    ONNX file has a fixed one."""

    origin: str = ""
    """Origin of the detector, for the model card; by default the name of the file."""

    parameters: dict[str, Any] = Field(default_factory=dict)
    """Arguments of its training, as far as you know them, for the model card."""


@dataclass(frozen=True, slots=True)
class _Facts:
    """Facts of a network that its file tells."""

    class_names: tuple[str, ...]
    image_size: int
    head: str = ""


def register_detector(
    options: RegistrationOptions, kind: ShapeKind, known: Sequence[str], folder: Path
) -> Detector:
    """Make a detector of a file that was trained elsewhere; no code of the file is run.

    Args:
        options: Options of the registration.
        kind: Kind of the labels that it will be evaluated on.
        known: Class names of these labels.
        folder: Receives copies of the file.

    Raises:
        ConfigurationError: If the user names trusted weights in another way than by SHA-256.
        DetectorError: If the file is none, could run code, is of another kind than the labels, or
            has no class in common with them.
        StoreError: If the bucket cannot be read.
    """
    found = find_weights(options.file)
    suffix = Path(options.file).suffix.lower()
    if found is None or suffix not in _SUFFIXES:
        is_there = "is neither an ultralytics checkpoint (.pt) nor a network (.onnx)"
        reason = "does not exist" if found is None else is_there
        raise DetectorError(f"{options.file} {reason}. Name another file: --register-model FILE")
    copies = [folder / f"{role}{suffix}" for role in ("best", "last")]
    folder.mkdir(parents=True, exist_ok=True)
    for copy in copies:
        shutil.copyfile(found.model, copy)
    # Ultralytics looks for a file of another name where there are quotes in it.
    copied = replace(found, local_copy=copies[0])
    read = _of_network if suffix == ".onnx" else _of_checkpoint
    facts = read(copied, kind, options)
    name = Path(options.file).name
    detector = Detector(
        best=copies[0],
        last=copies[1],
        class_names=_renamed(facts.class_names, options, known),
        task=kind.value,
        image_size=facts.image_size,
        checkpoint=name,
        arguments=dict(options.parameters),
        metrics={},
        epochs=0,
        data_fingerprint="",
        run_fingerprint=sha256_of(copies[0]),
        head=facts.head,
        origin=options.origin or name,
    )
    if detector.is_exported:
        load_foreign_network(copies[0], detector.class_names, kind, Head(detector.head))
    return detector


def _of_checkpoint(found: Checkpoint, kind: ShapeKind, options: RegistrationOptions) -> _Facts:
    if options.head != "auto":
        raise DetectorError(
            "registration.head belongs to an ONNX file; a checkpoint knows its own."
        )
    try:
        model = load_model(found, kind)
    except DetectorError as error:
        told = str(error).replace(" in model_checkpoint", "")
        raise DetectorError(f"{told} The labels here are {kind.noun}.") from error
    names = options.class_names or tuple(str(name) for name in model.names.values())
    if len(names) != len(model.names):
        raise _wrong_number(names, len(model.names))
    trained = (getattr(model, "ckpt", None) or {}).get("train_args") or {}
    side = options.imgsz or trained.get("imgsz") or _DEFAULT_SIDE
    return _Facts(names, int(max(side) if isinstance(side, list | tuple) else side))


def _of_network(found: Checkpoint, kind: ShapeKind, options: RegistrationOptions) -> _Facts:
    name = Path(found.source).name
    metadata, side = _metadata_of(Path(found.model), name)
    if options.imgsz not in (None, side):
        raise DetectorError(f"{name} is for images of {side} px: leave out registration.imgsz.")
    if options.head == "auto" and "head" not in metadata:
        raise DetectorError(
            f"{name} does not say what its outputs mean. State its head: "
            "--set registration.head=nms (or end2end, rtdetr, classes; see docs/packaging.md)"
        )
    head = head_of(metadata) if options.head == "auto" else Head(options.head)
    task = metadata.get("task", kind.value)
    if task != kind:
        raise DetectorError(
            f"{name} is a model for the task '{task}', and the labels here are "
            f"{kind.noun} ('{kind}'). Register it for labels of its kind."
        )
    names = options.class_names or _names_in(metadata)
    if not names:
        raise DetectorError(
            f"{name} does not name its classes. Name them in the order of its outputs: "
            "--set 'registration.class_names=[NAME, ...]'"
        )
    return _Facts(names, side, head.value)


def _metadata_of(path: Path, name: str) -> tuple[dict[str, str], int]:
    """The metadata of an ONNX file, and the side of its input.

    Raises:
        DetectorError: If it is no ONNX file, or takes images of any size.
    """
    import onnx

    try:
        model = onnx.load(path, load_external_data=False)
        (entrance,) = model.graph.input
        *_, height, width = (axis.dim_value for axis in entrance.type.tensor_type.shape.dim)
    except Exception as error:  # of protobuf, or a network of another form
        raise DetectorError(
            f"{name} is no ONNX network with one image as its input. Export it again."
        ) from error
    if height != width or not height:
        raise DetectorError(
            f"{name} does not take images of one fixed, square size. Export it so, for "
            "instance with imgsz=640 and dynamic=False."
        )
    return {entry.key: entry.value for entry in model.metadata_props}, int(height)


def _names_in(metadata: Mapping[str, str]) -> tuple[str, ...]:
    """The class names that ultralytics writes into the metadata: the text of a dictionary."""
    try:
        names = ast.literal_eval(metadata.get("names", "{}"))
        return tuple(str(names[index]) for index in range(len(names)))
    except (ValueError, SyntaxError, KeyError, TypeError, RecursionError, MemoryError):
        return ()


def _renamed(
    names: Sequence[str], options: RegistrationOptions, known: Sequence[str]
) -> tuple[str, ...]:
    for name in options.rename:
        if name not in names:
            shown = ", ".join(names[:20])
            raise DetectorError(f"registration.rename: there is no class '{name}'. Known: {shown}.")
    renamed = tuple(options.rename.get(name, name) for name in names)
    if len(set(renamed)) < len(renamed):
        raise DetectorError("Two classes have one name. Correct registration.rename.")
    if known and not set(known) & set(renamed):
        raise DetectorError(
            f"No class of {Path(options.file).name} ({', '.join(renamed[:10])}) is one of the "
            f"labels ({', '.join(known[:10])}). Give its classes the names of the labels: "
            "--set 'registration.rename={NAME: NAME OF THE LABEL}'"
        )
    return renamed


def _wrong_number(names: Sequence[str], wanted: int) -> DetectorError:
    return DetectorError(
        f"registration.class_names names {len(names)} classes, and the detector has {wanted}."
    )
