"""The kinds of issues that labels give rise to, counted by these phrases."""

from __future__ import annotations

from utils.labels.objects import NO_IMAGE, UNKNOWN_CLASS, UNREADABLE_LABEL

__all__ = ["NO_IMAGE", "UNKNOWN_CLASS", "UNREADABLE_LABEL"]

NO_LABEL = "image without label"
CROWD_REGION = "crowd region left out"
FOUND_BY_NAME = "image found by its name alone"
SHARED_LABEL = "one label for several images"
