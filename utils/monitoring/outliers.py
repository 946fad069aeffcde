"""The outlier score: how far an image's features are from those of the training set.

The features are those of the last layer of the detector's backbone, averaged over the image. The
distance is that to the k-th nearest training image after scaling to unit length: Sun et al.,
"Out-of-distribution detection with deep nearest neighbors", ICML 2022. It is told as the share of
held-out images that are nearer, so that it means the same for every detector; beyond the farthest
of them, as a multiple of its distance.

This module needs numpy only, since it runs in the service.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from utils.files import written_whole

Features = NDArray[np.float32]

_NEIGHBOUR = 5


@dataclass(frozen=True, slots=True, eq=False)
class OutlierReference:
    """The features that others are compared with.

    Attributes:
        training: Unit vectors of training images, float32 of shape (n, channels).
        held_out: Distances of held-out images, ascending, float32 of shape (m,).
    """

    training: Features
    held_out: NDArray[np.float32]

    @classmethod
    def of(cls, training: Features, held_out: Features) -> Self:
        """Compare with some images.

        Args:
            training: Features of training images, shape (n, channels), n at least 1.
            held_out: Features of images that the detector never saw, shape (m, channels), m at
                least 1.
        """
        unit = _unit(training)
        distances = np.array([_distance(unit, one) for one in _unit(held_out)], dtype=np.float32)
        return cls(unit, np.sort(distances))

    def score(self, features: Features) -> float:
        """The outlier score of one image.

        Args:
            features: Features of the image, shape (channels,).

        Returns:
            The share of held-out images that are nearer to the training images, in [0, 1]; above 1,
            the distance as a multiple of that of the farthest held-out image.
        """
        distance = _distance(self.training, _unit(features[None])[0])
        farthest = float(self.held_out[-1])
        if distance > farthest:
            return distance / farthest if farthest > 0 else 1.0 + distance
        nearer = int(np.searchsorted(self.held_out, np.float32(distance), side="left"))
        return nearer / len(self.held_out)

    def save(self, path: Path) -> None:
        """Write the reference, the same bytes each time, without anything that runs as code."""
        arrays = {"training": self.training, "held_out": self.held_out}
        write: Any = np.lib.format.write_array
        with written_whole(path) as partial, zipfile.ZipFile(partial, "w") as archive:
            for name, array in arrays.items():
                entry = zipfile.ZipInfo(f"{name}.npy")  # of 1980: numpy notes the time
                with archive.open(entry, "w") as stream:
                    write(stream, array, allow_pickle=False)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            ValueError: If it is something else.
        """
        with np.load(path, allow_pickle=False) as arrays:
            return cls(arrays["training"], arrays["held_out"])


def _unit(features: Features) -> Features:
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    unit = features / np.maximum(lengths, np.finfo(np.float32).tiny)
    return np.asarray(unit, dtype=np.float32)


def _distance(training: Features, one: Features) -> float:
    """The distance to the k-th nearest training image."""
    likeness = training @ one
    k = min(_NEIGHBOUR, len(likeness))
    kth = float(np.partition(likeness, -k)[-k])
    return float(np.float32(np.sqrt(max(2 - 2 * kth, 0.0))))
