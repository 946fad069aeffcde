"""Whether the service account of the jobs exists, and jobs may be started as it.

Import this module inside functions: it loads Google's client.
"""

from __future__ import annotations

from dataclasses import replace

from utils.errors import CloudError
from utils.google_cloud.rest import Project, ask, refusal

_ACCOUNT = "https://iam.googleapis.com/v1/projects/{project}/serviceAccounts/{email}"
_ACT_AS = "iam.serviceAccounts.actAs"


def check_account(project: Project, email: str) -> str:
    """Check that a service account exists and that this account may let jobs run as it.

    Args:
        project: Where the jobs run; the account's own project is in its address.
        email: Of the service account.

    Returns:
        What was found.

    Raises:
        CloudError: If it is missing, or may not be used.
    """
    name, _, domain = email.partition("@")
    owner = domain.removesuffix(".iam.gserviceaccount.com") if "iam" in domain else project.id
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
