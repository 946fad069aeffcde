"""Videos and sequences of frames, whose frames become scenes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from utils.errors import ImageError, LabelError, SourceError
from utils.files import written_whole
from utils.images.formats import IMAGE_SUFFIXES
from utils.images.reader import read_strips
from utils.images.video import VIDEO_SUFFIXES, Frame, Pixels, read_frames, video_facts
from utils.issues import IssueReport
from utils.labels.objects import NO_LABEL, UNREADABLE_LABEL, ImageLabels
from utils.labels.tracks import VideoLabels
from utils.paths import local_folder
from utils.scenes.frame_choice import Changes, Steps
from utils.scenes.image_files import bytes_of, existing_folder, folder_tags
from utils.scenes.listing import list_files
from utils.scenes.options import VideoSource
from utils.scenes.scene import Scene, SceneSource
from utils.scenes.selection import Selection
from utils.scenes.settle import Notices, settled
from utils.scenes.video_labels import FoundLabels, find_labels
from utils.scenes.video_places import Places
from utils.storage.disk import disk_faults

BEYOND = "labels of frames that the video does not have"
DAMAGED = "video is damaged"
SHORTER = "video holds fewer frames than it states"
INTERPOLATED = "boxes between key frames"
INTERPOLATED_TAG = "interpolated"
_NUMBER = re.compile(r"(\d+)$")
_HASH_DIGITS = 16
_ROWS = 512


@dataclass(frozen=True, slots=True)
class Clip:
    """A video, or a folder of frames.

    Attributes:
        path: The file, or the folder.
        name: Its path below the root of the source.
        frames: Gives its frames with the image that holds each, None where none does yet.
    """

    path: Path
    name: str
    frames: Callable[[], Iterator[tuple[Frame, Path | None]]]


def open_video(options: VideoSource) -> SceneSource:
    """Open a video, or a folder of videos and sequences of frames.

    Raises:
        SourceError: If there is none.
    """
    given = Path(options.path).expanduser().absolute()
    is_one = given.is_file() and given.suffix.lower() in VIDEO_SUFFIXES
    root = given.parent if is_one else existing_folder(Path(options.path))
    only_class = options.classes[0] if len(options.classes) == 1 else None
    labels = find_labels(root, only_class)
    clips = [clip for clip in _clips(root, labels) if not is_one or clip.path == given]
    if not clips:
        kinds = ", ".join(sorted(VIDEO_SUFFIXES))
        raise SourceError(f"There is no video below {root}. Videos end in {kinds}.")
    name = options.name or root.name

    def read(report: IssueReport, selection: Selection) -> Iterator[Scene]:
        reader = _Reader(name, options, labels, report if selection.shard == 0 else IssueReport())
        if selection.shard == 0:
            report.extend(labels.issues)
        chosen = (found for clip in clips for found in reader.chosen(clip))
        for scene in map(reader.scene, selection.of(chosen)):
            yield reader.settle(scene, report)
        reader.notices.report(name, report)

    return SceneSource(
        name,
        (),
        None,
        read,
        partial(bytes_of, [clip.path for clip in clips if clip.path.is_file()]),
    )


def _clips(root: Path, labels: FoundLabels) -> Iterator[Clip]:
    files = list_files(root).files
    for path in files:
        if path.suffix.lower() in VIDEO_SUFFIXES:
            frames = partial(_of_file, path)
            yield Clip(path, path.relative_to(root).as_posix(), frames)
    by_folder: dict[Path, list[Path]] = {}
    for path in files:
        if path.suffix.lower() in IMAGE_SUFFIXES:
            by_folder.setdefault(path.parent, []).append(path)
    for folder, images in by_folder.items():
        if (first := labels.first_of(folder)) is not None:
            frames = partial(_of_images, images, first)
            yield Clip(folder, folder.relative_to(root).as_posix(), frames)


def _of_file(path: Path) -> Iterator[tuple[Frame, Path | None]]:
    return ((frame, None) for frame in read_frames(path))


def _of_images(images: list[Path], first: int) -> Iterator[tuple[Frame, Path | None]]:
    """The frames in images whose names end in their number, which counts from `first`."""
    numbered = [
        (int(found.group(1)), path) for path in images if (found := _NUMBER.search(path.stem))
    ]
    for number, path in sorted(numbered):
        yield Frame(number - first, None, partial(_pixels, path)), path


def _pixels(path: Path) -> Pixels:
    """The pixels of an image that is a frame.

    Raises:
        ImageError: If it cannot be read.
    """
    strips = read_strips(path, tile_size=_ROWS, overlap=0)
    return np.ascontiguousarray(np.vstack([strip for _, strip in strips]))


@dataclass(frozen=True, slots=True)
class _Chosen:
    """A frame that becomes a scene."""

    clip: Clip
    frame: Frame
    image: Path | None
    labels: ImageLabels | None
    is_interpolated: bool


class _Reader:
    """Reads the clips of a source, each once."""

    def __init__(
        self, name: str, options: VideoSource, labels: FoundLabels, report: IssueReport
    ) -> None:
        self.notices = Notices()
        self._name = name
        self._options = options
        self._labels = labels
        self._report = report  # of what concerns no single scene

    def chosen(self, clip: Clip) -> Iterator[_Chosen]:
        """Yield the frames of a clip that become scenes; what is wrong with it is reported."""
        stated = self._stated_frames(clip)
        places = Places(self._labels_of(clip, stated), stated)
        is_wanted = self._choice(places)
        count = 0
        try:
            for frame, image in clip.frames():
                count += 1
                places.take(frame)
                if self._is_wanted(frame, image, is_wanted):
                    yield self._found(clip, frame, image, places)
        except ImageError as error:
            self._report.add(clip.path, DAMAGED, f"{error} {count} frames were read")
        else:
            self._note_beyond(clip, places)
        if count < stated:
            detail = f"it states {stated} frames and holds {count}"
            self._report.add(clip.path, SHORTER, detail, set_aside=False)

    def _stated_frames(self, clip: Clip) -> int:
        """The number of frames that the header of a video states; 0 where it states none."""
        try:
            return video_facts(clip.path).stated_frames if clip.path.is_file() else 0
        except ImageError:
            return 0  # told when its frames are read

    def _labels_of(self, clip: Clip, stated: int) -> VideoLabels | None:
        try:
            labels = self._labels.of(clip.path, clip.name)
        except LabelError as error:
            self._report.add(clip.path, UNREADABLE_LABEL, error, lost=1)
            return None
        if labels is None:
            if self._labels.is_any:
                detail = "no labels belong to it; its frames are unlabelled"
                self._report.add(clip.path, NO_LABEL, detail, set_aside=False)
            return None
        if stated and not labels.counts_as(stated) and labels.rate is None:
            detail = (
                f"its labels count {labels.count:g} frames and state no duration, but it has "
                f"{stated}; its frames are unlabelled"
            )
            self._report.add(clip.path, UNREADABLE_LABEL, detail, set_aside=False, lost=1)
            return None
        for fault in labels.faults:
            self._report.add(clip.path, fault.kind, fault.detail, set_aside=False, lost=fault.lost)
        return labels

    def _is_wanted(self, frame: Frame, image: Path | None, wanted: Callable[[Frame], bool]) -> bool:
        """Whether a frame becomes a scene; an image that cannot be read is set aside.

        Raises:
            ImageError: If the video itself is damaged there.
        """
        try:
            return wanted(frame)
        except ImageError as error:
            if image is None:
                raise
            self._report.add(image, DAMAGED, error)
            return False

    def _found(self, clip: Clip, frame: Frame, image: Path | None, places: Places) -> _Chosen:
        found = places.labels_here()
        boxes = 0 if found is None else len(found.objects)
        keys = places.drawn_here()
        self.notices.add(INTERPOLATED, clip.name, max(boxes - keys, 0))
        return _Chosen(clip, frame, image, found, is_interpolated=boxes > 0 and keys == 0)

    def _note_beyond(self, clip: Clip, places: Places) -> None:
        """Report the labels of frames that a whole clip does not have."""
        frames, lost = places.beyond()
        if frames:
            detail = f"{lost} labels lie in {len(frames)} frames that it lacks, such as {frames[0]}"
            is_whole = clip.path.is_file()  # a folder may hold a choice of the frames
            self._report.add(
                clip.path, BEYOND, detail, set_aside=False, lost=lost if is_whole else 0
            )

    def _choice(self, places: Places) -> Callable[[Frame], bool]:
        match self._options.frames:
            case "all":
                return lambda _: True
            case "key":
                return lambda _: places.drawn_here() > 0
            case "change":
                changes = Changes(self._options.change)
                return lambda frame: not places.is_passed_over() and changes(frame)
        steps = Steps(self._options.seconds)
        return lambda frame: not places.is_passed_over() and steps(frame)

    def scene(self, found: _Chosen) -> tuple[Scene, ImageLabels | None, str]:
        """The scene of a frame, which is taken out of its video unless that was done before."""
        clip, frame = found.clip, found.frame
        folders = Path(clip.name).parts
        if found.image is not None:
            scene_id, path = f"{self._name}/{clip.name}/{found.image.name}", found.image
        else:
            file_name = f"{_time(frame)}.png"
            scene_id, path = f"{self._name}/{clip.name}/{file_name}", _kept(clip.path, file_name)
            if not path.is_file():
                _keep(frame, path)
        tags = [*folder_tags(folders[:-1])]
        if found.is_interpolated:
            tags.append(INTERPOLATED_TAG)
        scene = Scene(id=scene_id, path=path, tags=tuple(dict.fromkeys(tags)), group=clip.name)
        return scene, found.labels, f"{clip.name}, frame {frame.index}"

    def settle(self, found: tuple[Scene, ImageLabels | None, str], report: IssueReport) -> Scene:
        """The scene with its labels."""
        scene, labels, item = found
        if labels is None:
            return scene
        return settled(scene, labels, item, self.notices, report, shares_possible=False)


def _time(frame: Frame) -> str:
    """The time of a frame to a microsecond, sortable as text; its number where it has no time."""
    if frame.seconds is None:
        return f"f{frame.index:08d}"
    microseconds = round(frame.seconds * 1_000_000)
    return f"t{microseconds // 1_000_000:06d}.{microseconds % 1_000_000:06d}"


def _kept(video: Path, file_name: str) -> Path:
    facts = video.stat()
    identity = f"{video} {facts.st_size} {facts.st_mtime_ns}"
    digest = hashlib.sha256(identity.encode()).hexdigest()[:_HASH_DIGITS]
    return local_folder("cache", "frames", digest) / video.name / file_name


def _keep(frame: Frame, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with disk_faults(path.parent), written_whole(path) as partial_path:
        Image.fromarray(frame.pixels()).save(partial_path, format="PNG", compress_level=1)
