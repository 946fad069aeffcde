"""The notes of one version: requests and times, and how its predictions differ from the usual."""

from __future__ import annotations

from dataclasses import dataclass, field

from utils.monitoring.drift import Drift
from utils.monitoring.reviewed import Reviewed
from utils.monitoring.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Latency:
    """Requests, their times and their faults.

    Attributes:
        requests: Number of requests; of windows, where the notes are of scenes and inferences only.
        errors: Number of requests that failed (status 500 and above).
        refused: Number of requests that were refused (status 400 to 499).
        p50: Median time of the answered ones in milliseconds, or None without any.
        p95: Time that 5 % exceed.
        p99: Time that 1 % exceeds.
    """

    requests: int
    errors: int
    refused: int
    p50: float | None
    p95: float | None
    p99: float | None


@dataclass(frozen=True, slots=True)
class Stretch:
    """One of equal stretches of time.

    Attributes:
        start: Begin, in seconds since 1970.
        latency: Requests in it.
        windows: Number of windows that were predicted in it.
        means: Mean of each quantity.
    """

    start: float
    latency: Latency
    windows: int
    means: dict[str, float]


@dataclass(frozen=True, slots=True)
class Distribution:
    """The values of a quantity, now and in the reference.

    Attributes:
        edges: Borders of the bins; values beyond them count in the outermost.
        current: Share of the values in each bin.
        reference: The same of the reference.
    """

    edges: list[float]
    current: list[float]
    reference: list[float]


@dataclass(frozen=True, slots=True)
class FarOut:
    """A window that is far from the training set.

    Attributes:
        time: Time of its prediction, in seconds since 1970.
        image: As in `Note`.
        window: As in `Note`.
        outlier: Outlier score.
        classes: Class of each object.
        scores: Score of each object.
        boxes: Box of each object, in pixels of the image.
        size: Width and height of the image, in pixels.
        picture: Name of its picture in the folder of the result; empty without one.
    """

    time: float
    image: str
    window: tuple[int, int, int, int]
    outlier: float
    classes: tuple[str, ...]
    scores: tuple[float, ...]
    boxes: tuple[tuple[float, float, float, float], ...]
    size: tuple[int, int]
    picture: str = ""


@dataclass(frozen=True, slots=True)
class Watched:
    """The notes of one version in one role.

    Attributes:
        source: `service` or `inference`.
        role: As in `Note`.
        model: Name of the model.
        version: Version of the model; empty for requests before any was in service.
        digest: Identity of the bundle that answered last.
        first: Time of the first note, in seconds since 1970.
        last: Time of the last note.
        latency: All requests of the period.
        windows: Number of windows that were predicted.
        compared: Number of the newest windows that were compared with the reference.
        left_out: Number of windows that were not, since a client asked for fewer objects.
        no_reference: Why nothing was compared; empty if it was.
        reference_windows: Number of windows of the reference.
        drifts: Each quantity, compared with the reference.
        distributions: Values of each quantity that was compared.
        places: Shares of the objects in a grid of the window, rows from the top, now and in the
            reference.
        stretches: The period in equal stretches of time.
        far_out: The windows that are farthest from the training set, of those compared.
        beyond: Share of the windows compared that are farther than all test tiles, or None.
        reviewed: Scores on what people have reviewed, or None.
        verdict: Whether it drifted, or why that cannot be said.
    """

    source: str
    role: str
    model: str
    version: str
    digest: str
    first: float
    last: float
    latency: Latency
    windows: int
    compared: int = 0
    left_out: int = 0
    no_reference: str = ""
    reference_windows: int = 0
    drifts: tuple[Drift, ...] = ()
    distributions: dict[str, Distribution] = field(default_factory=dict)
    places: tuple[list[list[float]], list[list[float]]] | None = None
    stretches: tuple[Stretch, ...] = ()
    far_out: tuple[FarOut, ...] = ()
    beyond: float | None = None
    reviewed: Reviewed | None = None
    verdict: Verdict = field(default_factory=Verdict)

    @property
    def name(self) -> str:
        """The version, its source and its role in words."""
        version = f"version {self.version}" if self.version else "no version in service"
        role = "" if self.role == "champion" else f", {self.role}"
        return f"{version} ({self.source}{role})"

    @property
    def drifted(self) -> tuple[Drift, ...]:
        """The quantities that drifted, farthest beyond their limit first."""
        return tuple(sorted((d for d in self.drifts if d.found), key=lambda d: -d.excess))
