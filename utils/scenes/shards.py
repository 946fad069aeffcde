"""How the scenes of a source are shared out, so that each share can be worked on by itself."""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import BeforeValidator, ByteSize, Field, TypeAdapter, ValidationError

from utils.errors import ConfigurationError
from utils.scenes.scene import SceneSource
from utils.scenes.selection import Selection

_SIZE: TypeAdapter[ByteSize] = TypeAdapter(Annotated[ByteSize, Field(gt=0)])


def _checked(shards: Any) -> Any:
    is_count = isinstance(shards, int) and not isinstance(shards, bool) and shards >= 1
    if not is_count and not (isinstance(shards, str) and _is_size(shards)):
        raise ValueError(f"write a number from 1 up, or a size such as 2GB, not '{shards}'")
    return shards


def _is_size(text: str) -> bool:
    try:
        _SIZE.validate_python(text)
    except ValidationError:
        return False
    return not text.strip().isdecimal()


# A size stays text: read again as a number, it would look like a count.
Shards = Annotated[int | str, BeforeValidator(_checked)]
"""A number of shares, or about how large one is on average, as in `4` and `2GB`."""


def plan_shards(source: SceneSource, shards: Shards) -> list[Selection]:
    """Share out the scenes of a source.

    Args:
        source: Source whose scenes are divided.
        shards: How; there are never more shares than scenes, as far as their number is known.
            Scenes are dealt out one by one whatever their size, so that of a size is a mean.

    Returns:
        At least one share.

    Raises:
        ConfigurationError: If a size is given, and that of the source cannot be known.
    """
    count = shards if isinstance(shards, int) else _count_for_size(source, shards)
    if source.scene_count is not None:
        count = min(count, max(source.scene_count, 1))
    return [Selection(shard=shard, shards=count) for shard in range(count)]


def _count_for_size(source: SceneSource, size: str) -> int:
    if source.total_bytes is None:
        raise ConfigurationError(
            f"shards: {size} needs the size of the source '{source.name}', which is only known "
            "when it has been read. Give a number of shards instead, as in shards: 4."
        )
    return max(1, math.ceil(source.total_bytes() / _SIZE.validate_python(size)))
