"""Ultralytics as Spyglass uses it: private, quiet, and never waiting for a network.

By default it resolves names on import, checks for updates, reports usage, installs packages and
fetches fonts. Every import of it goes through `load_ultralytics`.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from utils.detection.devices import THREADS_VARIABLE, usable_cores
from utils.detection.ultralytics.trust import SAFE_LOAD, allow_blocks
from utils.files import write_whole
from utils.paths import local_folder
from utils.privacy import keep_private
from utils.threads import let_waiting_threads_sleep

_FONTS = ("Arial.ttf", "Arial.Unicode.ttf")
_SWITCHES = {
    # No look-ups, update checks or usage events; downloads that a user asks for still work.
    "YOLO_OFFLINE": "true",
    "YOLO_AUTOINSTALL": "false",  # never calls pip
    SAFE_LOAD: "true",  # weights run no code
}
# How many threads the user wants, as every library with OpenMP reads it.
_FOLDERS = ("weights_dir", "datasets_dir", "runs_dir")
_SETTINGS = {
    "sync": False,
    "clearml": False,
    "comet": False,
    "dvc": False,
    "mlflow": False,  # `utils.detection.tracking` does it, and survives a kill
    "raytune": False,
    "tensorboard": False,
    "wandb": False,
}


@cache
def load_ultralytics() -> Any:
    """Import ultralytics after setting its switches; switches that the user has set stay."""
    keep_private()
    let_waiting_threads_sleep()
    for variable, value in _SWITCHES.items():
        os.environ.setdefault(variable, value)
    os.environ.setdefault("TORCH_HOME", str(local_folder("weights", "torch")))
    os.environ.setdefault("YOLO_VERBOSE", str(is_verbose()))
    folder = Path(os.environ["YOLO_CONFIG_DIR"]).expanduser() / "Ultralytics"
    _write_settings(folder / "settings.json")
    _provide_fonts(folder)
    ultralytics = _imported_ultralytics()
    from PIL import Image
    from ultralytics.utils import patches, torch_utils

    # It leaves one core idle, which on two cores is half of the machine.
    torch_utils.NUM_THREADS = usable_cores()
    # It replaces Pillow's `open` by one that would install a package for files that are no image.
    Image.open = patches._image_open
    # At the end of a training it loads the weights again, with a loader that would run code.
    torch_utils.torch_load = _restricted_load
    return ultralytics


def _imported_ultralytics() -> Any:
    """Import ultralytics, which sets OMP_NUM_THREADS to 1 where the user has not set it.

    That is taken back: it would count for every program started from here.
    """
    is_chosen = "ultralytics" not in sys.modules and bool(os.environ.get(THREADS_VARIABLE))
    import ultralytics

    if not is_chosen:
        os.environ.pop(THREADS_VARIABLE, None)
    return ultralytics


def _restricted_load(weights: str | Path, **_: object) -> Any:
    """Load the content of a checkpoint, on the CPU, with the restricted loader."""
    from ultralytics.nn import tasks

    allow_blocks(Path(weights))
    return tasks.torch_safe_load(weights)[0]


def is_verbose() -> bool:
    """Whether the user wants to read the log of ultralytics: `SPYGLASS_VERBOSE=1`."""
    return os.environ.get("SPYGLASS_VERBOSE") == "1"


def library_version() -> str:
    """Version of ultralytics, on which trainings, exports and predictions depend."""
    return version("ultralytics-opencv-headless")


@contextmanager
def quiet() -> Iterator[None]:
    """Silence the log and the progress bars of ultralytics within a block, unless verbose."""
    load_ultralytics()
    logger = logging.getLogger("ultralytics")
    level = logger.level
    logger.setLevel(logging.INFO if is_verbose() else logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _write_settings(path: Path) -> None:
    if not path.is_file():
        folders = {name: str(local_folder(name.removesuffix("_dir"))) for name in _FOLDERS}
        write_whole(path, json.dumps(_SETTINGS | folders))


def _provide_fonts(folder: Path) -> None:
    """Put a font that matplotlib brings where ultralytics would download Arial to."""
    import matplotlib

    font = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    for name in _FONTS:
        if not (folder / name).exists():
            write_whole(folder / name, font.read_bytes())
