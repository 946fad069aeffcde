"""Checks of a project: its region has Vertex AI, its APIs are on, jobs may use their account.

Import this module inside functions: it loads Google's client.
"""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches

from utils.errors import CloudError
from utils.google_cloud.rest import Project, ask, ask_for_all, enable, refusal

_LOCATIONS = "https://aiplatform.googleapis.com/v1/projects/{project}/locations"
_SERVICE_USAGE = "https://serviceusage.googleapis.com/v1"
_ACCOUNT = "https://iam.googleapis.com/v1/projects/{project}/serviceAccounts/{email}"
_ACT_AS = "iam.serviceAccounts.actAs"


def check_region(project: Project, region: str) -> str:
    """Check that Vertex AI lists a region.

    Returns:
        The result, as one sentence.

    Raises:
        CloudError: If it does not, or Google does not answer.
    """
    answers = ask_for_all(project, _LOCATIONS.format(project=project.id))
    if not answers[-1].is_ok:
        raise refusal(project, answers[-1], "see the regions of Vertex AI", "roles/aiplatform.user")
    known = {
        str(location["locationId"])
        for answer in answers
        for location in answer.content.get("locations", [])
    }
    if region not in known:
        nearest = get_close_matches(region, sorted(known), n=3)
        hint = f" (did you mean {' or '.join(nearest)}?)" if nearest else ""
        raise CloudError(
            f"Vertex AI has no region '{region}'{hint}. Write another one into the stack's file; "
            "all regions shows: gcloud compute regions list"
        )
    return f"Vertex AI is in {region}"


def check_apis(project: Project, apis: list[str]) -> str:
    """Check that every API is on.

    Args:
        project: The project that the jobs run in.
        apis: Names of APIs, such as `aiplatform.googleapis.com`; at most 20, the limit of one
            request.

    Returns:
        The result, as one sentence.

    Raises:
        CloudError: If an API is off, or Google does not answer.
    """
    names = [f"projects/{project.id}/services/{api}" for api in apis]
    answer = ask(
        project,
        f"{_SERVICE_USAGE}/projects/{project.id}/services:batchGet",
        parameters={"names": names},
    )
    if not answer.is_ok:
        raise refusal(
            project, answer, "see which APIs are on", "roles/serviceusage.serviceUsageViewer"
        )
    on = {
        service["name"].rpartition("/")[2]
        for service in answer.content.get("services", [])
        if service.get("state") == "ENABLED"
    }
    off = [api for api in apis if api not in on]
    if off:
        raise CloudError(
            f"Off in the project {project.id}: {', '.join(off)}. "
            f"Turn on with: {enable(project, off)}"
        )
    return f"{len(apis)} on in {project.id}"


def check_account(project: Project, email: str) -> str:
    """Check that a service account exists and that this account may start jobs that run as it.

    Args:
        project: The project that the jobs run in; the service account's own project is part of its
            address.
        email: Address of the service account.

    Returns:
        The result, as one sentence.

    Raises:
        CloudError: If it is missing, or may not be used.
    """
    name, _, domain = email.partition("@")
    owner = domain.removesuffix(".iam.gserviceaccount.com") if "iam" in domain else project.id
    # The account may belong to another project, which then is the one to name in the remedies.
    there = replace(project, id=owner)
    url = _ACCOUNT.format(project=owner, email=email)
    answer = ask(there, f"{url}:testIamPermissions", body={"permissions": [_ACT_AS]})
    if answer.is_missing:
        raise CloudError(
            f"There is no service account {email}. Make it with: "
            f"gcloud iam service-accounts create {name} --project={owner}"
        )
    if not answer.is_ok:
        raise refusal(there, answer, f"see the account {email}", "roles/iam.serviceAccountViewer")
    if _ACT_AS not in answer.content.get("permissions", []):
        raise CloudError(
            f"This account may not start jobs that run as {email}. Grant it with: "
            f"gcloud iam service-accounts add-iam-policy-binding {email} --project={owner} "
            f"--member={project.member} --role=roles/iam.serviceAccountUser"
        )
    return f"{email} may be used for jobs"
