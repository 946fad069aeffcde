"""Labels of videos: boxes by frame, drawn by people or put between those that they drew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from utils.errors import LabelError
from utils.labels.objects import (
    UNREADABLE_LABEL,
    Fault,
    Hull,
    ImageLabels,
    LabelledObject,
    Size,
)

_SAME_COUNT = 1  # frames by which two counts of one video may differ: its end is cut or rounded up
_WHOLE_RATE = 0.01  # a rate this near to a whole number is that number


@dataclass(frozen=True, slots=True)
class Moving:
    """A box between two frames, at which it has been drawn or ends.

    Attributes:
        label: Class name.
        first: Index of the frame before.
        then: Index of the frame after.
        from_hull: Hull in the frame before.
        to_hull: Hull in the frame after.
    """

    label: str
    first: int
    then: int
    from_hull: Hull
    to_hull: Hull

    def at(self, frame: int) -> LabelledObject:
        """The box in a frame between."""
        share = (frame - self.first) / (self.then - self.first)
        pairs = zip(self.from_hull, self.to_hull, strict=True)
        x1, y1, x2, y2 = (start + (stop - start) * share for start, stop in pairs)
        return LabelledObject(self.label, (x1, y1, x2, y2))


@dataclass(slots=True)
class VideoLabels:
    """The labels of one video.

    Attributes:
        video: Name of the video as the file states it; empty where it states none.
        size: Width and height that the coordinates refer to; `SHARES` for shares.
        frames: Labels by index of the frame; those that cannot be read are faults there.
        keys: Number of objects by index of the frame that people drew there.
        faults: Labels that cannot be read and whose frame is not known.
        labelled: Frames that people looked through, in one or several parts.
        is_range_stated: Whether the file states those frames.
        moving: Boxes that move evenly from one frame to another, both left out.
        gaps: Frames in which something is, but cannot be read.
        count: Number of frames that the tool counted in the video; None where it is not stated.
        seconds: Duration of the video as the tool measured it; None where it is not stated.
    """

    video: str = ""
    size: Size | None = None
    frames: dict[int, ImageLabels] = field(default_factory=dict)
    keys: dict[int, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    labelled: tuple[range | frozenset[int], ...] = ()
    is_range_stated: bool = False
    moving: list[Moving] = field(default_factory=list)
    gaps: list[tuple[range, Fault]] = field(default_factory=list)
    count: float | None = None
    seconds: float | None = None

    def at(self, frame: int) -> ImageLabels:
        """The labels of a frame, to add to."""
        return self.frames.setdefault(frame, ImageLabels(frame=self.size))

    def add(self, frame: int, found: LabelledObject, *, is_key: bool) -> None:
        """Add an object to a frame."""
        self.at(frame).objects.append(found)
        self.keys[frame] = self.keys.get(frame, 0) + is_key

    def state_range(self, frames: range | frozenset[int] | None) -> None:
        """Set the frames that people looked through; None for all between the labels."""
        self.is_range_stated = frames is not None
        if frames is None:
            frames = range(min(self.frames), max(self.frames) + 1) if self.frames else range(0)
        self.labelled = (frames,)

    @property
    def rate(self) -> float | None:
        """The frames in a second as the tool counted them; None where that is not known."""
        if not self.count or not self.seconds:
            return None
        rate = self.count / self.seconds
        return round(rate) if abs(rate - round(rate)) < _WHOLE_RATE else rate

    def counts_as(self, frames: int) -> bool:
        """Whether the tool counted the frames as the video does, which has so many."""
        return self.count is None or abs(self.count - frames) <= _SAME_COUNT

    def of_frame(self, frame: int) -> ImageLabels | None:
        """The labels of a frame; None for one that nobody looked through."""
        if not any(frame in part for part in self.labelled):
            return None
        found = self.frames.get(frame) or ImageLabels(frame=self.size)
        between = [one.at(frame) for one in self.moving if one.first < frame < one.then]
        unread = [fault for frames, fault in self.gaps if frame in frames]
        if not between and not unread:
            return found
        return replace(found, objects=[*found.objects, *between], faults=[*found.faults, *unread])

    def is_passed_over(self, frame: int) -> bool:
        """Whether a frame lies between two that people looked through, but was not shown."""
        steps = (part for part in self.labelled if isinstance(part, range) and part.step > 1)
        return any(part.start < frame < part.stop and frame not in part for part in steps)

    def drawn_in(self, frames: range) -> int:
        """The number of objects that people drew in any of these frames."""
        if frames.stop - frames.start == 1:
            return self.keys.get(frames.start, 0)
        return sum(count for frame, count in self.keys.items() if frame in frames)

    def shifted(self, frames: int) -> VideoLabels:
        """The labels so many frames later, for a file that states the frames of each."""
        labelled = tuple(
            range(part.start + frames, part.stop + frames, part.step)
            if isinstance(part, range)
            else frozenset(frame + frames for frame in part)
            for part in self.labelled
        )
        return replace(
            self,
            frames={frame + frames: found for frame, found in self.frames.items()},
            keys={frame + frames: count for frame, count in self.keys.items()},
            labelled=labelled,
        )


def joined(parts: Sequence[VideoLabels]) -> VideoLabels:
    """The labels of several jobs or tasks of one video.

    Jobs overlap in a few frames. Where the objects there differ, the frame is unlabelled: nothing
    says which of the jobs is right.

    Raises:
        LabelError: If one covers another, or they do not state frames that can be compared.
    """
    first, *others = sorted(parts, key=lambda part: _ends(part)[0])
    found = replace(first, frames=dict(first.frames), keys=dict(first.keys))
    last = first
    for part in others:
        starts, stops = zip(_ends(last), _ends(part), strict=True)
        if not all(one.is_range_stated and one.count is None for one in (last, part)):
            raise LabelError("They do not both state which frames of the video are theirs.")
        if not (starts[0] < starts[1] and stops[0] < stops[1]):
            raise LabelError("They cover the same frames.")
        _merge(found, part)
        last = part
    return found


def _ends(part: VideoLabels) -> tuple[int, int]:
    """The first and the last frame that people looked through."""
    ends = [
        (frames[0], frames[-1]) if isinstance(frames, range) else (min(frames), max(frames))
        for frames in part.labelled
        if frames
    ]
    return min((first for first, _ in ends), default=0), max((last for _, last in ends), default=0)


def _merge(found: VideoLabels, part: VideoLabels) -> None:
    own = found.labelled
    for frame in sorted(found.frames.keys() | part.frames.keys()):
        is_shared = any(frame in frames for frames in own) and any(
            frame in frames for frames in part.labelled
        )
        ours, theirs = found.frames.get(frame), part.frames.get(frame)
        if is_shared and _identities(ours) != _identities(theirs):
            count = max(len(_identities(ours)), len(_identities(theirs)))
            fault = Fault(UNREADABLE_LABEL, "two files of labels differ in it", lost=count)
            found.frames[frame] = ImageLabels(faults=[fault], is_labelled=False)
            found.keys.pop(frame, None)
        elif ours is None and theirs is not None:
            found.frames[frame] = theirs
            found.keys[frame] = part.keys.get(frame, 0)
    found.labelled = (*own, *part.labelled)
    found.faults = [*found.faults, *part.faults]


def _identities(labels: ImageLabels | None) -> set[tuple[object, ...]]:
    return set() if labels is None else {found.identity for found in labels.objects}
