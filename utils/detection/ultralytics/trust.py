"""Refuse weights that could run code, unless the user trusts exactly this file.

A checkpoint is a pickle, and a pickle can call any function. Ultralytics' restricted loading
(`ULTRALYTICS_SAFE_LOAD`) reconstructs known classes of torch and ultralytics only, and builds
architectures without `eval`. It is on for this process and all processes that it starts.
"""

from __future__ import annotations

import os
import pickle
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zipfile import is_zipfile

from utils.errors import ConfigurationError
from utils.files import sha256_of

SAFE_LOAD = "ULTRALYTICS_SAFE_LOAD"
TRUSTED_WEIGHTS = "SPYGLASS_TRUSTED_WEIGHTS"
# The name of a refused class in messages of torch.
_REFUSED = re.compile(r"(?:GLOBAL|Unsupported class)\s*(\w+(?:\.\w+)+)")
_RESIDUAL_BLOCKS = "torchvision.models.resnet."
_SHA256 = re.compile(r"[0-9a-f]{64}")


def is_trusted(weights: Path) -> bool:
    """Whether the user has named the SHA-256 of a file in `SPYGLASS_TRUSTED_WEIGHTS`.

    Raises:
        ConfigurationError: If the variable holds anything but SHA-256 sums.
    """
    trusted = os.environ.get(TRUSTED_WEIGHTS, "").replace(",", " ").lower().split()
    for name in trusted:
        if not _SHA256.fullmatch(name):
            raise ConfigurationError(
                f"{TRUSTED_WEIGHTS}: '{name}' is not the SHA-256 of a file, 64 digits that "
                "`sha256sum` prints. Name each file that may run code by its SHA-256."
            )
    return bool(trusted) and weights.is_file() and sha256_of(weights) in trusted


@contextmanager
def trusting(weights: Path) -> Iterator[None]:
    """Within a block, lift the restriction if the user trusts a file, for new processes too.

    A training that begins with trusted weights writes other files with the same classes, so within
    the block the trust extends to every file.
    """
    from ultralytics.nn import tasks

    before = tasks.SAFE_LOAD, os.environ.get(SAFE_LOAD, "")
    if is_trusted(weights):
        tasks.SAFE_LOAD, os.environ[SAFE_LOAD] = False, "false"
    try:
        yield
    finally:
        tasks.SAFE_LOAD, os.environ[SAFE_LOAD] = before


def allow_blocks(weights: Path) -> None:
    """Let the restricted loader construct torchvision's residual blocks, for weights with some.

    They are layers like those of torch and ultralytics, which it knows, and run no code of a file.
    """
    import torch

    try:
        needed = torch.serialization.get_unsafe_globals_in_checkpoint(weights)
    except (OSError, ValueError, RuntimeError):  # loading it tells what is wrong
        return
    if any(name.startswith(_RESIDUAL_BLOCKS) for name in needed):
        from torchvision.models.resnet import BasicBlock, Bottleneck

        torch.serialization.add_safe_globals([BasicBlock, Bottleneck])


def refusal(source: str, weights: Path, error: Exception) -> str | None:
    """A sentence for weights that were refused since they could run code.

    Args:
        source: The weights as the user named them.
        weights: Their copy on this machine.
        error: The exception from loading them.

    Returns:
        The sentence with its remedy, or None if they failed to load for another reason.
    """
    cause = error.__cause__ if isinstance(error.__cause__, pickle.UnpicklingError) else error
    if not isinstance(cause, pickle.UnpicklingError):
        return None
    named = _REFUSED.search(str(cause))
    if named is None and not _is_pickle(weights):
        return None  # It is something else, such as an image.
    return (
        f"{source} is refused: loading it could run code that neither torch nor ultralytics "
        f"brings{f' ({named[1]})' if named else ''}. If you know who made this file, "
        f"allow it with: {TRUSTED_WEIGHTS}={sha256_of(weights)}"
    )


def _is_pickle(weights: Path) -> bool:
    """Whether a file is a pickle, or an archive of torch with one in it."""
    with weights.open("rb") as stream:
        return stream.read(1) == b"\x80" or is_zipfile(weights)
