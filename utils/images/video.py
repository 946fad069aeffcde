"""Videos: their frames one after another, with exact times, upright.

Frames are counted as they are decoded, since the number that a file states may be wrong, and each
has the time stamp of the file: the index times the frame rate is wrong where the rate varies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from utils.errors import ImageError

if TYPE_CHECKING:
    import av

Pixels = NDArray[np.uint8]

VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".asf", ".wmv", ".mpg", ".mpeg"}
    | {".mts", ".m2ts", ".3gp", ".flv", ".ogv"}
)
# Containers that hold their frames. Playlists and scripts, which name other files and hosts, are
# refused, whatever suffix they have.
_CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,avi,matroska,webm,asf,mpeg,mpegts,mpegvideo,flv,ogg"


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of a video.

    Attributes:
        index: Number of frames before it, as decoded.
        seconds: Time of its first display, exact; None where it is not known.
        pixels: Gives its pixels, shape (height, width, 3), RGB, upright.
    """

    index: int
    seconds: Fraction | None
    pixels: Callable[[], Pixels]


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """The facts in the header of a video.

    Attributes:
        size: Width and height in pixels, as stored.
        stated_frames: Number of frames that the header states; 0 where it states none.
    """

    size: tuple[int, int]
    stated_frames: int


def video_facts(path: Path) -> VideoFacts:
    """Read the header of a video.

    Raises:
        ImageError: If it is no video that can be read.
    """
    with _opened(path) as container:
        stream = _stream(path, container)
        return VideoFacts((stream.width, stream.height), stream.frames)


def read_frames(path: Path) -> Iterator[Frame]:
    """Yield the frames of a video in the order of their display.

    Raises:
        ImageError: If it is no video that can be read, or where its content ends or is damaged;
            the frames before are whole.
    """
    import av

    with _opened(path) as container:
        stream = _stream(path, container)
        stream.thread_type = "AUTO"
        index = 0
        try:
            for frame in container.decode(stream):
                yield Frame(index, _seconds(frame), _reader(frame))
                index += 1
        except (av.FFmpegError, ValueError) as error:
            raise ImageError(
                f"{path} is damaged after frame {index}: {_reason(error)}. Copy it again."
            ) from None


def _opened(path: Path) -> av.container.InputContainer:
    """Open a video.

    Raises:
        ImageError: If it is none.
    """
    import av

    # The prefix keeps names such as `concat:a` from being protocols of FFmpeg.
    place = f"file:{path.absolute()}"
    options = {"protocol_whitelist": "file", "format_whitelist": _CONTAINERS}
    try:
        return av.open(place, container_options=options, metadata_errors="replace")
    except (av.FFmpegError, OSError, ValueError) as error:
        raise ImageError(f"{path} is no video that can be read: {_reason(error)}.") from None


def _stream(path: Path, container: av.container.InputContainer) -> av.VideoStream:
    if not container.streams.video:
        raise ImageError(f"{path} holds no pictures.")
    return container.streams.video[0]


def _seconds(frame: av.VideoFrame) -> Fraction | None:
    return None if frame.pts is None or frame.time_base is None else frame.pts * frame.time_base


def _reader(frame: av.VideoFrame) -> Callable[[], Pixels]:
    def pixels() -> Pixels:
        turned = np.rot90(frame.to_ndarray(format="rgb24"), frame.rotation // 90)
        return np.ascontiguousarray(turned)

    return pixels


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error).partition("\n")[0][:120]
