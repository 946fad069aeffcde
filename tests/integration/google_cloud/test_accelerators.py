"""A GPU, a quota or a region that is not there is told with what is."""

from __future__ import annotations

from functools import partial

import pytest

from tests.emulators.credentials import PROJECT
from tests.integration.google_cloud.told import L4, REGION, told
from utils.google_cloud.accelerators import Accelerator, check_accelerator, check_quota
from utils.google_cloud.project_checks import check_region


@pytest.mark.parametrize(
    ("accelerator", "region", "message"),
    [
        pytest.param(L4, "us-east1", "Compute Engine has no NVIDIA_L4 in us-east1, but in "
                     "europe-west1, europe-west4. Choose another region or GPU; where it is shows: "
                     "gcloud compute accelerator-types list --filter=name=nvidia-l4 "
                     f"--project={PROJECT}", id="another region"),
        pytest.param(Accelerator("NVIDIA_L44"), REGION, "Compute Engine has no 'NVIDIA_L44' "
                     "anywhere. Correct accelerator_type; all names shows: "
                     f"gcloud compute accelerator-types list --project={PROJECT}", id="misspelt"),
        pytest.param(Accelerator("NVIDIA_TESLA_T4", 8), REGION, f"A machine in {REGION} takes "
                     "at most 4 x NVIDIA_TESLA_T4, and accelerator_count is 8. Lower it; what "
                     "there is shows: gcloud compute accelerator-types list "
                     f"--filter=name=nvidia-tesla-t4 --project={PROJECT}", id="too many"),
    ],
)  # fmt: skip
def test_a_gpu_that_a_region_lacks_is_told(accelerator, region, message, project):
    assert told(partial(check_accelerator, project, region, accelerator)) == message


@pytest.mark.parametrize(
    ("accelerator", "region", "quota", "limit"),
    [
        pytest.param(Accelerator("NVIDIA_L4", 2, is_spot=True), REGION,
                     "CustomModelTrainingPreemptibleL4GPUsPerProjectPerRegion", 1, id="too low"),
        pytest.param(Accelerator("NVIDIA_L4", 1), "us-central1",
                     "CustomModelTrainingL4GPUsPerProjectPerRegion", 0, id="none in that region"),
    ],
)  # fmt: skip
def test_a_quota_that_is_too_low_is_told_with_how_to_ask_for_more(
    accelerator, region, quota, limit, project
):
    assert told(partial(check_quota, project, region, accelerator)) == (
        f"The quota {quota} is {limit} in {region}, and {accelerator.count} are needed. Ask Google "
        f"for more with: gcloud beta quotas preferences create --project={PROJECT} "
        f"--service=aiplatform.googleapis.com --quota-id={quota} "
        f"--preferred-value={accelerator.count} --dimensions=region={region} "
        '--email="$(gcloud config get-value account)"'
    )


def test_an_unlimited_quota_is_enough(apis, project):
    apis.project.quotas["CustomModelTrainingL4GPUsPerProjectPerRegion"] = {REGION: -1}

    assert "unlimited" in check_quota(project, REGION, Accelerator("NVIDIA_L4", 16))


def test_a_gpu_whose_quota_is_not_known_is_said_to_be_so(project):
    message = told(partial(check_quota, project, REGION, Accelerator("NVIDIA_B200")))

    assert message == (
        "The quota for training with NVIDIA_B200 is not known to Spyglass. Look for it with: "
        "gcloud beta quotas info list --service=aiplatform.googleapis.com "
        f"--project={PROJECT}"
    )


def test_a_region_without_vertex_is_told_with_the_nearest(project):
    assert told(partial(check_region, project, "europe-west5")) == (
        "Vertex AI has no region 'europe-west5' (did you mean europe-west4 or europe-west1?). "
        "Write another one into the stack's file; all regions shows: gcloud compute regions list"
    )
