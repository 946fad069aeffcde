"""The frames of labels that belong to the frames of a video, which may be counted otherwise."""

from __future__ import annotations

from fractions import Fraction

from utils.images.video import Frame
from utils.labels.objects import ImageLabels
from utils.labels.tracks import VideoLabels


class Places:
    """Follows the frames of a video through its labels, each frame in the order of display.

    Where the tool counted as many frames as the video has, the index is the same in both. Where it
    counted at a rate of its own, as Label Studio does, a frame is the nearest one in time.
    """

    def __init__(self, labels: VideoLabels | None, stated: int) -> None:
        """Follow a video.

        Args:
            labels: Its labels; None where it has none.
            stated: Number of frames that its header states; 0 where it states none.
        """
        self._labels = labels or VideoLabels()
        is_same = self._labels.counts_as(stated)
        self._rate = None if is_same else self._labels.rate
        self._start: Fraction | None = None
        self._here = range(0)
        frames = self._labels.frames.items()
        self._unmet = {frame for frame, found in frames if found.objects or found.faults}

    def take(self, frame: Frame) -> None:
        """Go on to the next frame."""
        place, first = frame.index, frame.index
        if self._rate is not None and frame.seconds is not None:
            self._start = frame.seconds if self._start is None else self._start
            place = round(float(frame.seconds - self._start) * self._rate)
            first = self._here.stop
        self._here = range(first, place + 1)
        self._place = place
        self._unmet.discard(place)

    def labels_here(self) -> ImageLabels | None:
        """The labels of the frame; None for one that nobody looked through."""
        return self._labels.of_frame(self._place)

    def drawn_here(self) -> int:
        """The number of objects that people drew since the frame before."""
        return self._labels.drawn_in(self._here)

    def is_passed_over(self) -> bool:
        """Whether the frame was shown to nobody, though those around it were."""
        return self._labels.is_passed_over(self._place)

    def beyond(self) -> tuple[list[int], int]:
        """The frames of labels that the video does not have, and the number of labels in them."""
        last = self._here.stop
        frames = sorted(
            frame for frame in self._unmet if self._rate is None or not 0 <= frame < last
        )
        labels = [self._labels.frames[frame] for frame in frames]
        return frames, sum(len(found.objects) + found.lost for found in labels)
