"""The trackers of ultralytics: boxes of one frame after another, each with the id of its track."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from utils.detection.ultralytics.library import load_ultralytics
from utils.shapes.shapes import Shapes

TrackerName = Literal["bytetrack", "botsort"]
NO_TRACK = -1


class Tracker:
    """A tracker for one video, fed with its frames in order."""

    def __init__(self, name: TrackerName, least_score: float) -> None:
        """Start without tracks.

        Args:
            name: ByteTrack (Zhang et al., ECCV 2022), or BoT-SORT (Aharon et al., arXiv
                2206.14651), which follows the movement of the camera.
            least_score: Least score of a box that starts a track or belongs to one.
        """
        load_ultralytics()
        from ultralytics.trackers.bot_sort import BOTSORT
        from ultralytics.trackers.byte_tracker import BYTETracker
        from ultralytics.utils import YAML, IterableSimpleNamespace
        from ultralytics.utils.checks import check_yaml

        settings = YAML.load(check_yaml(f"{name}.yaml"))
        scores = ("track_high_thresh", "track_low_thresh", "new_track_thresh")
        settings.update(dict.fromkeys(scores, least_score))
        arguments = IterableSimpleNamespace(**settings)
        self._tracker: Any = (BOTSORT if name == "botsort" else BYTETracker)(arguments)
        self.needs_pixels = name == "botsort"

    def update(self, shapes: Shapes, pixels: NDArray[np.uint8] | None = None) -> NDArray[np.int64]:
        """Feed the boxes of the next frame.

        Args:
            shapes: Shapes with scores; their hulls are followed.
            pixels: The frame, shape (height, width, 3), RGB, where the tracker needs it.

        Returns:
            Id of the track of each shape, from 1, or `NO_TRACK`; shape (n,).
        """
        from ultralytics.engine.results import Boxes

        ids = np.full(len(shapes), NO_TRACK, dtype=np.int64)
        names = sorted(set(shapes.labels))
        classes = np.array([names.index(label) for label in shapes.labels], dtype=np.float32)
        rows = np.column_stack([shapes.xyxy, shapes.confidences, classes]).astype(np.float32)
        found = Boxes(rows.reshape(-1, 6), (1, 1))
        image = None if pixels is None else np.ascontiguousarray(pixels[..., ::-1])
        for row in self._tracker.update(found, image):
            ids[int(row[7])] = int(row[4])
        return ids
