"""Options of counting objects with intervals."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from utils.counting.design import UNIFORM_SHARE
from utils.options import Options

Grouping = Literal["scene", "tag", "date", "group"]


class CountOptions(Options):
    """Options of counting objects with intervals."""

    budget: int = Field(default=50, ge=10)
    """Number of draws in one batch: tiles that people review before the next estimate. All must be
    reviewed, since only the draws up to the first one without a review count."""

    wanted: float = 0.1
    """Half width of the interval at which the survey ends, as a share of the estimate: `10%` or
    `0.1`. It is asked of the count of all objects."""

    interval: Literal["every_look", "fixed"] = "every_look"
    """`every_look` holds however often people look and whenever they stop; `fixed` is about a third
    narrower and holds only if the number of reviews was fixed before the first look."""

    level: float = Field(default=0.95, gt=0.5, lt=1)
    """Confidence of each interval."""

    classes: tuple[str, ...] = ()
    """Names of the classes to count; by default all."""

    by: tuple[Grouping, ...] = ("scene",)
    """Groups that are counted apart: `scene`, `tag` (each tag of the scenes, such as the folder
    above an image), `date` (the first date in the tags or the name of the scene), and `group` (as
    of splits: a video, a site). Regions are added by `regions`."""

    regions: str | None = None
    """GeoJSON file with polygons to count in, in any coordinate reference system that it names,
    WGS 84 by default, or in pixels (`"crs": {"properties": {"name": "pixels"}}`). A polygon in
    pixels may name its scene in the attribute `scene_id`."""

    region_name: str = "name"
    """Attribute of a polygon that holds the name of its region; polygons of one name are one
    region."""

    confidence: Annotated[float, Field(ge=0, lt=1)] | Literal["auto"] = "auto"
    """Minimum score of a predicted object that counts, and of a box that people are shown; `auto`
    is the confidence chosen in training. A new one takes effect with a new survey."""

    uniform_share: Annotated[float, Field(ge=0.05, le=1)] = UNIFORM_SHARE
    """Share of the draws that pays no regard to the predictions. It guards against a detector that
    misses whole places; 1 is the plain random sample."""

    new_survey: bool = False
    """Whether to begin a new survey on the newest predictions. By default the one that was begun
    goes on, with the predictions that it was drawn from, as long as the scenes stay the same."""

    seed: int = Field(default=0, ge=0)
    """Seed of the draws."""

    @field_validator("wanted", mode="before")
    @classmethod
    def _as_a_share(cls, value: Any) -> Any:
        text = str(value).strip()
        try:
            share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            share = -1.0
        if 0 < share <= 1:
            return share
        raise ValueError(
            f"wanted is the half width of the interval as a share of the count, above 0 and at most"
            f" 100%, such as 10%, not {value}. To know it exactly, review every tile"
        )
