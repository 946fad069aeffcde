"""A project on Google Cloud, with its APIs, regions and permissions."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.emulators.credentials import ACCOUNT

HOSTS = tuple(
    f"{api}.googleapis.com"
    for api in ("serviceusage", "aiplatform", "compute", "cloudquotas", "artifactregistry", "iam")
)


@dataclass
class CloudProject:
    """Everything that the Vertex stack needs, until a test takes some of it away.

    Attributes:
        apis: APIs that are on.
        regions: Regions of Vertex AI.
        repositories: The format of what each holds, by "location/name".
        images: Images in the repositories, as "name:tag".
        accounts: Service accounts.
        permissions: Permissions of the account that asks, on every repository and service account.
        gpus: How many a machine may have, by zone and type.
        quotas: Limits by quota and region.
        denied: APIs that the account may not read.
        broken: APIs that are out of order.
    """

    apis: set[str] = field(
        default_factory=lambda: {*HOSTS, "storage.googleapis.com", "cloudbuild.googleapis.com"}
    )
    regions: list[str] = field(
        default_factory=lambda: ["europe-west1", "europe-west4", "us-central1", "us-east1"]
    )
    repositories: dict[str, str] = field(
        default_factory=lambda: {"europe-west4/spyglass": "DOCKER", "us/gcr.io": "DOCKER"}
    )
    images: set[str] = field(default_factory=set)
    accounts: list[str] = field(default_factory=lambda: [ACCOUNT])
    permissions: set[str] = field(
        default_factory=lambda: {
            "iam.serviceAccounts.actAs",
            "artifactregistry.repositories.downloadArtifacts",
            "artifactregistry.repositories.uploadArtifacts",
        }
    )
    gpus: dict[str, dict[str, int]] = field(
        default_factory=lambda: {
            "europe-west1-b": {"nvidia-l4": 8},
            "europe-west1-c": {},
            "europe-west4-a": {"nvidia-l4": 8, "nvidia-tesla-t4": 4},
            "europe-west4-b": {"nvidia-tesla-t4": 4},
            "europe-west4-c": {"nvidia-l4": 8},
        }
    )
    quotas: dict[str, dict[str, int]] = field(
        default_factory=lambda: {
            "CustomModelTrainingL4GPUsPerProjectPerRegion": {"europe-west4": 2},
            "CustomModelTrainingPreemptibleL4GPUsPerProjectPerRegion": {"europe-west4": 1},
        }
    )
    denied: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
