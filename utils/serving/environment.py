"""The Python environment of the service: no torch, no ZenML, under 300 MB."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from utils.environments import OwnEnvironment, packages_folder, provide_environment
from utils.files import sha256_of

LOCK = Path(__file__).with_name("requirements.txt")
_NAME_LENGTH = 12
# Parts of packages that nothing here imports. The library of onnxruntime is for programs in C: its
# Python module has all of it inside.
_NOT_NEEDED = (
    "onnxruntime/capi/libonnxruntime.so.*",
    "onnxruntime/datasets",
    "onnxruntime/quantization",
    "onnxruntime/tools",
    "onnxruntime/transformers",
    "numpy/**/tests",
    "numpy/distutils",
    "numpy/f2py",
    "shapely/tests",
)


def service_python() -> Path:
    """The Python of the service's environment, installed on first use (some 10 seconds).

    The environment is `service-<hash of its lock>` in `$SPYGLASS_ENVIRONMENTS` or
    `.local/environments`, so that services of several versions of Spyglass run side by side.

    Raises:
        ServerError: If the installation fails.
    """
    return provide_environment(_environment()) / "bin" / "python"


def _environment() -> OwnEnvironment:
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    digest = sha256_of(LOCK)
    return OwnEnvironment(
        name=f"service-{version}-{digest[:_NAME_LENGTH]}",
        title="the service",
        lock=LOCK,
        state=f"{digest} {version}",
        remedy="Check the network, then run this again.",
        finish=_without_unneeded,
        compiled=True,
    )


def _without_unneeded(folder: Path) -> None:
    packages = packages_folder(folder)
    for pattern in _NOT_NEEDED:
        for found in sorted(packages.glob(pattern)):
            if found.is_dir():
                shutil.rmtree(found)
            else:
                found.unlink()
