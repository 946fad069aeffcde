"""Options of packing a detector, of its deployment, and of asking its service."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from utils.monitoring.kept_pictures import Keep
from utils.options import Options
from utils.serving.model_facts import NOT_STATED
from utils.serving.service.challenge import ChallengeLimits
from utils.serving.service.limits import Limits

LOOPBACK = ("127.0.0.1", "localhost", "::1")
# A running service takes none of these from a later deployment: it has to start again.
_PLACEMENT = {
    "keep",
    "host",
    "port",
    "workers",
    "threads",
    "folders",
    "buckets",
    "label_studio",
    "limits",
}


class PackageOptions(Options):
    """Facts that only you know, for the model card."""

    intended_use: str = NOT_STATED
    """Purpose that the detector is meant for: scenes, sensors, resolutions, objects."""

    not_intended: str = NOT_STATED
    """Uses that it is not meant for."""

    licences: dict[str, str] = Field(default_factory=dict)
    """Licence of the images by name of their source, which is the first part of the ids of its
    scenes."""

    licence: str = NOT_STATED
    """Licence of the weights. Weights that ultralytics trained or that started from its weights
    are under the AGPL-3.0, unless you have another licence from them."""


class CloudOptions(Options):
    """Place in Google Cloud, by default that of a stack."""

    stack: str = "vertex"
    """Stack whose file or registration names what is left out below."""

    project: str | None = None
    """Id of the project."""

    region: str | None = None
    """Region, such as `europe-west4`."""

    registry: str | None = None
    """Address of the container registry, such as
    `europe-west4-docker.pkg.dev/PROJECT/REPOSITORY`."""

    service_account: str | None = None
    """Service account that the container runs as."""


class DeploymentOptions(Options):
    """Options of `--deploy`."""

    where: Literal["local", "vertex", "cloud-run"] = "local"
    """Place of the service: a process on this machine, an endpoint of Vertex AI, or a service of
    Cloud Run."""

    cloud: CloudOptions = CloudOptions()
    """Project, region and registry of the clouds."""

    host: str = "127.0.0.1"
    """Address to listen on; on any other than this machine's own, a token is asked for. The clouds
    ignore it."""

    port: int = Field(default=8100, ge=1, le=65535)
    """Port to listen on; a free one is taken where another program has it. The clouds ignore it."""

    workers: int = Field(default=1, ge=1, le=64)
    """Number of processes that predict; each holds the network in memory."""

    threads: int | None = Field(default=None, ge=1)
    """Number of threads of each network; by default one for each processor."""

    folders: tuple[Path, ...] = ()
    """Folders whose files `POST /scenes` may name by their address; other scenes are uploaded."""

    buckets: tuple[str, ...] = ()
    """Buckets whose objects may be sent to `/scenes` by their address, as `gs://bucket` or
    `gs://bucket/prefix`; read with the access of the machine of the service."""

    label_studio: str | None = None
    """Label Studio whose projects may ask the service for predictions: `embedded`, or an address.
    The service gets its token, as the pipelines have it, to fetch the images of the tasks."""

    keep: Keep = "none"
    """Pictures to keep beside the notes of predictions, for monitoring and feedback: none, since
    images are their senders'; thumbnails of at most 256 pixels; or images as they were received."""

    limits: Limits = Limits()
    """Limits of the service on requests, waiting work and kept results."""

    ready_s: float = Field(default=120, gt=0)
    """Seconds within which the service has to find in its test image what it must."""

    image: str | None = None
    """Address of the bundle's container image, for the clouds; by default
    `REGISTRY/MODEL:VERSION-BUNDLE`."""

    machine: str = "n1-standard-4"
    """Machine type of an endpoint of Vertex AI."""

    cpus: int = Field(default=4, ge=1, le=8)
    """Number of CPUs of an instance of Cloud Run."""

    memory_gb: int = Field(default=4, ge=1, le=32)
    """Memory of an instance of Cloud Run, in GiB."""

    accelerator: str | None = None
    """GPU in the clouds, as Vertex AI names it, such as `NVIDIA_L4`; by default none."""

    least_replicas: int = Field(default=1, ge=0)
    """Minimum number of instances in the clouds; an endpoint of Vertex AI has at least 1, and Cloud
    Run may have 0 while nobody asks."""

    most_replicas: int = Field(default=1, ge=1)
    """Maximum number of instances in the clouds."""

    share: int = Field(default=100, ge=1, le=100)
    """Percent of the requests that the new version answers in the clouds; the version before it
    answers the others, until a later deployment gives the new one 100."""

    challenger: str | int = "staging"
    """Version that runs beside the one in production where `shadow` or `canary` gives it a share: a
    stage or a number. On this machine only."""

    shadow: float = Field(default=0.0, ge=0, le=1)
    """Share of the requests that the challenger predicts too, after the champion has answered; its
    predictions are noted, and no client sees them."""

    canary: float = Field(default=0.0, ge=0, le=1)
    """Share of the requests that the challenger answers; 1 for all."""

    full_after: int | None = Field(default=None, ge=1)
    """Number of answers of the canary without an error after which it answers all requests; by
    default somebody decides."""

    withdraw: ChallengeLimits = ChallengeLimits()
    """Limits beyond which the service withdraws the challenger by itself."""

    @model_validator(mode="after")
    def _challenges_here(self) -> Self:
        if self.challenges and self.where != "local":
            raise ValueError(
                "shadow and canary are for a service on this machine; in the clouds 'share' gives "
                "a new version its part of the requests"
            )
        return self

    @property
    def challenges(self) -> bool:
        """Whether a challenger has a share of the requests."""
        return self.shadow > 0 or self.canary > 0

    def placement(self) -> dict[str, Any]:
        """Options that need a restart of a service on this machine, as JSON holds them."""
        return self.model_dump(mode="json", include=_PLACEMENT)

    def changes_since(self, before: Self) -> list[str]:
        """Tell what changed of the placement: `deployment.keep is none (images before)`."""
        then = before._settings()
        return [
            f"deployment.{name} is {_told(value)} ({_told(then.get(name))} before)"
            for name, value in self._settings().items()
            if value != then.get(name)
        ]

    def settings_beside(self, others: Self) -> dict[str, str]:
        """The settings of the placement that differ from others, as values of `--set` by key."""
        theirs = others._settings()
        return {
            f"deployment.{name}": value if isinstance(value, str) else json.dumps(value)
            for name, value in self._settings().items()
            if value != theirs.get(name)
        }

    def _settings(self) -> dict[str, Any]:
        """The placement by dotted name."""
        settings = self.placement()
        limits = settings.pop("limits")
        return settings | {f"limits.{name}": value for name, value in limits.items()}


def _told(value: Any) -> str:
    return "not set" if value in (None, [], {}) else str(value)


class PredictionOptions(Options):
    """Options of a prediction by a running service."""

    service: str | None = None
    """Address of the service, such as `https://detector.example.com`; by default that of the model
    on this machine. The variable SPYGLASS_SERVICE_TOKEN holds its token."""

    confidence: Annotated[float, Field(ge=0, le=1)] | Literal["auto"] = "auto"
    """Minimum score of a box that is kept; `auto` is that of the bundle."""

    image_pixels: int = Field(default=25_000_000, ge=1)
    """Number of pixels up to which an image is answered at once; a larger one becomes a job of the
    service, whose objects are streamed."""
