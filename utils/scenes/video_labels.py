"""The labels of the videos of a folder: which file of labels belongs to which video."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path, PurePosixPath
from typing import Any

from utils.errors import LabelError
from utils.images.video import VIDEO_SUFFIXES
from utils.issues import Issue
from utils.labels.cvat_videos import CvatVideo, cvat_videos
from utils.labels.label_studio_json import counting_annotation, is_label_studio
from utils.labels.label_studio_videos import label_studio_videos
from utils.labels.mot_rows import TRUTH, mot_tracks
from utils.labels.objects import UNREADABLE_LABEL
from utils.labels.texts import read_json, read_xml
from utils.labels.tracks import VideoLabels, joined
from utils.scenes.image_names import plain_parts
from utils.scenes.listing import list_files

_MOT_FOLDER, _MOT_TRUTH = "img1", f"gt/{TRUTH}"  # MOT challenge: SEQUENCE/img1, SEQUENCE/gt/gt.txt
_CVAT_FRAME = "frame_"
_UPLOAD = re.compile(r"^[0-9a-f]{8}-")


@dataclass(slots=True)
class FoundLabels:
    """The files of labels in a folder.

    Attributes:
        only_class: Class of files that tell none.
        cvat: Labels by file of CVAT, those of each task by themselves.
        tasks: Labels of Label Studio's tasks.
        issues: Files that cannot be read.
        videos: Number of videos in the folder, by base name.
    """

    only_class: str | None
    cvat: dict[Path, list[CvatVideo]] = field(default_factory=dict)
    tasks: list[VideoLabels] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)
    videos: Counter[str] = field(default_factory=Counter)

    @property
    def is_any(self) -> bool:
        """Whether the folder holds labels of any video."""
        return bool(self.cvat or self.tasks or self.issues)

    def of(self, clip: Path, name: str) -> VideoLabels | None:
        """The labels of a video or of a folder of frames; None where none belong to it.

        Args:
            clip: The file or folder.
            name: Its path below the root of the source.

        Raises:
            LabelError: If its labels cannot be read, or several may be meant.
        """
        if (truth := _mot_truth(clip)) is not None:
            return mot_tracks(truth, self.only_class)
        parts = self._named(clip, name) or (
            self._of_folder(clip) if clip.is_dir() else self._beside(clip)
        )
        try:
            if len(parts) > 1 and self.videos[clip.name] > 1:
                raise LabelError(f"Several videos have the name {clip.name}.")
            return joined(parts) if parts else None
        except LabelError as error:
            raise LabelError(
                f"{clip} is named by {len(parts)} files of labels or tasks. {error} Leave one of "
                "them, or put each beside its video."
            ) from None

    def _named(self, clip: Path, name: str) -> list[VideoLabels]:
        """The labels whose file names a video, by the longest path that both have in common.

        A file that lies beside the video is meant rather than one elsewhere.
        """
        every = [(file, one.labels) for file, videos in self.cvat.items() for one in videos]
        ranked = [
            ((alike(labels.video, name), file is not None and file.parent == clip.parent), labels)
            for file, labels in (*every, *((None, task) for task in self.tasks))
        ]
        highest = max((rank for rank, _ in ranked if rank[0]), default=None)
        return [labels for rank, labels in ranked if rank == highest]

    def _of_folder(self, clip: Path) -> list[VideoLabels]:
        """The labels of frames that CVAT has exported, by the numbers that their names have."""
        above = [file for file in self.cvat if clip.is_relative_to(file.parent)]
        nearest = max((file.parent for file in above), default=None)
        videos = [one for file in above if file.parent == nearest for one in self.cvat[file]]
        if len({one.subset for one in videos}) > 1:  # a project has a folder for each
            videos = [one for one in videos if one.subset == clip.name]
        return [one.labels.shifted(one.offset) for one in videos]

    def _beside(self, clip: Path) -> list[VideoLabels]:
        """The labels in a file with the name of a video, or else those of the only video."""
        single = {file: videos[0].labels for file, videos in self.cvat.items() if len(videos) == 1}
        named = [labels for file, labels in single.items() if file.stem == clip.stem]
        if named or self.videos.total() != 1:
            return named
        every = list(single.values())
        return every if len(every) == 1 else [labels for labels in every if not labels.video]

    def first_of(self, folder: Path) -> int | None:
        """The number of the first frame in a folder of frames; None for any other folder."""
        if folder.name == _MOT_FOLDER:
            return 1
        is_cvat = any(folder.is_relative_to(file.parent) for file in self.cvat)
        has_frames = any(path.stem.startswith(_CVAT_FRAME) for path in folder.iterdir())
        return 0 if is_cvat and has_frames else None


def find_labels(root: Path, only_class: str | None) -> FoundLabels:
    """Read the files of labels below a folder that are of videos."""
    found = FoundLabels(only_class)
    for path in list_files(root).files:
        suffix = path.suffix.lower()
        found.videos[path.name] += suffix in VIDEO_SUFFIXES
        try:
            if suffix == ".xml":
                if videos := cvat_videos(read_xml(path)):
                    found.cvat[path] = videos
            elif suffix == ".json":
                _add_tasks(found, path, read_json(path)[0])
        except LabelError as error:
            found.issues.append(Issue(str(path), UNREADABLE_LABEL, str(error)))
    return found


def _add_tasks(found: FoundLabels, path: Path, content: Any) -> None:
    for task in content if is_label_studio(content) else ():
        annotation: Mapping[str, Any] | None = counting_annotation(task)
        if annotation is None or not isinstance(annotation.get("result"), list):
            continue
        try:
            videos = label_studio_videos(task, annotation["result"])
        except LabelError as error:
            found.issues.append(Issue(str(path), UNREADABLE_LABEL, str(error), lost=1))
            continue
        for labels in videos:
            if labels.frames or labels.gaps or labels.faults or labels.is_range_stated:
                found.tasks.append(labels)


def _mot_truth(clip: Path) -> Path | None:
    """The file of MOT that belongs to a sequence of images or to a video."""
    if clip.name == _MOT_FOLDER:
        candidates = [clip.parent / _MOT_TRUTH]
    elif clip.is_file():
        candidates = [clip.parent / clip.stem / _MOT_TRUTH, clip.with_suffix(".txt")]
    else:
        candidates = []
    return next((path for path in candidates if path.is_file()), None)


def alike(stated: str, name: str) -> int:
    """The number of parts, from the end, that a stated path shares with that of a video.

    Label Studio puts eight hexadecimal digits before the name of an upload, and addresses have
    what follows their path.
    """
    theirs = plain_parts(stated)[::-1]
    ours = PurePosixPath(name).parts[::-1]
    if not theirs or ours[0] not in (theirs[0], _UPLOAD.sub("", theirs[0])):
        return 0
    pairs = zip(theirs[1:], ours[1:], strict=False)
    return 1 + sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
