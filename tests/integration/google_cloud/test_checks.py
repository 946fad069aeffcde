"""All checks: an API that is off, a missing role, credentials that expire."""

from __future__ import annotations

from functools import partial

import pytest

from tests.emulators.credentials import ACCOUNT, PROJECT
from tests.integration.google_cloud.told import L4, MEMBER, REGION, REGISTRY, USER, told
from utils.google_cloud.accelerators import check_accelerator, check_quota
from utils.google_cloud.project_checks import check_account, check_apis, check_region
from utils.google_cloud.registry import check_registry


def test_everything_that_is_there_is_found(project):
    assert check_apis(project, ["aiplatform.googleapis.com"]) == f"1 on in {PROJECT}"
    assert check_region(project, REGION) == f"Vertex AI is in {REGION}"
    assert check_registry(project, REGISTRY) == f"{REGISTRY} takes images"
    assert check_registry(project, f"gcr.io/{PROJECT}") == f"gcr.io/{PROJECT} takes images"
    assert check_account(project, ACCOUNT) == f"{ACCOUNT} may be used for jobs"
    assert check_accelerator(project, REGION, L4) == (
        f"Compute Engine has NVIDIA_L4 in {REGION}-a, {REGION}-c"
    )
    assert check_quota(project, REGION, L4) == (
        f"CustomModelTrainingPreemptibleL4GPUsPerProjectPerRegion is 1 in {REGION}"
    )


def test_apis_that_are_off_are_named_with_the_command_that_turns_them_on(apis, project):
    apis.project.apis -= {"aiplatform.googleapis.com", "compute.googleapis.com"}
    wanted = ["aiplatform.googleapis.com", "compute.googleapis.com", "storage.googleapis.com"]

    assert told(partial(check_apis, project, wanted)) == (
        f"Off in the project {PROJECT}: aiplatform.googleapis.com, compute.googleapis.com. Turn on "
        "with: gcloud services enable aiplatform.googleapis.com compute.googleapis.com "
        f"--project={PROJECT}"
    )


CHECKS = [
    pytest.param(
        partial(check_apis, apis=["storage.googleapis.com"]),
        "serviceusage.googleapis.com",
        "roles/serviceusage.serviceUsageViewer",
        id="APIs",
    ),
    pytest.param(
        partial(check_region, region=REGION),
        "aiplatform.googleapis.com",
        "roles/aiplatform.user",
        id="region",
    ),
    pytest.param(
        partial(check_registry, uri=REGISTRY),
        "artifactregistry.googleapis.com",
        "roles/artifactregistry.reader",
        id="registry",
    ),
    pytest.param(
        partial(check_account, email=ACCOUNT),
        "iam.googleapis.com",
        "roles/iam.serviceAccountViewer",
        id="account",
    ),
    pytest.param(
        partial(check_accelerator, region=REGION, accelerator=L4),
        "compute.googleapis.com",
        "roles/compute.viewer",
        id="accelerator",
    ),
    pytest.param(
        partial(check_quota, region=REGION, accelerator=L4),
        "cloudquotas.googleapis.com",
        "roles/cloudquotas.viewer",
        id="quota",
    ),
]


@pytest.mark.parametrize(("check", "api", "role"), CHECKS)
def test_an_api_that_is_off_is_told_by_the_check_that_needs_it(check, api, role, apis, project):
    apis.project.apis.discard(api)

    assert told(partial(check, project)) == (
        f"The API {api} is off in the project {PROJECT}. "
        f"Turn it on with: gcloud services enable {api} --project={PROJECT}"
    )


@pytest.mark.parametrize(("check", "api", "role"), CHECKS)
def test_a_missing_role_is_told_with_the_command_that_grants_it(check, api, role, apis, project):
    apis.project.denied.add(api)

    message = told(partial(check, project))

    assert message.startswith("This account may not ")
    assert message.endswith(
        f"gcloud projects add-iam-policy-binding {PROJECT} --member={USER} --role={role}"
    )


@pytest.mark.parametrize(("check", "api", "role"), CHECKS)
def test_an_api_out_of_order_is_told_in_googles_words(check, api, role, apis, project):
    apis.project.broken.add(api)

    assert told(partial(check, project)).startswith(
        f"{api} answered with status 503: The service is currently unavailable."
    )


@pytest.mark.parametrize(("check", "api", "role"), CHECKS)
def test_credentials_that_expire_in_between_are_told(check, api, role, tokens, project):
    tokens.expire()

    assert told(partial(check, project)) == (
        "The credentials for Google Cloud have expired or were revoked. "
        "Log in with: gcloud auth application-default login"
    )


def test_a_service_account_is_named_in_the_command(apis, robot):
    apis.project.denied.add("aiplatform.googleapis.com")

    assert f"--member={MEMBER} --role" in told(partial(check_region, robot, REGION))
