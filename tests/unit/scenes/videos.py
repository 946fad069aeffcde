"""Small videos, sequences of frames, and labels of them."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from tests.builders import write_image

WIDTH, HEIGHT = 64, 32
RATE = 10


def write_video(path: Path, times: Sequence[int], greys: Sequence[int] | None = None) -> Path:
    """Write a video whose frames, of one grey each, are shown at times in tenths of a second."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.time_base = Fraction(1, RATE)
        for number, time in enumerate(times):
            pixels = np.full((HEIGHT, WIDTH, 3), 60, np.uint8)
            pixels[: HEIGHT // 2] = (greys or [200] * len(times))[number]
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def times_of(ids: Sequence[str]) -> list[float]:
    return [float(Path(scene).stem.removeprefix("t")) for scene in ids]


def write_tracks(path: Path, *boxes: str, source: str = "", frames: str = "") -> None:
    size = f"<original_size><width>{WIDTH}</width><height>{HEIGHT}</height></original_size>"
    meta = f"<meta><task>{frames}{size}</task><source>{source}</source></meta>"
    track = f'<track id="0" label="ship">{"".join(boxes)}</track>'
    path.write_text(f"<annotations>{meta}{track}</annotations>")


def box(frame: int, left: int, **attributes: int) -> str:
    given = {"outside": 0, "keyframe": 1, **attributes}
    texts = " ".join(f'{name}="{value}"' for name, value in given.items())
    return f'<box frame="{frame}" xtl="{left}" ytl="2" xbr="{left + 9}" ybr="9" {texts}/>'


def write_mot(folder: Path, *rows: str) -> None:
    for number in (1, 2):
        write_image(folder / "img1" / f"{number:06d}.jpg", WIDTH, HEIGHT)
    (folder / "gt").mkdir()
    (folder / "gt" / "gt.txt").write_text("\n".join(rows))


def rectangle(*keys: dict[str, Any]) -> dict[str, Any]:
    value = {"framesCount": 6, "labels": ["ship"], "sequence": list(keys)}
    return {"type": "videorectangle", "value": value}


def key(frame: int, x: float, **fields: Any) -> dict[str, Any]:
    return {"frame": frame, "x": x, "y": 25, "width": 25, "height": 50, "rotation": 0, **fields}
