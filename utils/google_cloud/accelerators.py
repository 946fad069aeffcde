"""Checks of a GPU: a region has it, and the project's quota allows it for training.

Vertex AI has no list of the GPUs of a region, so Compute Engine's list and the project's quota for
training on Vertex AI are checked instead.

Import this module inside functions: it loads Google's client.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from utils.errors import CloudError
from utils.google_cloud.rest import Answer, Project, ask, ask_for_all, refusal

_COMPUTE = (
    "https://compute.googleapis.com/compute/v1/projects/{project}/aggregated/acceleratorTypes"
)
_QUOTAS = (
    "https://cloudquotas.googleapis.com/v1/projects/{project}/locations/global/services/"
    "aiplatform.googleapis.com/quotaInfos/{quota}"
)
# Names of accelerators within ids of quotas, such as CustomModelTrainingL4GPUsPerProjectPerRegion;
# `gcloud beta quotas info list --service=aiplatform.googleapis.com` lists them all.
_QUOTA_NAMES = {
    "NVIDIA_TESLA_P100": "P100",
    "NVIDIA_TESLA_V100": "V100",
    "NVIDIA_TESLA_T4": "T4",
    "NVIDIA_TESLA_A100": "A100",
    "NVIDIA_A100_80GB": "A10080GB",
    "NVIDIA_L4": "L4",
    "NVIDIA_H100_80GB": "H100",
    "NVIDIA_H100_MEGA_80GB": "H100MEGA",
    "NVIDIA_H200_141GB": "H200",
}
_UNLIMITED = -1


@dataclass(frozen=True, slots=True)
class Accelerator:
    """The GPUs of a job.

    Attributes:
        type: Vertex AI's name, such as `NVIDIA_L4`.
        count: Number of GPUs on one machine.
        is_spot: Whether the machine may be taken away, which has a quota of its own.
    """

    type: str
    count: int = 1
    is_spot: bool = False

    @property
    def compute_name(self) -> str:
        """Compute Engine's name, such as `nvidia-l4`."""
        return self.type.lower().replace("_", "-")

    @property
    def quota(self) -> str | None:
        """The id of the quota for training with it, or None where it is not known."""
        name = _QUOTA_NAMES.get(self.type)
        spot = "Preemptible" if self.is_spot else ""
        return name and f"CustomModelTraining{spot}{name}GPUsPerProjectPerRegion"


def check_accelerator(project: Project, region: str, accelerator: Accelerator) -> str:
    """Check that Compute Engine has enough GPUs of a type in one zone of a region.

    Returns:
        The result, as one sentence.

    Raises:
        CloudError: If it has not, or Google does not answer.
    """
    name = accelerator.compute_name
    answers = ask_for_all(
        project, _COMPUTE.format(project=project.id), {"filter": f'name = "{name}"'}
    )
    if not answers[-1].is_ok:
        raise refusal(
            project, answers[-1], "see the GPUs of Compute Engine", "roles/compute.viewer"
        )
    most = _most_cards_by_zone(answers)
    here = {zone: cards for zone, cards in most.items() if zone.rpartition("-")[0] == region}
    if not here:
        raise CloudError(_elsewhere(project, region, accelerator, most))
    enough = sorted(zone for zone, cards in here.items() if cards >= accelerator.count)
    if not enough:
        raise CloudError(
            f"A machine in {region} takes at most {max(here.values())} x {accelerator.type}, and "
            f"accelerator_count is {accelerator.count}. Lower it; what there is shows: "
            f"{_list(project, name)}"
        )
    return f"Compute Engine has {accelerator.type} in {', '.join(enough)}"


def check_quota(project: Project, region: str, accelerator: Accelerator) -> str:
    """Check that the project may train with so many GPUs at once in a region.

    Returns:
        The result, as one sentence.

    Raises:
        CloudError: If it may not, or Google does not answer.
    """
    quota = accelerator.quota
    if quota is None:
        raise CloudError(
            f"The quota for training with {accelerator.type} is not known to Spyglass. Look for it "
            f"with: gcloud beta quotas info list --service=aiplatform.googleapis.com "
            f"--project={project.id}"
        )
    answer = ask(project, _QUOTAS.format(project=project.id, quota=quota))
    if not answer.is_ok:
        raise refusal(project, answer, "see the quotas", "roles/cloudquotas.viewer")
    limit = _limit(answer.content, region)
    if limit != _UNLIMITED and limit < accelerator.count:
        raise CloudError(
            f"The quota {quota} is {limit} in {region}, and {accelerator.count} are needed. Ask "
            f"Google for more with: gcloud beta quotas preferences create --project={project.id} "
            f"--service=aiplatform.googleapis.com --quota-id={quota} "
            f"--preferred-value={accelerator.count} --dimensions=region={region} "
            '--email="$(gcloud config get-value account)"'
        )
    shown = "unlimited" if limit == _UNLIMITED else str(limit)
    return f"{quota} is {shown} in {region}"


def _most_cards_by_zone(answers: list[Answer]) -> dict[str, int]:
    return {
        place.removeprefix("zones/"): int(kind.get("maximumCardsPerInstance", 1))
        for answer in answers
        for place, found in answer.content.get("items", {}).items()
        for kind in found.get("acceleratorTypes", [])
    }


def _elsewhere(
    project: Project, region: str, accelerator: Accelerator, most: dict[str, int]
) -> str:
    regions = sorted({zone.rpartition("-")[0] for zone in most})
    if not regions:
        return (
            f"Compute Engine has no '{accelerator.type}' anywhere. Correct accelerator_type; all "
            f"names shows: gcloud compute accelerator-types list --project={project.id}"
        )
    return (
        f"Compute Engine has no {accelerator.type} in {region}, but in "
        f"{', '.join(regions)}. Choose another region or GPU; where it is shows: "
        f"{_list(project, accelerator.compute_name)}"
    )


def _list(project: Project, name: str) -> str:
    return f"gcloud compute accelerator-types list --filter=name={name} --project={project.id}"


def _limit(info: dict[str, Any], region: str) -> int:
    """The value of a quota in a region; 0 where it does not apply there."""
    for part in info.get("dimensionsInfos", []):
        if region in part.get("applicableLocations", []):
            return int(part.get("details", {}).get("value", 0))
    return 0
